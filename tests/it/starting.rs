//! A server whose event log takes its time to open: it lives, is not ready, refuses calls, and can be stopped.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gridgate::config::{Config, settings};
use gridgate::server::App;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

use crate::support::app::free_ports;
use crate::support::fake_grid::{FakeGrid, Reply};
use crate::support::nats::Nats;
use crate::support::process::Process;
use crate::support::raw_grpc::RawClient;
use crate::support::serving::fixed_ports;
use crate::support::soon;
use crate::support::webhook_sender::{WebhookSender, kyc, webhook};

/// Between gridgate and a NATS server: passes nothing on before it is told to.
struct Gate {
    addr: SocketAddr,
    open: Arc<Semaphore>,
    _running: AbortOnDropHandle<()>,
}

impl Gate {
    async fn before(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (addr, open) = (listener.local_addr().unwrap(), Arc::new(Semaphore::new(0)));
        let permits = Arc::clone(&open);
        let running = tokio::spawn(async move {
            loop {
                let (mut inward, _) = listener.accept().await.unwrap();
                let permits = Arc::clone(&permits);
                tokio::spawn(async move {
                    drop(permits.acquire().await.unwrap());
                    let mut outward = TcpStream::connect(to).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut inward, &mut outward).await;
                });
            }
        });
        Self { addr, open, _running: AbortOnDropHandle::new(running) }
    }
}

async fn health(channel: &Channel, service: &str) -> ServingStatus {
    let request = HealthCheckRequest { service: service.to_owned() };
    soon("health", HealthClient::new(channel.clone()).check(request)).await.unwrap().into_inner().status()
}

async fn admin(addr: SocketAddr, path: &str) -> (u16, String) {
    let response = soon("an answer", reqwest::get(format!("http://{addr}{path}"))).await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_log_opens_it_lives_and_is_not_ready_and_then_it_is() {
    let nats = Nats::shared_single().await;
    let gate = Gate::before(nats.servers()[0].trim_start_matches("nats://").parse().unwrap()).await;
    let (grid, upstream) = (WebhookSender::new(), FakeGrid::start().await);
    upstream.on("GET", "/config", Reply::json(200, json!({ "isRegulatedFinancialInstitution": true })));
    upstream.on("POST", "/payments", Reply::json(200, json!({ "decided": true })));
    let account = [("GRID_CLIENT_ID", "id"), ("GRID_CLIENT_SECRET", "secret")];
    let sources = free_ports()
        .with_env(account.map(|(name, value)| (name.into(), value.into())))
        .with(&settings::GRID_BASE_URL, upstream.base_url())
        .with(&settings::WEBHOOK_PUBLIC_KEYS, grid.public_key())
        .with(&settings::WEBHOOK_RELAY_URL, format!("{}/payments", upstream.base_url()))
        .with(&settings::EVENT_LOG, format!("nats://{}", gate.addr))
        .with(&settings::NATS_PREFIX, format!("s{:x}", fastrand::u64(..)))
        .with(&settings::NATS_REPLICAS, "1")
        .with(&settings::EVENT_MAX_SIZE, "64MiB");
    let app = App::bind(Config::load(sources, false).unwrap()).await.unwrap();
    let (addresses, ready, stop) = (app.addresses(), app.ready(), CancellationToken::new());
    let running = tokio::spawn(app.run(stop.clone().cancelled_owned()));
    let mut ready = Box::pin(ready);

    let endpoint = Endpoint::from_shared(format!("http://{}", addresses.grpc)).unwrap();
    let channel = soon("connected", endpoint.connect()).await.unwrap();
    for service in ["", "gridgate.v1.CustomerService", "gridgate.v1.KycEventService"] {
        assert_eq!(health(&channel, service).await, ServingStatus::NotServing, "{service}");
    }
    let request = HealthCheckRequest { service: String::new() };
    let mut watch = soon("watch", HealthClient::new(channel.clone()).watch(request)).await.unwrap().into_inner();
    assert_eq!(soon("a status", watch.message()).await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert_eq!(admin(addresses.admin, "/livez").await, (200, "alive\n".to_owned()));
    assert_eq!(admin(addresses.admin, "/readyz").await, (503, "starting\n".to_owned()));
    assert_eq!(admin(addresses.admin, "/quarantine").await.0, 503);
    let (status, metrics) = admin(addresses.admin, "/metrics").await;
    assert_eq!(status, 200);
    assert!(!metrics.contains("\ngridgate_event_log_up "), "{metrics}");

    let mut client = RawClient::connect(addresses.grpc).await;
    for method in
        ["PlatformService/GetPlatformConfig", "KycEventService/ListKycEvents", "KycEventService/WatchKycStatus"]
    {
        let refused = client.call(&format!("/gridgate.v1.{method}"), &[]).await.status();
        let reason = refused.get_details_error_info().unwrap().reason;
        assert_eq!((refused.code(), reason.as_str()), (Code::Unavailable, "STARTING"), "{method}");
    }
    assert_eq!(client.call("/no.such.Service/Method", &[]).await.code(), Code::Unimplemented, "nor will there be");
    // What needs no log is passed on; what does is refused, and Grid sends it again.
    let deliver = async |body: String| soon("an answer", grid.webhook(body).send(addresses.webhook.unwrap())).await;
    for body in [kyc("W:1", "Customer:1", "APPROVED"), webhook("W:2", "CUSTOMER.KYC_APPROVED", json!(1))] {
        let answer = deliver(body).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "starting"));
    }
    assert_eq!(deliver(webhook("W:3", "INCOMING_PAYMENT.PENDING", json!({}))).await.status, 200);
    assert!(futures_util::FutureExt::now_or_never(&mut ready).is_none(), "it is not ready");

    gate.open.add_permits(1);
    soon("ready", ready).await;
    assert_eq!(soon("a status", watch.message()).await.unwrap().unwrap().status(), ServingStatus::Serving);
    assert_eq!(admin(addresses.admin, "/readyz").await.0, 200);
    let (_, metrics) = admin(addresses.admin, "/metrics").await;
    assert!(metrics.contains("\ngridgate_event_log_up 1"), "{metrics}");
    // Over the connection that was refused before.
    assert_eq!(client.call("/gridgate.v1.PlatformService/GetPlatformConfig", &[]).await.code(), Code::Ok);
    assert_eq!(client.call("/no.such.Service/Method", &[]).await.code(), Code::Unimplemented);
    assert_eq!(deliver(kyc("W:1", "Customer:1", "APPROVED")).await.status, 200);
    stop.cancel();
    soon("stopped", running).await.unwrap().unwrap();
}

/// The program, before a NATS server that says nothing; and where it listens, as its log lines have it.
async fn before_a_silent_nats(ports: &[SocketAddr; 2]) -> (Process, TcpListener) {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let env = BTreeMap::from([
        ("GRID_CLIENT_ID", "id".to_owned()),
        ("GRID_CLIENT_SECRET", "secret".to_owned()),
        ("GRIDGATE_EVENT_LOG", format!("nats://{}", silent.local_addr().unwrap())),
        ("GRIDGATE_GRPC_ADDR", ports[0].to_string()),
        ("GRIDGATE_ADMIN_ADDR", ports[1].to_string()),
        ("GRIDGATE_SHUTDOWN_DRAIN_DELAY", "1h".to_owned()),
        ("GRIDGATE_SHUTDOWN_GRACE_PERIOD", "2h".to_owned()),
    ]);
    let env: Vec<_> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let program = Process::start(&["serve"], &env);
    (program, silent)
}

#[tokio::test]
async fn a_signal_ends_a_start_at_once() {
    for signal in ["TERM", "INT"] {
        let ports = fixed_ports(&mut fastrand::Rng::new());
        let (program, silent) = before_a_silent_nats(&ports).await;
        let _asked = soon("NATS is asked", silent.accept()).await.unwrap();
        // Whoever watches its health does not keep it.
        let endpoint = Endpoint::from_shared(format!("http://{}", ports[0])).unwrap();
        let channel = soon("connected", endpoint.connect()).await.unwrap();
        let request = HealthCheckRequest { service: String::new() };
        let mut watch = soon("watch", HealthClient::new(channel).watch(request)).await.unwrap().into_inner();
        assert_eq!(soon("a status", watch.message()).await.unwrap().unwrap().status(), ServingStatus::NotServing);

        program.signal(signal).await;
        let ended = tokio::time::timeout(Duration::from_secs(5), program.ended()).await.expect("it ends at once");
        assert_eq!((ended.status.code(), ended.stdout.as_str()), (Some(0), ""), "{}", ended.stderr);
        let told = soon("the end of the watch", watch.message()).await.unwrap_err();
        assert_eq!(told.get_details_error_info().unwrap().reason, "SHUTTING_DOWN");
    }
}

#[tokio::test]
async fn a_log_that_cannot_be_opened_is_named_with_its_setting() {
    // It speaks NATS, and refuses everyone.
    let nats = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("nats://{}", nats.local_addr().unwrap());
    let refusing = tokio::spawn(async move {
        loop {
            let (mut stream, _) = nats.accept().await.unwrap();
            stream.write_all(b"INFO {\"auth_required\":true,\"max_payload\":1048576}\r\n").await.unwrap();
            let mut line = String::new();
            let _ = BufReader::new(&mut stream).read_line(&mut line).await;
            let _ = stream.write_all(b"-ERR 'Authorization Violation'\r\n").await;
            let _ = stream.read(&mut [0; 1024]).await;
        }
    });
    let env = [
        ("GRID_CLIENT_ID", "id"),
        ("GRID_CLIENT_SECRET", "secret"),
        ("GRIDGATE_EVENT_LOG", url.as_str()),
        ("GRIDGATE_GRPC_ADDR", "127.0.0.1:0"),
        ("GRIDGATE_ADMIN_ADDR", "127.0.0.1:0"),
    ];
    let ended = Process::start(&["serve"], &env).ended().await;
    assert_eq!((ended.status.code(), ended.stdout.as_str()), (Some(1), ""), "{}", ended.stderr);
    for part in ["cannot start", "the event log cannot be opened", "GRIDGATE_EVENT_LOG", "refuses the user"] {
        assert!(ended.stderr.contains(part), "{part} is not in {}", ended.stderr);
    }
    refusing.abort();
}
