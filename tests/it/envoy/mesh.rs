//! Two replicas of the real program in front of one sandbox, with the certificates of a mesh.

use crate::support::certificates::{Authority, Files, Identity, client_config};
use crate::support::envoy::{Envoy, sidecar};
use crate::support::process::Process;
use crate::support::soon;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Uri};

/// A service that may call everything.
pub const PAYMENTS: &str = "spiffe://example.org/payments";
const ENVOY: &str = "spiffe://example.org/envoy";

/// Believes Envoy, and lets one service in.
const POLICY: &str = r#"
[callers.payments]
identities = ["spiffe://example.org/payments"]
methods = ["*/*"]

[proxies.envoy]
header = "x-forwarded-client-cert"
identities = ["spiffe://example.org/envoy"]
"#;

pub struct Mesh {
    files: Files,
    services: Authority,
    gateway: Authority,
    sandbox: Process,
    base_url: String,
    replicas: Mutex<[Option<Process>; 2]>,
    addrs: [SocketAddr; 2],
    /// Where each takes webhooks, or took them last.
    webhooks: Mutex<[Option<SocketAddr>; 2]>,
    /// Settings of both beside those of every mesh.
    more: Vec<(&'static str, String)>,
}

impl Mesh {
    /// Replicas that are ready. Each has a log of its own, which outlives it.
    pub async fn start() -> Mesh {
        Mesh::with(Vec::new()).await
    }

    /// The same, with settings that are added, or put in place of what they would have.
    pub async fn with(more: Vec<(&'static str, String)>) -> Mesh {
        let (files, services, gateway) = (Files::new(), Authority::new("services"), Authority::new("gateway"));
        let write = |name: &str, Identity { certificate, key }: Identity| {
            files.write(&format!("{name}.crt"), &certificate);
            files.write(&format!("{name}.key"), &key);
        };
        write("server", gateway.server("envoy"));
        write("client", services.client(ENVOY));
        write("gridgate", gateway.server("gridgate"));
        files.write("services-ca.crt", &services.pem());
        files.write("gridgate-ca.crt", &gateway.pem());
        files.write("policy.toml", POLICY);
        let account = [("GRID_CLIENT_ID", "id"), ("GRID_CLIENT_SECRET", "secret")];
        let mut sandbox =
            Process::start(&["sandbox", "--sandbox-addr=127.0.0.1:0", "--sandbox-regulated=true"], &account);
        let base_url = sandbox.json_line().await["base_url"].clone();
        let mut mesh = Mesh {
            files,
            services,
            gateway,
            sandbox,
            base_url,
            replicas: Mutex::new([None, None]),
            addrs: [SocketAddr::from(([127, 0, 0, 1], 0)); 2],
            webhooks: Mutex::default(),
            more,
        };
        mesh.addrs = [mesh.start_replica(0).await, mesh.start_replica(1).await];
        mesh
    }

    /// Where the replicas listen.
    pub fn addrs(&self) -> [SocketAddr; 2] {
        self.addrs
    }

    /// Where a replica takes webhooks, or did when it last ran: from outside nobody sees that it is stopping.
    pub fn webhook(&self, number: usize) -> Option<SocketAddr> {
        self.webhooks.lock().unwrap()[number]
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.path(name)
    }

    async fn start_replica(&self, number: usize) -> SocketAddr {
        let file = |name: &str| self.path(name).to_str().unwrap().to_owned();
        let settings = [
            ("GRID_CLIENT_ID", "id".to_owned()),
            ("GRID_CLIENT_SECRET", "secret".to_owned()),
            ("LIGHTSPARK_GRID_BASE_URL", self.base_url.clone()),
            ("GRIDGATE_GRPC_ADDR", self.addrs[number].to_string()),
            ("GRIDGATE_ADMIN_ADDR", "127.0.0.1:0".to_owned()),
            ("GRIDGATE_EVENT_LOG", format!("sqlite:{}", file(&format!("events-{number}.db")))),
            ("GRIDGATE_RECONCILE_INTERVAL", "500ms".to_owned()),
            ("GRIDGATE_IDENTITY_POLICY_FILE", file("policy.toml")),
            ("GRIDGATE_GRPC_TLS_CERTIFICATE", file("gridgate.crt")),
            ("GRIDGATE_GRPC_TLS_KEY", file("gridgate.key")),
            ("GRIDGATE_GRPC_TLS_CLIENT_CA", file("services-ca.crt")),
            // Several of Envoy's health checks.
            ("GRIDGATE_SHUTDOWN_DRAIN_DELAY", "1s".to_owned()),
        ];
        let settings: Vec<_> = settings.iter().chain(&self.more).map(|(name, value)| (*name, value.as_str())).collect();
        let mut program = Process::start(&["serve"], &settings);
        let addresses = program.json_line().await;
        let addr = addresses["grpc"].parse().unwrap();
        self.webhooks.lock().unwrap()[number] = addresses.get("webhook").map(|addr| addr.parse().unwrap());
        self.replicas.lock().unwrap()[number] = Some(program);
        addr
    }

    /// Envoy in front of both; `more` is put in place of what its configuration says.
    pub async fn envoy(&self, more: &[(&str, &str)]) -> Envoy {
        self.envoy_before(self.addrs, more).await
    }

    /// Envoy in front of the first one alone.
    pub async fn envoy_before_one(&self) -> Envoy {
        self.envoy_before([self.addrs[0]; 2], &[]).await
    }

    async fn envoy_before(&self, addrs: [SocketAddr; 2], more: &[(&str, &str)]) -> Envoy {
        let directory = self.path("server.crt").parent().unwrap().to_owned();
        let envoy = Envoy::start(&directory, &sidecar(&directory, addrs, more)).await;
        for addr in addrs {
            envoy.until(addr, true).await;
        }
        envoy
    }

    /// Stops a replica as a platform does, and starts it again where it was.
    pub async fn restart(&self, number: usize) {
        let program = self.replicas.lock().unwrap()[number].take().unwrap();
        program.signal("TERM").await;
        let ended = program.ended().await;
        assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
        assert_eq!(self.start_replica(number).await, self.addrs[number]);
    }

    /// A client that shows a certificate with this URI, or none. It connects again when it has to.
    pub async fn channel(&self, addr: SocketAddr, uri: Option<&str>) -> Result<Channel, tonic::transport::Error> {
        let identity = uri.map(|uri| self.services.client(uri));
        let config = Arc::new(client_config(&self.gateway, identity.as_ref(), &[b"h2"]));
        let connector = tower::service_fn(move |_: Uri| {
            let connector = TlsConnector::from(Arc::clone(&config));
            async move {
                let stream = TcpStream::connect(addr).await?;
                connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.map(TokioIo::new)
            }
        });
        soon("connected", Endpoint::from_static("http://gridgate").connect_with_connector(connector)).await
    }

    /// Ends everything in good order.
    pub async fn end(self) {
        for replica in self.replicas.into_inner().unwrap().into_iter().flatten() {
            replica.signal("TERM").await;
            let ended = replica.ended().await;
            assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
        }
        drop(self.sandbox);
    }
}
