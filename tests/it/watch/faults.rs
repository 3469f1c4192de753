//! `gridgate watch`, and what else calls: faults that stay end it and say what to do, others are said and waited out.

use std::net::SocketAddr;

use gridgate::config::{Config, settings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::task::AbortOnDropHandle;

use super::proxy::Proxy;
use super::watched::{Watched, watched};
use crate::support::app::{TestApp, free_ports};
use crate::support::certificates::{Authority, Files, Identity};
use crate::support::process::Process;

/// Runs a command that calls `url`, to its end.
async fn fails(command: &str, url: &str, flags: &[&str]) -> String {
    let url_flag = format!("--client-url={url}");
    let ended = Process::start(&[&[command, url_flag.as_str()], flags].concat(), &[]).ended().await;
    assert_eq!((ended.status.code(), ended.stdout.as_str()), (Some(1), ""), "{command} {url}: {}", ended.stderr);
    assert!(ended.stderr.contains(url), "{url} is not named: {}", ended.stderr);
    assert!(!ended.stderr.contains("connecting again"), "{}", ended.stderr);
    ended.stderr
}

/// Both commands that call say the same.
async fn both_fail(url: &str, flags: &[&str], words: &[&str]) {
    for command in ["watch", "healthcheck"] {
        let said = fails(command, url, flags).await;
        for words in words {
            assert!(said.contains(words), "{command} {url} says {said}, and not {words:?}");
        }
    }
}

/// A server that gives everyone this answer, whatever they say.
async fn answering(bytes: &'static [u8]) -> (SocketAddr, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(bytes).await;
                let _ = stream.shutdown().await;
                let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
            });
        }
    });
    (addr, AbortOnDropHandle::new(serving))
}

#[tokio::test]
async fn a_port_without_tls_that_is_called_with_it() {
    let app = TestApp::with_sandbox().await;
    let (grpc, admin) = (app.addresses.grpc, app.addresses.admin);
    for addr in [grpc, admin] {
        both_fail(&format!("https://{addr}"), &[], &["does not speak TLS", "http://"]).await;
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_port_that_is_no_grpc_port() {
    let app = TestApp::with_sandbox().await;
    let others = [app.addresses.admin, app.addresses.webhook.unwrap(), app.addresses.sandbox.unwrap()];
    for addr in others {
        both_fail(&format!("http://{addr}"), &[], &["speaks HTTP/1.1", "gRPC port"]).await;
    }
    let (addr, _serving) =
        answering(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n").await;
    both_fail(&format!("http://{addr}"), &[], &["speaks TLS", "https://"]).await;
    app.stop().await.unwrap();
}

/// An app whose gRPC port speaks TLS, and files for those who call it.
struct Secured {
    app: TestApp,
    files: Files,
    ca: String,
}

impl Secured {
    async fn start(clients: Option<&Authority>) -> Secured {
        let (files, servers) = (Files::new(), Authority::new("servers"));
        let Identity { certificate, key } = servers.server("gridgate.internal");
        let mut sources = free_ports()
            .with(&settings::GRPC_TLS_CERTIFICATE, files.write("tls.crt", &certificate))
            .with(&settings::GRPC_TLS_KEY, files.write("tls.key", &key));
        if let Some(clients) = clients {
            sources = sources
                .with(&settings::GRPC_TLS_CLIENT_CA, files.write("clients.pem", &clients.pem()))
                .with(&settings::GRPC_TLS_CLIENT_CERTIFICATES, "required");
        }
        let app = TestApp::start(Config::load(sources, true).unwrap()).await;
        let ca = format!("--client-tls-ca={}", files.write("ca.pem", &servers.pem()));
        Secured { app, files, ca }
    }

    fn url(&self) -> String {
        format!("https://{}", self.app.addresses.grpc)
    }

    fn identity(&self, Identity { certificate, key }: &Identity) -> [String; 2] {
        let file = |name: &str, text: &str| self.files.write(name, text);
        let (certificate, key) = (file("own.pem", certificate), file("own.key", key));
        [format!("--client-tls-certificate={certificate}"), format!("--client-tls-key={key}")]
    }
}

#[tokio::test]
async fn a_port_with_tls_that_is_called_wrongly() {
    let secured = Secured::start(None).await;
    let plain = format!("http://{}", secured.app.addresses.grpc);
    both_fail(&plain, &[], &["speaks TLS", "https://"]).await;
    let stranger = format!("--client-tls-ca={}", secured.files.write("other.pem", &Authority::new("others").pem()));
    both_fail(&secured.url(), &[&stranger], &["does not trust", "GRIDGATE_CLIENT_TLS_CA"]).await;
    let other = [secured.ca.as_str(), "--client-tls-server-name=other.internal"];
    both_fail(&secured.url(), &other, &["has a certificate for another name", "GRIDGATE_CLIENT_TLS_SERVER_NAME"]).await;
    secured.app.stop().await.unwrap();
}

#[tokio::test]
async fn a_port_that_asks_for_client_certificates() {
    let clients = Authority::new("clients");
    let secured = Secured::start(Some(&clients)).await;
    let ca = secured.ca.as_str();
    both_fail(&secured.url(), &[ca], &["requires a client certificate", "GRIDGATE_CLIENT_TLS_CERTIFICATE"]).await;
    let strangers = Authority::new("strangers").client("spiffe://mesh/a");
    for wrong in [strangers, clients.expired_client("spiffe://mesh/a")] {
        let [certificate, key] = secured.identity(&wrong);
        let flags = [ca, certificate.as_str(), key.as_str()];
        both_fail(&secured.url(), &flags, &["rejects the client certificate"]).await;
    }
    secured.app.stop().await.unwrap();
}

fn watch(addr: SocketAddr, flags: &[&str]) -> Process {
    let url = format!("--client-url=http://{addr}");
    Process::start(&[&["watch", url.as_str()], flags].concat(), &[])
}

#[tokio::test]
async fn nobody_there_yet_is_said_and_waited_out() {
    // The port is taken, and nobody listens.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = socket.local_addr().unwrap();
    let mut program = watch(addr, &[]);
    program.complains(&format!("http://{addr} cannot be reached: nothing listens there")).await;
    program.complains("; reconnecting in 0.").await;
    let (rig, listener) = (watched().await.rig, socket.listen(16).unwrap());
    let _proxy = Proxy::over(listener, rig.addr());
    program.complains("reconnected").await;
    program.signal("INT").await;
    assert_eq!(program.ended().await.status.code(), Some(0));
}

#[tokio::test]
async fn a_proxy_that_has_nobody_behind_it_is_waited_out() {
    let (addr, _serving) = answering(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n").await;
    let mut program = watch(addr, &[]);
    program.complains("; reconnecting in ").await;
    program.complains(&format!("http://{addr} broke the connection")).await;
    program.signal("INT").await;
    assert_eq!(program.ended().await.status.code(), Some(0));
}

#[tokio::test]
async fn a_log_that_is_another_one_is_begun_anew() {
    let (before, after) = (watched().await, watched().await);
    let proxy = Proxy::to(before.rig.addr()).await;
    before.writer.says("a", "PENDING").await;
    let mut program = watch(proxy.addr, &["--from=earliest"]);
    assert!(program.line().await.ends_with("Customer:a  PENDING"));
    assert!(program.line().await.contains("up to date"));
    after.writer.says("b", "PENDING").await;
    proxy.cut(Some(after.rig.addr()));
    program.complains("has another event log than before: changes may have been missed").await;
    assert!(program.line().await.ends_with("Customer:b  PENDING"));
    assert!(program.line().await.contains("up to date"));
    after.writer.says("b", "REJECTED").await;
    assert!(program.line().await.contains("PENDING → REJECTED"));
    program.signal("INT").await;
    assert_eq!(program.ended().await.status.code(), Some(0));
}

#[tokio::test]
async fn what_is_no_longer_kept_is_said_and_begun_anew() {
    let Watched { store, log: _, writer, rig } = watched().await;
    let proxy = Proxy::to(rig.addr()).await;
    writer.says("a", "PENDING").await;
    let mut program = watch(proxy.addr, &["--from=earliest"]);
    assert!(program.line().await.ends_with("Customer:a  PENDING"));
    assert!(program.line().await.contains("up to date"));
    proxy.cut(None);
    writer.says("a", "HOLD").await;
    writer.says("a", "APPROVED").await;
    store.trim();
    proxy.cut(Some(rig.addr()));
    program.complains("no longer keeps the events after the last one: changes may have been missed").await;
    assert!(program.line().await.ends_with("Customer:a  APPROVED"));
    program.signal("INT").await;
    assert_eq!(program.ended().await.status.code(), Some(0));
}

#[tokio::test]
async fn a_frozen_server_is_called_again() {
    let mut server = Process::serve_sandbox(&[]);
    let addr = server.json_line().await["grpc"].parse().unwrap();
    let mut program = watch(addr, &["--heartbeat=1"]);
    assert!(program.line().await.contains("up to date"));
    server.signal("STOP").await;
    program.complains(&format!("http://{addr} sends no heartbeats; reconnecting in ")).await;
    // As frozen as before, it takes connections and says nothing on them.
    program.complains(&format!("http://{addr} does not answer; reconnecting in ")).await;
    server.signal("CONT").await;
    program.complains("reconnected").await;
    program.signal("INT").await;
    assert_eq!(program.ended().await.status.code(), Some(0));
}
