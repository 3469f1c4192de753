//! TLS on every port: who gets in, what is spoken, and certificates that change while it runs.

mod files;

use crate::support::app::{TestApp, free_ports};
use crate::support::certificates::{Authority, Files, Identity, client_config};
use crate::support::process::Process;
use crate::support::raw_grpc::RawClient;
use crate::support::silent_grid::SilentGrid;
use crate::support::soon;
use crate::telemetry::metrics::sample;
use gridgate::config::{Config, Setting, Sources, settings};
use rcgen::KeyPair;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::Code;

const METHOD: &str = "/grpc.health.v1.Health/Check";
const H2: &[&[u8]] = &[b"h2"];
const HTTP1: &[&[u8]] = &[b"http/1.1"];

/// A CA with a certificate of its own for the server.
struct Setup {
    files: Files,
    authority: Authority,
    set: Vec<(&'static Setting, String)>,
}

impl Setup {
    fn new() -> Setup {
        let (files, authority) = (Files::new(), Authority::new("servers"));
        let Identity { certificate, key } = authority.server("first");
        let (certificate, key) = (files.write("tls.crt", &certificate), files.write("tls.key", &key));
        let set = vec![
            (&settings::GRPC_TLS_CERTIFICATE, certificate),
            (&settings::GRPC_TLS_KEY, key),
            (&settings::TLS_RELOAD_INTERVAL, "20ms".to_owned()),
        ];
        Setup { files, authority, set }
    }

    /// Asks gRPC clients for certificates of `clients`.
    fn asking(self, clients: &Authority, needed: &str) -> Setup {
        let ca = self.files.write("clients.pem", &clients.pem());
        self.with(&settings::GRPC_TLS_CLIENT_CA, &ca).with(&settings::GRPC_TLS_CLIENT_CERTIFICATES, needed)
    }

    fn with(mut self, setting: &'static Setting, value: &str) -> Setup {
        self.set.push((setting, value.to_owned()));
        self
    }

    fn sources(&self) -> Sources {
        self.set.iter().fold(free_ports(), |sources, (setting, value)| sources.with(setting, value))
    }

    async fn start(&self) -> TestApp {
        TestApp::start(Config::load(self.sources(), true).unwrap()).await
    }

    fn client(&self, is: Option<&Identity>) -> ClientConfig {
        client_config(&self.authority, is, H2)
    }
}

async fn connect(addr: SocketAddr, config: ClientConfig) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(addr).await?;
    let name = ServerName::try_from("localhost").unwrap();
    soon("shaken hands", TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}

/// Whether the server ends a connection with this client. In TLS 1.3 a client has finished before the server judges.
async fn is_refused(addr: SocketAddr, config: ClientConfig) -> bool {
    match connect(addr, config).await {
        Err(_) => true,
        // HTTP/2 begins with the server's settings, and HTTP/1.1 with nothing.
        Ok(mut stream) => soon("settings, or the end", stream.read_u8()).await.is_err(),
    }
}

async fn code(client: &mut RawClient) -> Code {
    client.call(METHOD, &[]).await.code()
}

/// The common name of the server's certificate is in it as text.
fn shows(stream: &TlsStream<TcpStream>, name: &str) -> bool {
    let certificates = stream.get_ref().1.peer_certificates().unwrap();
    certificates[0].windows(name.len()).any(|window| window == name.as_bytes())
}

#[tokio::test]
async fn calls_are_answered_over_tls_and_nothing_else() {
    let setup = Setup::new();
    let app = setup.start().await;
    let stream = connect(app.addresses.grpc, setup.client(None)).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    assert_eq!(stream.get_ref().1.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
    assert_eq!(code(&mut RawClient::over(stream).await).await, Code::Ok);

    // Some clients negotiate nothing, and speak HTTP/2 all the same.
    let stream = connect(app.addresses.grpc, client_config(&setup.authority, None, &[])).await.unwrap();
    assert_eq!(code(&mut RawClient::over(stream).await).await, Code::Ok);
    assert!(is_refused(app.addresses.grpc, client_config(&setup.authority, None, HTTP1)).await);

    let mut plain = TcpStream::connect(app.addresses.grpc).await.unwrap();
    plain.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut said = Vec::new();
    let _ = soon("closed", plain.read_to_end(&mut said)).await;
    // An alert (RFC 8446, section 5.1), and no HTTP.
    assert!(said.first().is_none_or(|first| *first == 21), "{said:?}");
    app.stop().await.unwrap();
}

#[tokio::test]
async fn tls_1_2_is_spoken_too() {
    let setup = Setup::new();
    let app = setup.start().await;
    let mut config = setup.client(None);
    // Only this version, as some meshes have it.
    config = {
        let mut roots = rustls::RootCertStore::empty();
        use rustls::pki_types::pem::PemObject as _;
        let ca = rustls::pki_types::CertificateDer::from_pem_slice(setup.authority.pem().as_bytes()).unwrap();
        roots.add(ca).unwrap();
        let mut only = ClientConfig::builder_with_provider(Arc::clone(config.crypto_provider()))
            .with_protocol_versions(&[&rustls::version::TLS12])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        only.alpn_protocols = vec![b"h2".to_vec()];
        only
    };
    let stream = connect(app.addresses.grpc, config).await.unwrap();
    assert_eq!(stream.get_ref().1.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_2));
    assert_eq!(code(&mut RawClient::over(stream).await).await, Code::Ok);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn clients_need_a_certificate_of_their_ca_where_it_is_required() {
    let clients = Authority::new("clients");
    let setup = Setup::new().asking(&clients, "required");
    let app = setup.start().await;
    let uri = "spiffe://example.org/payments";
    let foreign = Authority::new("clients").client(uri);
    for (who, identity) in
        [("nobody", None), ("a stranger", Some(foreign)), ("the past", Some(clients.expired_client(uri)))]
    {
        assert!(is_refused(app.addresses.grpc, setup.client(identity.as_ref())).await, "{who} was let in");
    }
    // Its own certificate is none of the clients' CA.
    assert!(is_refused(app.addresses.grpc, setup.client(Some(&setup.authority.server("x")))).await);
    let stream = connect(app.addresses.grpc, setup.client(Some(&clients.client(uri)))).await.unwrap();
    assert_eq!(code(&mut RawClient::over(stream).await).await, Code::Ok);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn where_certificates_are_optional_only_bad_ones_are_refused() {
    let clients = Authority::new("clients");
    let setup = Setup::new().asking(&clients, "optional");
    let app = setup.start().await;
    let uri = "spiffe://example.org/payments";
    for identity in [None, Some(clients.client(uri))] {
        let stream = connect(app.addresses.grpc, setup.client(identity.as_ref())).await.unwrap();
        assert_eq!(code(&mut RawClient::over(stream).await).await, Code::Ok);
    }
    let foreign = Authority::new("others").client(uri);
    assert!(is_refused(app.addresses.grpc, setup.client(Some(&foreign))).await);
    assert!(is_refused(app.addresses.grpc, setup.client(Some(&clients.expired_client(uri)))).await);
    app.stop().await.unwrap();
}

/// Connects until the server shows this certificate.
async fn until_it_shows(addr: SocketAddr, setup: &Setup, name: &str) -> TlsStream<TcpStream> {
    soon("the new certificate", async {
        loop {
            let stream = connect(addr, setup.client(None)).await.unwrap();
            if shows(&stream, name) {
                return stream;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_new_connections_while_old_ones_go_on() {
    let setup = Setup::new();
    let app = setup.start().await;
    let stream = connect(app.addresses.grpc, setup.client(None)).await.unwrap();
    assert!(shows(&stream, "first"));
    let mut old = RawClient::over(stream).await;
    assert_eq!(code(&mut old).await, Code::Ok);

    // The certificate is there before its key, for a while.
    let second = setup.authority.server("second");
    setup.files.write("tls.crt", &second.certificate);
    for _ in 0..10 {
        let stream = connect(app.addresses.grpc, setup.client(None)).await.unwrap();
        assert!(shows(&stream, "first"));
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    setup.files.write("tls.key", &second.key);
    let stream = until_it_shows(app.addresses.grpc, &setup, "second").await;
    assert_eq!(code(&mut RawClient::over(stream).await).await, Code::Ok);
    assert_eq!(code(&mut old).await, Code::Ok);

    // Neither what is broken nor what is gone takes the old one away.
    setup.files.write("tls.crt", "nonsense");
    std::fs::remove_file(setup.files.path("tls.key")).unwrap();
    let third = setup.authority.server("third");
    setup.files.write("tls.crt", &third.certificate);
    let stream = connect(app.addresses.grpc, setup.client(None)).await.unwrap();
    assert!(shows(&stream, "second"));
    // And whoever asks is told since when.
    let since = || async {
        let metrics =
            reqwest::get(format!("http://{}/metrics", app.addresses.admin)).await.unwrap().text().await.unwrap();
        sample(&metrics, "gridgate_tls_refused_since_timestamp_seconds")
    };
    soon("told", async { while since().await.is_none() {} }).await;
    setup.files.write("tls.key", &third.key);
    until_it_shows(app.addresses.grpc, &setup, "third").await;
    assert_eq!(since().await, None);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_symbolic_link_that_is_swapped_is_followed() {
    let mut setup = Setup::new();
    let first = setup.authority.server("first");
    let link = setup.files.swap("1", &[("tls.crt", &first.certificate), ("tls.key", &first.key)]);
    let path = |name: &str| link.join(name).to_str().unwrap().to_owned();
    setup =
        setup.with(&settings::GRPC_TLS_CERTIFICATE, &path("tls.crt")).with(&settings::GRPC_TLS_KEY, &path("tls.key"));
    let app = setup.start().await;
    let second = setup.authority.server("second");
    setup.files.swap("2", &[("tls.crt", &second.certificate), ("tls.key", &second.key)]);
    until_it_shows(app.addresses.grpc, &setup, "second").await;
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_client_ca_that_is_replaced_lets_others_in() {
    let (clients, others) = (Authority::new("clients"), Authority::new("others"));
    let setup = Setup::new().asking(&clients, "required");
    let app = setup.start().await;
    let (old, new) = (clients.client("spiffe://example.org/a"), others.client("spiffe://example.org/b"));
    assert!(is_refused(app.addresses.grpc, setup.client(Some(&new))).await);
    setup.files.write("clients.pem", &others.pem());
    soon("the new CA", async { while is_refused(app.addresses.grpc, setup.client(Some(&new))).await {} }).await;
    assert!(is_refused(app.addresses.grpc, setup.client(Some(&old))).await);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn webhooks_and_admin_speak_both_kinds_of_http() {
    let setup = Setup::new();
    let upstream = SilentGrid::start().await;
    let path = |name| setup.files.path(name).to_str().unwrap().to_owned();
    let account = [
        ("GRID_CLIENT_ID", "id".to_owned()),
        ("GRID_CLIENT_SECRET", "secret".to_owned()),
        ("GRID_WEBHOOK_PUBKEY", KeyPair::generate().unwrap().public_key_pem().replace('\n', "\\n")),
    ];
    let sources = setup
        .sources()
        .with_env(account.map(|(name, value)| (name.into(), value.into())))
        .with(&settings::GRID_BASE_URL, upstream.base_url())
        .with(&settings::ADMIN_TLS_CERTIFICATE, path("tls.crt"))
        .with(&settings::ADMIN_TLS_KEY, path("tls.key"))
        .with(&settings::WEBHOOK_TLS_CERTIFICATE, path("tls.crt"))
        .with(&settings::WEBHOOK_TLS_KEY, path("tls.key"));
    let app = TestApp::start(Config::load(sources, false).unwrap()).await;
    let ca = reqwest::Certificate::from_pem(setup.authority.pem().as_bytes()).unwrap();
    let builder = || reqwest::Client::builder().tls_certs_only([ca.clone()]);
    for (client, version) in
        [(builder().http1_only(), http::Version::HTTP_11), (builder().http2_prior_knowledge(), http::Version::HTTP_2)]
    {
        let client = client.build().unwrap();
        let ready = client.get(format!("https://{}/readyz", app.addresses.admin)).send();
        let ready = soon("readiness", ready).await.unwrap();
        assert_eq!((ready.status().as_u16(), ready.version()), (200, version));
        let webhook = format!("https://{}/webhooks/grid", app.addresses.webhook.unwrap());
        let unsigned = soon("a refusal", client.post(webhook).body("{}").send()).await.unwrap();
        assert_eq!((unsigned.status().as_u16(), unsigned.version()), (401, version));
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_not_waited_for() {
    let setup = Setup::new().with(&settings::TLS_HANDSHAKE_TIMEOUT, "50ms");
    let app = setup.start().await;
    let mut silent = TcpStream::connect(app.addresses.grpc).await.unwrap();
    soon("closed", silent.read_to_end(&mut Vec::new())).await.unwrap();
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_connection_lasts_no_longer_than_its_clients_certificate() {
    let clients = Authority::new("clients");
    let setup = Setup::new().asking(&clients, "required");
    let app = setup.start().await;
    let until = |left: u64| std::time::SystemTime::now() + std::time::Duration::from_secs(left);
    let connected = async |identity: &Identity| {
        let stream = connect(app.addresses.grpc, setup.client(Some(identity))).await.unwrap();
        RawClient::over(stream).await
    };
    let mut brief = connected(&clients.client_until("spiffe://example.org/brief", until(3))).await;
    let mut other = connected(&clients.client_until("spiffe://example.org/other", until(3600))).await;
    assert_eq!(brief.call(METHOD, &[]).await.code(), Code::Ok);
    soon("the end of the connection", brief.closed()).await;
    assert_eq!(other.call(METHOD, &[]).await.code(), Code::Ok);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn handshakes_that_do_not_come_keep_nobody_waiting() {
    let setup = Setup::new().with(&settings::TLS_HANDSHAKE_TIMEOUT, "10m");
    let app = setup.start().await;
    let mut silent = Vec::new();
    for _ in 0..400 {
        silent.push(soon("connected", TcpStream::connect(app.addresses.grpc)).await.unwrap());
    }
    let stream = connect(app.addresses.grpc, setup.client(None)).await.unwrap();
    assert_eq!(RawClient::over(stream).await.call(METHOD, &[]).await.code(), Code::Ok);
    drop(silent);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn the_healthcheck_speaks_tls_and_shows_its_certificate() {
    let clients = Authority::new("clients");
    let setup = Setup::new().asking(&clients, "required");
    let app = setup.start().await;
    let addr = app.addresses.grpc.to_string();
    let Identity { certificate, key } = clients.client("spiffe://example.org/probe");
    let files = [
        setup.files.write("ca.pem", &setup.authority.pem()),
        setup.files.write("probe.crt", &certificate),
        setup.files.write("probe.key", &key),
    ];
    let env = [
        ("GRIDGATE_GRPC_ADDR", addr.as_str()),
        ("GRIDGATE_CLIENT_TLS_CA", files[0].as_str()),
        ("GRIDGATE_CLIENT_TLS_CERTIFICATE", files[1].as_str()),
        ("GRIDGATE_CLIENT_TLS_KEY", files[2].as_str()),
    ];
    let healthy = Process::start(&["healthcheck"], &env).ended().await;
    assert_eq!(healthy.status.code(), Some(0), "{}", healthy.stderr);
    // A bundle in which this CA stands second, right behind another; a marked certificate, and a key that is indented.
    let indented: String = key.lines().map(|line| format!("  {line}\r\n")).collect();
    let other = Authority::new("other").pem();
    setup.files.write("ca.pem", &format!("{}{}", other.trim_end(), setup.authority.pem()));
    setup.files.write("probe.crt", &format!("\u{feff}{certificate}"));
    setup.files.write("probe.key", &indented);
    let healthy = Process::start(&["healthcheck"], &env).ended().await;
    assert_eq!(healthy.status.code(), Some(0), "{}", healthy.stderr);
    setup.files.write("ca.pem", &format!("{}{}", setup.authority.pem(), other.replace("-----BEGIN", "----BEGIN")));
    let refused = Process::start(&["healthcheck"], &env).ended().await;
    assert_eq!(refused.status.code(), Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("client.tls_ca") && refused.stderr.contains("block 2"), "{}", refused.stderr);
    setup.files.write("ca.pem", &setup.authority.pem());
    for without in [&env[..1], &env[..2]] {
        assert_eq!(Process::start(&["healthcheck"], without).ended().await.status.code(), Some(1));
    }
    app.stop().await.unwrap();
}
