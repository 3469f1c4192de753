//! Clients of HTTP/1.1 that shut their side when they have sent a request, and wait for the answer.

use crate::support::app::{TestApp, free_ports};
use crate::support::certificates::{Authority, Files, Identity, client_config};
use crate::support::soon;
use gridgate::config::{Config, settings};
use gridgate::server::Addresses;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

/// Says all of it, shuts its side, and takes what comes until the connection ends.
async fn say_and_shut(mut stream: impl AsyncRead + AsyncWrite + Unpin, words: &str) -> String {
    stream.write_all(words.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    soon("the connection ends", stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8(answer).unwrap()
}

async fn ask(addr: SocketAddr, words: &str) -> String {
    say_and_shut(TcpStream::connect(addr).await.unwrap(), words).await
}

fn status_lines(answer: &str) -> Vec<&str> {
    answer.match_indices("HTTP/1.1 ").filter_map(|(at, _)| answer[at..].lines().next()).collect()
}

/// What is answered on each port that speaks HTTP/1.1: to a request, and with what.
fn ports(addresses: &Addresses) -> [(SocketAddr, String, &'static str); 3] {
    let head = "Host: localhost\r\nContent-Type: application/json\r\n";
    [
        (
            addresses.webhook.unwrap(),
            format!("POST /webhooks/grid HTTP/1.1\r\n{head}Content-Length: 2\r\n\r\n{{}}"),
            "HTTP/1.1 401 Unauthorized",
        ),
        (addresses.admin, format!("GET /readyz HTTP/1.1\r\n{head}\r\n"), "HTTP/1.1 200 OK"),
        (
            addresses.sandbox.unwrap(),
            format!("POST /control/clock HTTP/1.1\r\n{head}Content-Length: 21\r\n\r\n{{\"advanceSeconds\": 1}}"),
            "HTTP/1.1 200 OK",
        ),
    ]
}

#[tokio::test]
async fn a_request_is_answered_on_every_port_and_the_connection_ends() {
    let app = TestApp::with_sandbox().await;
    for (addr, request, expected) in ports(&app.addresses) {
        assert_eq!(status_lines(&ask(addr, &request).await), [expected], "{request}");
        // Several, before the side was shut.
        assert_eq!(status_lines(&ask(addr, &request.repeat(3)).await), [expected; 3], "{request}");
        // What is not complete is not acted on, and not waited for.
        let answer = ask(addr, &request[..request.len() - 1]).await;
        assert!(status_lines(&answer).iter().all(|line| line.starts_with("HTTP/1.1 4")), "{answer}");
        assert_eq!(ask(addr, "").await, "");
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn an_answer_that_takes_a_while_comes() {
    let app = TestApp::with_sandbox().await;
    let sandbox = app.addresses.sandbox.unwrap();
    let fault = r#"{"faults": [{"path": "/config", "delayMillis": 700}]}"#;
    let head = "Host: localhost\r\nContent-Type: application/json\r\n";
    let faults = format!("POST /control/faults HTTP/1.1\r\n{head}Content-Length: {}\r\n\r\n{fault}", fault.len());
    assert_eq!(status_lines(&ask(sandbox, &faults).await).len(), 1);
    let began = Instant::now();
    let asking =
        tokio::spawn(async move { ask(sandbox, &format!("GET /grid/2025-10-13/config HTTP/1.1\r\n{head}\r\n")).await });
    let answer = soon("an answer", asking).await.unwrap();
    assert_eq!(status_lines(&answer), ["HTTP/1.1 401 Unauthorized"], "{answer}");
    assert!(began.elapsed() >= Duration::from_millis(700));
    app.stop().await.unwrap();
}

#[tokio::test]
async fn with_tls_too() {
    let (files, authority) = (Files::new(), Authority::new("servers"));
    let Identity { certificate, key } = authority.server("gridgate");
    let sources = free_ports()
        .with(&settings::ADMIN_TLS_CERTIFICATE, files.write("tls.crt", &certificate))
        .with(&settings::ADMIN_TLS_KEY, files.write("tls.key", &key));
    let app = TestApp::start(Config::load(sources, true).unwrap()).await;
    let connector = TlsConnector::from(Arc::new(client_config(&authority, None, &[b"http/1.1"])));
    let stream = TcpStream::connect(app.addresses.admin).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = soon("a handshake", connector.connect(name, stream)).await.unwrap();
    let answer = say_and_shut(stream, "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!(status_lines(&answer), ["HTTP/1.1 200 OK"], "{answer}");
    app.stop().await.unwrap();
}
