//! Clients that take too much, say too little, or are gone.

use crate::identity::rig::{Rig, bearer, caller, token};
use crate::support::app::{TestApp, free_ports};
use crate::support::frames::{GoAway, PREFACE, SETTINGS, parse, until_closed};
use crate::support::raw_grpc::RawClient;
use crate::support::soon;
use axum::Router;
use gridgate::config::{Config, settings};
use gridgate::transport::{Counters, Http2, Lanes, Limits, Overflow, Port, Protocol};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use tonic::Code;

const SHORT: Duration = Duration::from_millis(100);
const ENHANCE_YOUR_CALM: u32 = 0xb;

/// An HTTP/2 port with these limits that answers 404.
async fn port(limits: Limits) -> (SocketAddr, Arc<Counters>, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (addr, counters) = (listener.local_addr().unwrap(), Arc::new(Counters::default()));
    let port = Port {
        name: "test",
        listener,
        lanes: Lanes::default(),
        protocol: Protocol::Http2(Http2 {
            max_concurrent_streams: 100,
            max_head_bytes: 16 * 1024,
            keepalive_interval: None,
            keepalive_timeout: SHORT,
        }),
        tls: None,
        limits,
        counters: Arc::clone(&counters),
        requests: TaskTracker::new(),
    };
    let serving = tokio::spawn(port.serve(Router::new(), CancellationToken::new()));
    (addr, counters, AbortOnDropHandle::new(serving))
}

const LIMITS: Limits = Limits {
    max_connections: 100,
    overflow: Overflow::TurnAway,
    handshake: SHORT,
    preface_timeout: SHORT,
    stall: None,
    max_age: None,
    drain_timeout: SHORT,
};

#[tokio::test]
async fn who_connects_and_says_too_little_is_cut_off() {
    let (addr, counters, _serving) = port(LIMITS).await;
    for said in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(said).await.unwrap();
        soon("closed", stream.read_to_end(&mut Vec::new())).await.unwrap();
    }
    assert_eq!(counters.snapshot().silent, 3);
    // Who has said hello may be idle.
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    let idle = tokio::time::timeout(3 * SHORT, async { while stream.read_u8().await.is_ok() {} }).await;
    assert!(idle.is_err(), "an idle connection was closed");
}

#[tokio::test]
async fn who_takes_nothing_is_cut_off() {
    let (addr, counters, _serving) = port(Limits { stall: Some(SHORT), ..LIMITS }).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 * 1024).unwrap();
    let mut stream = socket.connect(addr).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    // Every ping has to be answered (RFC 9113, section 6.7), and no answer is read.
    let pings = b"\0\0\x08\x06\0\0\0\0\0gridgate".repeat(4096);
    soon("closed", async { while stream.write_all(&pings).await.is_ok() {} }).await;
    soon("gone", async {
        while counters.snapshot().open > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_dead_client_is_found_even_while_bytes_for_it_are_stuck() {
    let sources =
        free_ports().with(&settings::GRPC_KEEPALIVE_INTERVAL, "50ms").with(&settings::GRPC_KEEPALIVE_TIMEOUT, "50ms");
    let app = TestApp::start(Config::load(sources, true).unwrap()).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 * 1024).unwrap();
    let mut stream = socket.connect(app.addresses.grpc).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    let pings = b"\0\0\x08\x06\0\0\0\0\0gridgate".repeat(4096);
    soon("closed", async { while stream.write_all(&pings).await.is_ok() {} }).await;
    app.stop().await.unwrap();
}

#[tokio::test]
async fn streams_that_are_opened_and_reset_end_the_connection() {
    let (addr, _, _serving) = port(LIMITS).await;
    // HEADERS with `:method: POST`, `:scheme: http`, `:path: /` and the end of the request; then RST_STREAM (CANCEL).
    let attack: Vec<u8> = (0..1000_u32)
        .flat_map(|number| {
            let id = (2 * number + 1).to_be_bytes();
            let headers = [&b"\0\0\x03\x01\x05"[..], &id, b"\x83\x86\x84"].concat();
            [headers, [&b"\0\0\x04\x03\0"[..], &id, &8_u32.to_be_bytes()].concat()].concat()
        })
        .collect();
    let frames = until_closed(addr, &attack).await;
    let goaway = frames.iter().find_map(|frame| frame.go_away());
    assert!(goaway.as_ref().is_some_and(|goaway| goaway.error == ENHANCE_YOUR_CALM), "{goaway:?}");
}

#[tokio::test]
async fn a_connection_over_the_limit_hears_that_nothing_was_done_for_it() {
    let sources = free_ports().with(&settings::GRPC_MAX_CONNECTIONS, "1");
    let app = TestApp::start(Config::load(sources, true).unwrap()).await;
    let mut first = RawClient::connect(app.addresses.grpc).await;
    assert_eq!(first.call("/no.Service/Method", &[]).await.code(), Code::Unimplemented);
    let frames = until_closed(app.addresses.grpc, b"").await;
    assert_eq!(frames[0].kind, SETTINGS);
    let goaway = GoAway { last_stream: 0, error: 0, debug: "too many connections".to_owned() };
    assert_eq!(frames[1].go_away(), Some(goaway));
    // The one that is there goes on, and its place is had by another.
    assert_eq!(first.call("/no.Service/Method", &[]).await.code(), Code::Unimplemented);
    drop(first);
    let mut channel = tonic_health::pb::health_client::HealthClient::new(app.channel().await);
    soon("a place", async { while channel.check(tonic_health::pb::HealthCheckRequest::default()).await.is_err() {} })
        .await;
    app.stop().await.unwrap();
}

#[tokio::test]
async fn headers_over_the_limit_are_refused_and_the_connection_goes_on() {
    let sources = free_ports().with(&settings::GRPC_MAX_HEADER_SIZE, "2KiB");
    let app = TestApp::start(Config::load(sources, true).unwrap()).await;
    let mut client = RawClient::connect(app.addresses.grpc).await;
    let long = "x".repeat(4000);
    let response = soon("response", client.send("/no.Service/Method", &[("x-long", &long)])).await.unwrap();
    assert_eq!(response.status(), 431);
    assert_eq!(client.call("/no.Service/Method", &[]).await.code(), Code::Unimplemented);
    app.stop().await.unwrap();
}

/// A connection that has said hello, and says nothing else.
async fn idle(addr: SocketAddr) -> TcpStream {
    let mut stream = soon("connected", TcpStream::connect(addr)).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    stream
}

#[tokio::test]
async fn connections_that_bring_nothing_give_way_to_those_that_do() {
    let (known, other) = (token(), token());
    let rig = Rig::secured(&caller("known", &known, "methods = [\"*/*\"]"), |_, sources| {
        sources.with(&settings::GRPC_MAX_CONNECTIONS, "3")
    })
    .await;
    let addr = rig.app.addresses.grpc;
    let method = "/gridgate.v1.PlatformService/GetPlatformConfig";
    let bearer_of = |token| [("authorization", bearer(token))];
    let mut idlers = [idle(addr).await, idle(addr).await, idle(addr).await];
    let mut client = RawClient::connect(addr).await;
    let [(name, value)] = bearer_of(&known);
    assert_eq!(client.call(method, &[(name, &value)]).await.code(), Code::Ok);
    // The oldest went for it, and was told so.
    let mut said = Vec::new();
    soon("the end of the oldest", idlers[0].read_to_end(&mut said)).await.unwrap();
    assert!(parse(&said).iter().any(|frame| frame.go_away().is_some_and(|goaway| goaway.error == 0)), "{said:?}");
    // Neither being refused nor asking for health earns a place.
    let [(_, wrong)] = bearer_of(&other);
    for (path, code) in [(method, Code::Unauthenticated), ("/grpc.health.v1.Health/Check", Code::Ok)] {
        for _ in 0..3 {
            let mut stranger = RawClient::connect(addr).await;
            assert_eq!(stranger.call(path, &[(name, &wrong)]).await.code(), code);
        }
    }
    for _ in 0..10 {
        let _ = idle(addr).await;
    }
    assert_eq!(client.call(method, &[(name, &value)]).await.code(), Code::Ok, "who has earned a place keeps it");
    let (_, metrics) = rig.app.admin("/metrics").await;
    let gave_way = "gridgate_connections_refused_total{port=\"grpc\",reason=\"gave_way\"} ";
    let count: f64 = metrics.lines().find_map(|line| line.strip_prefix(gave_way)).unwrap().parse().unwrap();
    assert!(count >= 1.0, "{metrics}");
    rig.stop().await;
}

#[tokio::test]
async fn silence_on_the_admin_port_keeps_no_probe_away() {
    let app = TestApp::with_sandbox().await;
    let mut silent = Vec::new();
    for said in [&b""[..], b"GET /livez HTTP/1.1\r\nx-slow: "].repeat(200) {
        let mut stream = soon("connected", TcpStream::connect(app.addresses.admin)).await.unwrap();
        // The oldest are gone by then.
        let _ = stream.write_all(said).await;
        silent.push(stream);
    }
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(app.admin(path).await.0, 200, "{path}");
    }
    app.stop().await.unwrap();
}

#[tokio::test]
async fn an_answer_that_nobody_reads_ends_with_its_deadline() {
    let app = TestApp::with_sandbox().await;
    let stream = soon("connected", TcpStream::connect(app.addresses.grpc)).await.unwrap();
    let handshake = h2::client::Builder::new().initial_window_size(0).handshake::<_, bytes::Bytes>(stream);
    let (mut client, connection) = soon("shaken hands", handshake).await.unwrap();
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let request = http::Request::post("http://test/gridgate.v1.PlatformService/GetPlatformConfig")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", "300m");
    let (response, mut body) = client.send_request(request.body(()).unwrap(), false).unwrap();
    body.send_data(bytes::Bytes::from_static(&[0; 5]), true).unwrap();
    let mut answer = soon("an answer", response).await.unwrap().into_body();
    let ended = soon("its end", answer.data()).await.unwrap().unwrap_err();
    assert_eq!(ended.reason(), Some(h2::Reason::CANCEL));
    app.stop().await.unwrap();
}

#[tokio::test]
async fn what_a_web_page_can_send_without_asking_is_not_answered() {
    let app = TestApp::with_sandbox().await;
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let send = async |content_type: &str| {
        let url = format!("http://{}/gridgate.v1.PlatformService/GetPlatformConfig", app.addresses.grpc);
        let request = client.post(url).header("content-type", content_type).body(vec![0_u8; 5]);
        let answer = soon("an answer", request.send()).await.unwrap();
        (answer.status().as_u16(), answer.headers().contains_key("grpc-status"), answer.bytes().await.unwrap().len())
    };
    for simple in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        assert_eq!(send(simple).await, (415, false, 0), "{simple}");
    }
    let (status, _, length) = send("application/grpc+proto").await;
    assert!(status == 200 && length > 5);
    app.stop().await.unwrap();
}
