//! Calls whose messages are slow to come, or do not come.

use crate::support::app::{TestApp, free_ports};
use crate::support::raw_grpc::{RawClient, answer};
use crate::support::soon;
use bytes::Bytes;
use gridgate::config::{Config, settings};
use gridgate::pb;
use gridgate::rpc::{BeginLayer, BufferLayer, BufferLimits, CallMetrics, CarryLayer, ServeLayer};
use gridgate::server::methods;
use gridgate::telemetry::Metrics;
use http::{Request, Response};
use http_body::Body as HttpBody;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use prost::Message as _;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use tower::ServiceBuilder;

const UNARY: &str = "/gridgate.v1.CustomerService/GetCustomer";
const UPLOAD: &str = "/gridgate.v1.CustomerService/ImportCustomers";

const GENEROUS: BufferLimits = BufferLimits {
    max_message: 1000,
    max_memory: 10_000,
    message: Duration::from_secs(600),
    part: Duration::from_secs(600),
};

/// Answers with the request it was given, or with the status that its body ended in.
async fn echo<B>(request: Request<B>) -> Result<Response<Body>, Infallible>
where
    B: HttpBody<Data = Bytes, Error = Box<dyn std::error::Error + Send + Sync>>,
{
    Ok(match request.into_body().collect().await {
        Ok(whole) => Response::builder().header("grpc-status", 0).body(Body::new(Full::new(whole.to_bytes()))).unwrap(),
        Err(error) => Status::from_error(error).into_http(),
    })
}

/// A message of these bytes, as gRPC frames it.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], message].concat()
}

struct Server {
    addr: SocketAddr,
    _serving: AbortOnDropHandle<()>,
}

impl Server {
    async fn start(limits: BufferLimits) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let service = ServiceBuilder::new()
            .layer(BeginLayer::new(methods().unwrap(), CallMetrics::new(&mut Metrics::default())))
            .layer(CarryLayer::default())
            .layer(BufferLayer::new(limits))
            .layer(ServeLayer)
            .service_fn(echo);
        let serving = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let http = Builder::new(TokioExecutor::new()).http2_only();
            let _ = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).await;
        });
        Server { addr, _serving: AbortOnDropHandle::new(serving) }
    }

    async fn client(&self) -> RawClient {
        RawClient::connect(self.addr).await
    }
}

fn reason(status: &Status) -> (Code, String) {
    (status.code(), status.get_details_error_info().unwrap().reason)
}

#[tokio::test]
async fn a_message_in_pieces_arrives_whole() {
    let server = Server::start(GENEROUS).await;
    let mut client = server.client().await;
    for path in [UNARY, UPLOAD] {
        for sizes in [&[100][..], &[5], &[1, 1, 1, 1, 1], &[3, 4, 1, 100], &[0, 5, 1]] {
            let (sender, response) = client.begin(path);
            let response = tokio::spawn(response);
            let whole = framed(b"a message");
            let mut rest = whole.as_slice();
            for size in sizes {
                let (piece, after) = rest.split_at((*size).min(rest.len()));
                sender.send(Bytes::copy_from_slice(piece)).await.unwrap();
                rest = after;
            }
            sender.send(Bytes::copy_from_slice(rest)).await.unwrap();
            drop(sender);
            let answer = soon("an answer", answer(soon("a response", response).await.unwrap().unwrap())).await;
            assert_eq!(answer.data, whole, "{path} {sizes:?}");
        }
    }
}

#[tokio::test]
async fn a_method_that_takes_one_message_is_called_with_one() {
    let server = Server::start(GENEROUS).await;
    let mut client = server.client().await;
    let (one, large) = (framed(b"one"), framed(&[b'x'; 900]));
    let half = &one[..one.len() - 1];
    let not_one = (Code::Unimplemented, "NOT_ONE_MESSAGE");
    let broken_off = (Code::Cancelled, "REQUEST_BROKEN_OFF");
    for (bytes, expected) in [
        (Vec::new(), not_one),
        ([one.as_slice(), &one].concat(), not_one),
        ([large.as_slice(), &large].concat(), not_one),
        ([one.as_slice(), &[0]].concat(), not_one),
        (half.to_vec(), broken_off),
        (one[..3].to_vec(), broken_off),
        (vec![0, 0xff, 0xff, 0xff, 0xff, 1], (Code::OutOfRange, "MESSAGE_TOO_LARGE")),
    ] {
        let (sender, response) = client.begin(UNARY);
        sender.send(bytes.clone().into()).await.unwrap();
        drop(sender);
        let answer = soon("an answer", answer(soon("a response", response).await.unwrap())).await;
        let (code, reason) = reason(&answer.status());
        assert_eq!((code, reason.as_str()), expected, "{bytes:?}");
    }
    for bytes in [Vec::new(), [one.as_slice(), &one].concat(), half.to_vec()] {
        let (sender, response) = client.begin(UPLOAD);
        sender.send(bytes.clone().into()).await.unwrap();
        drop(sender);
        let answer = soon("an answer", answer(soon("a response", response).await.unwrap())).await;
        assert_eq!(answer.data, bytes, "how many an upload has is its own affair");
    }
}

#[tokio::test]
async fn a_method_that_does_not_exist_is_not_called() {
    let server = Server::start(GENEROUS).await;
    let mut client = server.client().await;
    for path in ["/gridgate.v1.CustomerService/NoSuchMethod", "/no.such.Service/GetCustomer", "/", "/a", "//"] {
        let answer = client.call(path, &[]).await;
        assert_eq!(reason(&answer.status()), (Code::Unimplemented, "METHOD_UNKNOWN".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn what_does_not_come_in_time_is_not_waited_for() {
    let brief = Duration::from_millis(50);
    for (path, limits) in
        [(UNARY, BufferLimits { message: brief, ..GENEROUS }), (UPLOAD, BufferLimits { part: brief, ..GENEROUS })]
    {
        let server = Server::start(limits).await;
        let mut client = server.client().await;
        let (sender, response) = client.begin(path);
        sender.send(Bytes::copy_from_slice(&framed(b"a message")[..8])).await.unwrap();
        let answer = soon("an answer", answer(soon("a response", response).await.unwrap())).await;
        assert_eq!(reason(&answer.status()), (Code::DeadlineExceeded, "REQUEST_TOO_SLOW".to_owned()), "{path}");
        drop(sender);
    }
}

#[tokio::test]
async fn an_upload_that_goes_on_is_not_cut() {
    let server = Server::start(BufferLimits { part: Duration::from_millis(300), ..GENEROUS }).await;
    let mut client = server.client().await;
    let (sender, response) = client.begin(UPLOAD);
    let response = tokio::spawn(response);
    let began = tokio::time::Instant::now();
    let mut pieces = 0;
    while began.elapsed() < Duration::from_secs(1) {
        sender.send(Bytes::from_static(b"x")).await.unwrap();
        pieces += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(sender);
    let answer = soon("an answer", answer(soon("a response", response).await.unwrap().unwrap())).await;
    assert_eq!(answer.data.len(), pieces);
}

#[tokio::test]
async fn a_message_over_the_limit_is_not_collected() {
    let server = Server::start(GENEROUS).await;
    let mut client = server.client().await;
    // The limit is that of the message, which five bytes precede.
    for (bytes, code) in [(1000, Code::Ok), (1001, Code::OutOfRange)] {
        let (sender, response) = client.begin(UNARY);
        sender.send(framed(&vec![b'x'; bytes]).into()).await.unwrap();
        drop(sender);
        let answer = soon("an answer", answer(soon("a response", response).await.unwrap())).await;
        assert_eq!(answer.code(), code);
        if code == Code::OutOfRange {
            assert_eq!(reason(&answer.status()).1, "MESSAGE_TOO_LARGE");
        }
    }
    // A health check says a service's name, and anybody may make one.
    let (sender, response) = client.begin("/grpc.health.v1.Health/Check");
    sender.send(framed(&[b'x'; 1001]).into()).await.unwrap();
    drop(sender);
    assert_eq!(soon("an answer", answer(soon("a response", response).await.unwrap())).await.code(), Code::OutOfRange);
}

#[tokio::test]
async fn messages_hold_no_more_memory_than_there_is_for_them() {
    let server = Server::start(BufferLimits { max_memory: 1000, ..GENEROUS }).await;
    let mut client = server.client().await;
    let (first, unfinished) = client.begin(UNARY);
    let unfinished = tokio::spawn(unfinished);
    let large = framed(&[b'x'; 800]);
    first.send(Bytes::copy_from_slice(&large[..800])).await.unwrap();
    let half = Bytes::from(framed(&[b'y'; 400]));
    // It is there once there is no room for another.
    let refused = soon("a refusal", async {
        loop {
            let (sender, response) = client.begin(UNARY);
            sender.send(half.clone()).await.unwrap();
            drop(sender);
            let answer = answer(response.await.unwrap()).await;
            if answer.code() != Code::Ok {
                return answer.status();
            }
        }
    })
    .await;
    assert_eq!(reason(&refused), (Code::ResourceExhausted, "OVERLOADED".to_owned()));
    assert!(refused.get_details_retry_info().unwrap().retry_delay.is_some());
    first.send(Bytes::copy_from_slice(&large[800..])).await.unwrap();
    drop(first);
    let whole = soon("an answer", answer(soon("a response", unfinished).await.unwrap().unwrap())).await;
    assert_eq!(whole.data.len(), large.len());
    let (sender, response) = client.begin(UNARY);
    sender.send(half).await.unwrap();
    drop(sender);
    assert_eq!(soon("an answer", answer(soon("a response", response).await.unwrap())).await.code(), Code::Ok);
}

#[tokio::test]
async fn calls_without_their_message_take_no_place_and_reach_no_handler() {
    let sources = free_ports().with(&settings::GRPC_MAX_CALLS, "1").with(&settings::GRPC_MAX_CALL_WAIT, "0s");
    let app = TestApp::start(Config::load(sources, true).unwrap()).await;
    let mut silent = RawClient::connect(app.addresses.grpc).await;
    let begun: Vec<_> = [UNARY, UNARY, "/gridgate.v1.KycEventService/ListKycEvents", UNARY]
        .map(|path| {
            let (sender, response) = silent.begin(path);
            (sender, tokio::spawn(response))
        })
        .into();
    // The last of them has been heard of when a call after it on the same connection is answered.
    let list = "/gridgate.v1.CustomerService/ListCustomers";
    let served = silent.call_within(list, &pb::ListCustomersRequest::default(), "60S").await;
    assert_eq!(served.code(), Code::Ok);
    // What is late may still come.
    let (sender, response) = begun.into_iter().next_back().unwrap();
    let request = pb::GetCustomerRequest { customer_id: "Customer:none".to_owned() }.encode_to_vec();
    sender
        .send([&[0, 0, 0, 0, u8::try_from(request.len()).unwrap()], request.as_slice()].concat().into())
        .await
        .unwrap();
    drop(sender);
    let answer = soon("an answer", answer(soon("a response", response).await.unwrap().unwrap())).await;
    assert_eq!(answer.code(), Code::NotFound);
    app.stop().await.unwrap();
}
