//! Deadlines, as a client sees them that speaks HTTP/2 itself, and as a handler does.

use crate::support::raw_grpc::{RawClient, answer};
use crate::support::soon;
use bytes::Bytes;
use futures_util::StreamExt as _;
use gridgate::rpc::{AdmitLayer, BeginLayer, CallInfo, CallMetrics, CarryLayer, Deadlines, Methods, ServeLayer, Stops};
use gridgate::telemetry::Metrics;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use prost::Message as _;
use prost_types::{
    DescriptorProto, FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto, ServiceDescriptorProto,
};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use tower::{Service, ServiceBuilder};

const DEFAULT: Duration = Duration::from_millis(150);
const UPLOAD: Duration = Duration::from_secs(1200);
const MAX: Duration = Duration::from_secs(3600);

/// What a handler of the test service has been through.
#[derive(Debug, PartialEq)]
enum Seen {
    /// It was called, with this deadline.
    Called(Option<Instant>),
    /// Its future, or its response body, was dropped before it was done.
    Dropped,
}

struct SayDropped(mpsc::UnboundedSender<Seen>);

impl Drop for SayDropped {
    fn drop(&mut self) {
        let _ = self.0.send(Seen::Dropped);
    }
}

/// The test service: what happens is in the name of the method.
async fn handle(request: Request<Incoming>, seen: mpsc::UnboundedSender<Seen>) -> Result<Response<Body>, Infallible> {
    let deadline = request.extensions().get::<CallInfo>().unwrap().deadline;
    seen.send(Seen::Called(deadline)).unwrap();
    let guard = SayDropped(seen);
    let data = || Ok::<_, Status>(Frame::data(Bytes::from_static(b"some data")));
    let body = match request.uri().path().rsplit('/').next().unwrap() {
        "Done" | "Upload" | "Watch" => {
            std::mem::forget(guard);
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", "0".parse().unwrap());
            let frames = [data(), Ok(Frame::trailers(trailers))];
            Body::new(StreamBody::new(tokio_stream::iter(frames)))
        }
        "NoHead" => std::future::pending().await,
        "NoEnd" => {
            let rest = futures_util::stream::once(async move {
                let _guard = guard;
                std::future::pending().await
            });
            Body::new(StreamBody::new(tokio_stream::iter([data()]).chain(rest)))
        }
        // In large frames: clients take many small ones for an attack.
        "Endless" => Body::new(StreamBody::new(futures_util::stream::repeat_with(move || {
            let _guard = &guard;
            Ok::<_, Status>(Frame::data(Bytes::from_static(&[b'x'; 16 * 1024])))
        }))),
        other => panic!("no method {other}"),
    };
    Ok(Response::new(body))
}

fn methods() -> Methods {
    let method = |name: &str, client_streaming, server_streaming| MethodDescriptorProto {
        name: Some(name.to_owned()),
        input_type: Some(".test.Nothing".to_owned()),
        output_type: Some(".test.Nothing".to_owned()),
        client_streaming: Some(client_streaming),
        server_streaming: Some(server_streaming),
        ..MethodDescriptorProto::default()
    };
    let service = ServiceDescriptorProto {
        name: Some("Test".to_owned()),
        method: vec![method("Upload", true, false), method("Watch", false, true), method("Done", false, false)],
        ..ServiceDescriptorProto::default()
    };
    let file = FileDescriptorProto {
        name: Some("test.proto".to_owned()),
        package: Some("test".to_owned()),
        message_type: vec![DescriptorProto { name: Some("Nothing".to_owned()), ..DescriptorProto::default() }],
        service: vec![service],
        ..FileDescriptorProto::default()
    };
    Methods::from_descriptors([FileDescriptorSet { file: vec![file] }.encode_to_vec().as_slice()]).unwrap()
}

/// Something served on a real socket. Dropped, it ends.
struct Server {
    addr: SocketAddr,
    serving: JoinHandle<()>,
    seen: mpsc::UnboundedReceiver<Seen>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Server {
    async fn start(deadlines: Deadlines) -> Server {
        Server::stopping(deadlines, Stops::default()).await
    }

    async fn stopping(deadlines: Deadlines, stops: Stops) -> Server {
        let (sender, seen) = mpsc::unbounded_channel();
        let service = ServiceBuilder::new()
            .layer(BeginLayer::new(methods(), CallMetrics::new(&mut Metrics::default())))
            .layer(AdmitLayer(deadlines))
            .layer(CarryLayer::new(stops))
            .layer(ServeLayer)
            .service_fn(move |request| handle(request, sender.clone()));
        Server::serve(service, seen).await
    }

    async fn serve<S, B>(service: S, seen: mpsc::UnboundedReceiver<Seen>) -> Server
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send + 'static,
        B: http_body::Body<Data = Bytes, Error = Status> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let http = Builder::new(TokioExecutor::new()).http2_only();
            let _ = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).await;
        });
        Server { addr, serving, seen }
    }

    async fn client(&self) -> RawClient {
        RawClient::connect(self.addr).await
    }

    async fn seen(&mut self) -> Seen {
        soon("seen by the handler", self.seen.recv()).await.unwrap()
    }

    /// How long the handler was given.
    async fn given(&mut self) -> Option<Duration> {
        match self.seen().await {
            Seen::Called(deadline) => deadline.map(|instant| instant - Instant::now()),
            Seen::Dropped => panic!("dropped before it was called"),
        }
    }

    #[track_caller]
    fn assert_nothing_more_seen(&mut self) {
        assert!(self.seen.try_recv().is_err());
    }
}

fn limits() -> Deadlines {
    Deadlines { default: DEFAULT, upload: UPLOAD, max: MAX }
}

#[tokio::test]
async fn a_call_without_a_deadline_gets_the_default_and_its_handler_is_dropped_when_it_passes() {
    let mut server = Server::start(limits()).await;
    let began = Instant::now();
    let answer = server.client().await.call("/test.Test/NoHead", &[]).await;
    assert!(began.elapsed() >= DEFAULT);
    assert_eq!(answer.code(), Code::DeadlineExceeded);
    assert!(answer.trailers_only, "{answer:?}");
    assert_eq!(answer.trailers["content-type"], "application/grpc");
    let details = answer.status().get_details_error_info().unwrap();
    assert_eq!((details.domain.as_str(), details.reason.as_str()), ("gridgate", "DEADLINE_EXCEEDED"));
    assert!(server.given().await.unwrap() <= DEFAULT);
    assert_eq!(server.seen().await, Seen::Dropped);
}

#[tokio::test]
async fn an_upload_gets_its_own_default_and_a_stream_none() {
    let mut server = Server::start(limits()).await;
    let mut client = server.client().await;
    assert_eq!(client.call("/test.Test/Upload", &[]).await.code(), Code::Ok);
    let given = server.given().await.unwrap();
    assert!(given <= UPLOAD && given > UPLOAD - Duration::from_secs(60), "{given:?}");
    assert_eq!(client.call("/test.Test/Watch", &[]).await.code(), Code::Ok);
    assert_eq!(server.given().await, None);
}

#[tokio::test]
async fn a_caller_s_deadline_is_what_the_handler_gets() {
    let mut server = Server::start(limits()).await;
    let mut client = server.client().await;
    for (path, header, expected) in [
        ("/test.Test/Done", "100S", 100),
        ("/test.Test/Upload", "100000m", 100),
        ("/test.Test/Watch", "7200S", 7200),
        // Longer than is granted, and longer than clocks can say.
        ("/test.Test/Done", "2H", 3600),
        ("/test.Test/Done", "99999999H", 3600),
        ("/test.Test/Upload", "99999999H", 3600),
        ("/test.Test/Watch", "99999999H", 99_999_999 * 3600),
    ] {
        let answer = client.call(path, &[("grpc-timeout", header)]).await;
        assert_eq!(answer.code(), Code::Ok, "{path} {header}");
        assert_eq!(answer.data, b"some data");
        let given = server.given().await.unwrap();
        let expected = Duration::from_secs(expected);
        assert!(given <= expected && given > expected - Duration::from_secs(60), "{path} {header}: {given:?}");
    }
}

#[tokio::test]
async fn a_short_deadline_is_answered_with_deadline_exceeded() {
    let mut server = Server::start(Deadlines { default: UPLOAD, ..limits() }).await;
    let mut client = server.client().await;
    for header in ["1n", "1u", "1m", "50m"] {
        let answer = client.call("/test.Test/NoHead", &[("grpc-timeout", header)]).await;
        assert_eq!(answer.code(), Code::DeadlineExceeded, "{header}");
    }
    // That of a stream, too.
    let answer = client.call("/test.Test/Watch", &[("grpc-timeout", "0n")]).await;
    assert_eq!(answer.code(), Code::DeadlineExceeded);
    drop(client);
    while let Ok(seen) = server.seen.try_recv() {
        assert!(!matches!(seen, Seen::Called(None)));
    }
}

#[tokio::test]
async fn what_is_over_before_it_began_is_not_begun() {
    let mut server = Server::start(limits()).await;
    let answer = server.client().await.call("/test.Test/Done", &[("grpc-timeout", "0n")]).await;
    assert_eq!(answer.code(), Code::DeadlineExceeded);
    server.assert_nothing_more_seen();
}

#[tokio::test]
async fn a_malformed_deadline_is_refused_and_nothing_is_begun() {
    let mut server = Server::start(limits()).await;
    let mut client = server.client().await;
    for header in ["", "soon", "10", "10s", "-1S", "123456789S", "1.5S", "1S 1S"] {
        let answer = client.call("/test.Test/Done", &[("grpc-timeout", header)]).await;
        assert_eq!(answer.code(), Code::InvalidArgument, "{header:?}");
        assert!(answer.trailers_only);
        let status = answer.status();
        assert!(status.message().contains("grpc-timeout"), "{status:?}");
        assert_eq!(status.get_details_error_info().unwrap().reason, "MALFORMED_TIMEOUT");
    }
    let answer = client.call("/test.Test/Done", &[("grpc-timeout", "1S"), ("grpc-timeout", "2S")]).await;
    assert_eq!(answer.code(), Code::InvalidArgument);
    server.assert_nothing_more_seen();
}

#[tokio::test]
async fn the_deadline_bounds_the_body_too() {
    let mut server = Server::start(limits()).await;
    let mut client = server.client().await;
    for path in ["/test.Test/NoEnd", "/test.Test/Endless"] {
        let answer = client.call(path, &[]).await;
        assert!(!answer.trailers_only);
        assert!(!answer.data.is_empty());
        assert_eq!(answer.code(), Code::DeadlineExceeded, "{path}");
        assert!(server.given().await.is_some());
        assert_eq!(server.seen().await, Seen::Dropped, "{path}");
    }
}

#[tokio::test]
async fn a_call_that_the_caller_gives_up_is_dropped() {
    let mut server = Server::start(Deadlines { default: UPLOAD, ..limits() }).await;
    let mut client = server.client().await;
    let call = tokio::spawn(client.send("/test.Test/NoHead", &[]));
    assert!(server.given().await.is_some());
    call.abort();
    assert_eq!(server.seen().await, Seen::Dropped);
}

#[tokio::test]
async fn calls_that_are_cut_say_that_their_outcome_is_unknown() {
    let stops = Stops::default();
    let mut server = Server::stopping(Deadlines { default: UPLOAD, ..limits() }, stops.clone()).await;
    let mut client = server.client().await;
    let (without_head, without_end) = (client.send("/test.Test/NoHead", &[]), client.send("/test.Test/NoEnd", &[]));
    let without_head = tokio::spawn(without_head);
    let without_end = soon("head", without_end).await.unwrap();
    for _ in 0..2 {
        assert!(server.given().await.is_some());
    }
    stops.cut.cancel();
    let response = soon("response", without_head).await.unwrap().unwrap();
    for response in [response, without_end] {
        let answer = soon("end", answer(response)).await;
        assert_eq!(answer.code(), Code::Unknown);
        assert_eq!(answer.status().get_details_error_info().unwrap().reason, "OUTCOME_UNKNOWN");
    }
    for _ in 0..2 {
        assert_eq!(server.seen().await, Seen::Dropped);
    }
}
