//! Calls whose messages are slow to come, or do not come.

use crate::support::app::{TestApp, free_ports};
use crate::support::raw_grpc::{RawClient, answer};
use crate::support::soon;
use bytes::Bytes;
use gridgate::config::{Config, settings};
use gridgate::pb;
use gridgate::rpc::{ArrivalLayer, ArrivalLimits};
use gridgate::server::methods;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use prost::Message as _;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use tower::{Layer as _, service_fn};

const UNARY: &str = "/gridgate.v1.CustomerService/GetCustomer";
const UPLOAD: &str = "/gridgate.v1.CustomerService/ImportCustomers";

const GENEROUS: ArrivalLimits = ArrivalLimits {
    max_message: 1000,
    max_memory: 10_000,
    message: Duration::from_secs(600),
    part: Duration::from_secs(600),
};

/// Answers with the request it was given, or with the status that its body ended in.
async fn echo<B>(request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible>
where
    B: Body<Data = Bytes, Error = Box<dyn std::error::Error + Send + Sync>>,
{
    Ok(match request.into_body().collect().await {
        Ok(whole) => Response::builder().header("grpc-status", 0).body(Full::new(whole.to_bytes())).unwrap(),
        Err(error) => Status::from_error(error).into_http(),
    })
}

struct Server {
    addr: SocketAddr,
    _serving: AbortOnDropHandle<()>,
}

impl Server {
    async fn start(limits: ArrivalLimits) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let service = ArrivalLayer::new(limits, methods().unwrap()).layer(service_fn(echo));
        let serving = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let service = service_fn(move |request: Request<Incoming>| {
                let mut service = service.clone();
                async move { tower::Service::call(&mut service, request).await }
            });
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
        for pieces in [&[][..], &["one"], &["a", "bc", "", "def"]] {
            let (sender, response) = client.begin(path);
            let response = tokio::spawn(response);
            for piece in pieces {
                sender.send(Bytes::from_static(piece.as_bytes())).await.unwrap();
            }
            drop(sender);
            let answer = soon("an answer", answer(soon("a response", response).await.unwrap().unwrap())).await;
            assert_eq!(answer.data, pieces.concat().as_bytes(), "{path} {pieces:?}");
        }
    }
}

#[tokio::test]
async fn what_does_not_come_in_time_is_not_waited_for() {
    let brief = Duration::from_millis(50);
    for (path, limits) in
        [(UNARY, ArrivalLimits { message: brief, ..GENEROUS }), (UPLOAD, ArrivalLimits { part: brief, ..GENEROUS })]
    {
        let server = Server::start(limits).await;
        let mut client = server.client().await;
        let (sender, response) = client.begin(path);
        sender.send(Bytes::from_static(b"half a mess")).await.unwrap();
        let answer = soon("an answer", answer(soon("a response", response).await.unwrap())).await;
        assert_eq!(reason(&answer.status()), (Code::DeadlineExceeded, "REQUEST_TOO_SLOW".to_owned()), "{path}");
        drop(sender);
    }
}

#[tokio::test]
async fn an_upload_that_goes_on_is_not_cut() {
    let server = Server::start(ArrivalLimits { part: Duration::from_millis(300), ..GENEROUS }).await;
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
    for (bytes, code) in [(1005, Code::Ok), (1006, Code::OutOfRange)] {
        let (sender, response) = client.begin(UNARY);
        sender.send(vec![b'x'; bytes].into()).await.unwrap();
        drop(sender);
        let answer = soon("an answer", answer(soon("a response", response).await.unwrap())).await;
        assert_eq!(answer.code(), code);
        if code == Code::OutOfRange {
            assert_eq!(reason(&answer.status()).1, "MESSAGE_TOO_LARGE");
        }
    }
    // A health check says a service's name, and anybody may make one.
    let (sender, response) = client.begin("/grpc.health.v1.Health/Check");
    sender.send(vec![b'x'; 1006].into()).await.unwrap();
    drop(sender);
    assert_eq!(soon("an answer", answer(soon("a response", response).await.unwrap())).await.code(), Code::OutOfRange);
}

#[tokio::test]
async fn messages_hold_no_more_memory_than_there_is_for_them() {
    let server = Server::start(ArrivalLimits { max_memory: 1000, ..GENEROUS }).await;
    let mut client = server.client().await;
    let (first, unfinished) = client.begin(UNARY);
    let unfinished = tokio::spawn(unfinished);
    first.send(vec![b'x'; 800].into()).await.unwrap();
    let half = Bytes::from_static(&[b'y'; 400]);
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
    drop(first);
    let whole = soon("an answer", answer(soon("a response", unfinished).await.unwrap().unwrap())).await;
    assert_eq!(whole.data.len(), 800);
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
