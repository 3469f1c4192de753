//! Old connections end without a call noticing.

use crate::support::app::{TestApp, free_ports};
use crate::support::frames::{Overheard, parse};
use crate::support::raw_grpc::{RawClient, answer};
use crate::support::silent_grid::SilentGrid;
use crate::support::{PATIENCE, soon};
use gridgate::config::{Config, settings};
use gridgate::pb;
use gridgate::pb::kyc_event_service_client::KycEventServiceClient;
use gridgate::pb::platform_service_client::PlatformServiceClient;
use gridgate::pb::watch_kyc_status_response::Event;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tonic::Code;
use tonic::transport::{Endpoint, Uri};
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_types::StatusExt as _;

const METHOD: &str = "/gridgate.v1.PlatformService/GetPlatformConfig";

/// RFC 9113, section 6.8: the first GOAWAY of two names no stream, so that none that is on its way is lost.
const EVERY_STREAM: u32 = (1 << 31) - 1;

#[tokio::test]
async fn a_call_in_flight_finishes_on_a_connection_that_is_told_to_go() {
    let mut upstream = SilentGrid::start().await;
    let sources = free_ports().with(&settings::GRPC_MAX_CONNECTION_AGE, "200ms");
    let app = TestApp::in_front_of(&upstream.base_url(), sources).await;
    let (stream, heard) = Overheard::connect(app.addresses.grpc).await;
    let mut client = RawClient::over(stream).await;
    let call = tokio::spawn(client.send(METHOD, &[]));
    upstream.request().await;
    let goaways = || parse(&heard.lock().unwrap()).iter().filter_map(|frame| frame.go_away()).collect::<Vec<_>>();
    // The first says that the connection ends, and the second, after a ping was answered, what was still taken.
    soon("both GOAWAYs", async {
        while goaways().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let said = goaways();
    assert_eq!((said[0].last_stream, said[0].error), (EVERY_STREAM, 0), "{said:?}");
    assert_eq!((said[1].last_stream, said[1].error), (1, 0), "{said:?}");
    assert!(!call.is_finished());
    // No new call goes over it.
    assert!(soon("refused", client.send(METHOD, &[])).await.is_err());
    upstream.answer("{}");
    let response = soon("response", call).await.unwrap().unwrap();
    assert_eq!(soon("answer", answer(response)).await.code(), Code::Ok);
    soon("the end of the connection", client.closed()).await;
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_tonic_client_moves_from_connection_to_connection_and_no_call_fails() {
    let sources = free_ports().with(&settings::GRPC_MAX_CONNECTION_AGE, "50ms");
    let app = TestApp::start(Config::load(sources, true).unwrap()).await;
    let connections = Arc::new(AtomicUsize::new(0));
    let (addr, made) = (app.addresses.grpc, Arc::clone(&connections));
    let connector = tower::service_fn(move |_: Uri| {
        made.fetch_add(1, SeqCst);
        async move { TcpStream::connect(addr).await.map(TokioIo::new) }
    });
    let channel = Endpoint::from_static("http://test").connect_with_connector(connector).await.unwrap();
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (mut client, connections) = (PlatformServiceClient::new(channel.clone()), Arc::clone(&connections));
            tokio::spawn(async move {
                let end = Instant::now() + PATIENCE;
                let mut calls = 0;
                while connections.load(SeqCst) < 6 && Instant::now() < end {
                    client.get_platform_config(pb::GetPlatformConfigRequest {}).await.unwrap();
                    calls += 1;
                }
                calls
            })
        })
        .collect();
    for caller in callers {
        assert!(soon("calls", caller).await.unwrap() > 0);
    }
    assert!(connections.load(SeqCst) >= 6);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_call_that_outlasts_the_grace_is_cut_with_its_connection() {
    let mut upstream = SilentGrid::start().await;
    let sources = free_ports()
        .with(&settings::GRPC_MAX_CONNECTION_AGE, "50ms")
        .with(&settings::GRPC_MAX_CONNECTION_AGE_GRACE, "150ms");
    let app = TestApp::in_front_of(&upstream.base_url(), sources).await;
    let mut client = RawClient::connect(app.addresses.grpc).await;
    let began = Instant::now();
    let call = tokio::spawn(client.send(METHOD, &[]));
    upstream.request().await;
    assert!(soon("the end of the call", call).await.unwrap().is_err());
    assert!(began.elapsed() >= Duration::from_millis(150));
    upstream.request_dropped().await;
    app.stop().await.unwrap();
}

#[tokio::test]
async fn what_has_no_end_of_its_own_ends_with_its_connection_and_says_so() {
    let sources = free_ports().with(&settings::GRPC_MAX_CONNECTION_AGE, "100ms");
    let app = TestApp::start(Config::load(sources, true).unwrap()).await;
    let mut client = RawClient::connect(app.addresses.grpc).await;
    let watch = client.call("/grpc.health.v1.Health/Watch", &[]).await;
    assert!(!watch.data.is_empty(), "the status came first");
    let status = watch.status();
    let reason = status.get_details_error_info().unwrap().reason;
    assert_eq!((status.code(), reason.as_str()), (Code::Unavailable, "CONNECTION_AGED"));
    soon("the end of the connection", client.closed()).await;

    let mut reflection = ServerReflectionClient::new(app.channel().await);
    let (_held_open, requests) = tokio::sync::mpsc::channel(1);
    let requests = tokio_stream::wrappers::ReceiverStream::new(requests);
    let mut answers = soon("session", reflection.server_reflection_info(requests)).await.unwrap().into_inner();
    let status = soon("the end", answers.message()).await.unwrap_err();
    assert_eq!(status.get_details_error_info().unwrap().reason, "CONNECTION_AGED");
    let closed =
        async { while !app.admin("/metrics").await.1.contains("gridgate_connections_open{port=\"grpc\"} 0") {} };
    soon("no connection is left", closed).await;
    let (_, metrics) = app.admin("/metrics").await;
    assert!(metrics.contains(r#"gridgate_connections_refused_total{port="grpc",reason="cut"} 0"#), "{metrics}");
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_stream_is_told_to_go_on_elsewhere_and_its_token_works_there() {
    let sources = free_ports().with(&settings::GRPC_MAX_CONNECTION_AGE, "100ms");
    let app = TestApp::start(Config::load(sources, true).unwrap()).await;
    let mut client = KycEventServiceClient::new(app.channel().await);
    let mut request = pb::WatchKycStatusRequest::default();
    for _ in 0..3 {
        let mut stream = soon("stream", client.watch_kyc_status(request.clone())).await.unwrap().into_inner();
        let (mut last, mut goodbye) = (String::new(), None);
        while let Some(response) = soon("responses", stream.message()).await.unwrap() {
            last = response.resume_token;
            if let Some(Event::GoingAway(going)) = response.event {
                goodbye = Some(going.reason());
            }
        }
        assert_eq!(goodbye, Some(pb::GoingAwayReason::MaxAge));
        request.start = Some(pb::watch_kyc_status_request::Start::ResumeToken(last));
    }
    app.stop().await.unwrap();
}
