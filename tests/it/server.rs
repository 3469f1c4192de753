//! The running server: health, readiness, reflection, limits, and how it stops.

use crate::support::app::{TestApp, free_ports};
use crate::support::frames::{Overheard, SETTINGS, parse};
use crate::support::raw_grpc::RawClient;
use crate::support::silent_grid::SilentGrid;
use crate::support::soon;
use gridgate::config::{Config, Sources, settings};
use gridgate::pb;
use gridgate::pb::platform_service_client::PlatformServiceClient;
use gridgate::server::{App, BindError, RunError};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tonic::codec::CompressionEncoding;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ListServiceResponse, ServerReflectionRequest};
use tonic_reflection::pb::v1alpha;
use tonic_types::StatusExt as _;

const SERVICES: [&str; 6] = [
    "gridgate.v1.BeneficialOwnerService",
    "gridgate.v1.CustomerService",
    "gridgate.v1.DocumentService",
    "gridgate.v1.KycEventService",
    "gridgate.v1.PlatformService",
    "gridgate.v1.VerificationService",
];

fn about(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

async fn health(channel: &Channel, service: &str) -> Result<ServingStatus, tonic::Status> {
    let answer = soon("health", HealthClient::new(channel.clone()).check(about(service))).await?;
    Ok(answer.into_inner().status())
}

/// A server in front of an upstream that takes requests and never answers.
async fn stuck_app(sources: Sources) -> (TestApp, SilentGrid) {
    let upstream = SilentGrid::start().await;
    let app = TestApp::in_front_of(&upstream.base_url(), sources).await;
    (app, upstream)
}

/// A call that waits for Grid.
async fn waiting_call(
    app: &TestApp,
    upstream: &mut SilentGrid,
) -> tokio::task::JoinHandle<Result<tonic::Response<pb::GetPlatformConfigResponse>, tonic::Status>> {
    let mut client = PlatformServiceClient::new(app.channel().await);
    let call = tokio::spawn(async move { client.get_platform_config(pb::GetPlatformConfigRequest {}).await });
    upstream.request().await;
    call
}

#[tokio::test]
async fn health_is_reported_for_the_server_and_for_each_service() {
    let app = TestApp::with_sandbox().await;
    let channel = app.channel().await;
    for service in SERVICES.iter().copied().chain([""]) {
        assert_eq!(health(&channel, service).await.unwrap(), ServingStatus::Serving, "{service:?}");
    }
    assert_eq!(health(&channel, "gridgate.v1.NoService").await.unwrap_err().code(), Code::NotFound);
    assert_eq!(app.admin("/livez").await, (200, "alive\n".to_owned()));
    assert_eq!(app.admin("/readyz").await, (200, "ready\n".to_owned()));
    assert_eq!(app.admin("/nothing").await.0, 404);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_call_reaches_the_sandbox() {
    let app = TestApp::with_sandbox().await;
    let mut client = PlatformServiceClient::new(app.channel().await);
    soon("answer", client.get_platform_config(pb::GetPlatformConfigRequest {})).await.unwrap();
    app.stop().await.unwrap();
}

#[tokio::test]
async fn reflection_lists_what_is_served_and_describes_it() {
    let app = TestApp::with_sandbox().await;
    let ask = |request| ServerReflectionRequest { host: String::new(), message_request: Some(request) };
    let requests = [
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol("gridgate.v1.CustomerService.GetCustomer".to_owned())),
        ask(MessageRequest::FileContainingSymbol("grpc.health.v1.Health".to_owned())),
    ];
    let mut client = ServerReflectionClient::new(app.channel().await);
    let mut answers =
        soon("answers", client.server_reflection_info(tokio_stream::iter(requests))).await.unwrap().into_inner();
    let Some(MessageResponse::ListServicesResponse(ListServiceResponse { service })) =
        soon("list", answers.message()).await.unwrap().unwrap().message_response
    else {
        panic!("no list");
    };
    let mut listed: Vec<_> = service.into_iter().map(|service| service.name).collect();
    listed.sort_unstable();
    let other =
        ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];
    assert_eq!(listed, [&SERVICES[..], &other].concat());
    for _ in 0..2 {
        let answer = soon("description", answers.message()).await.unwrap().unwrap();
        assert!(matches!(answer.message_response, Some(MessageResponse::FileDescriptorResponse(_))), "{answer:?}");
    }

    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1alpha::server_reflection_request::MessageRequest::ListServices(String::new())),
    };
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(app.channel().await);
    let answer =
        client.server_reflection_info(tokio_stream::iter([request])).await.unwrap().into_inner().message().await;
    let Some(v1alpha::server_reflection_response::MessageResponse::ListServicesResponse(list)) =
        answer.unwrap().unwrap().message_response
    else {
        panic!("no list");
    };
    assert_eq!(list.service.len(), listed.len());
    app.stop().await.unwrap();
}

#[tokio::test]
async fn messages_are_compressed_when_asked() {
    let app = TestApp::with_sandbox().await;
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
        let mut client =
            PlatformServiceClient::new(app.channel().await).send_compressed(encoding).accept_compressed(encoding);
        let answer = soon("answer", client.get_platform_config(pb::GetPlatformConfigRequest {})).await.unwrap();
        let used = answer.metadata().get("grpc-encoding").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(used.as_deref(), Some(if encoding == CompressionEncoding::Gzip { "gzip" } else { "zstd" }));
    }
    let mut client = PlatformServiceClient::new(app.channel().await);
    let answer = soon("answer", client.get_platform_config(pb::GetPlatformConfigRequest {})).await.unwrap();
    assert!(answer.metadata().get("grpc-encoding").is_none());
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused() {
    let sources = free_ports().with(&settings::GRPC_MAX_REQUEST_SIZE, "1KiB");
    let app = TestApp::start(Config::load(sources, true).unwrap()).await;
    let channel = app.channel().await;
    let refused = health(&channel, &"x".repeat(2000)).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange, "{refused:?}");
    assert_eq!(refused.get_details_error_info().unwrap().reason, "MESSAGE_TOO_LARGE");
    let unknown = health(&channel, "no.such.Service").await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound, "{unknown:?}");
    assert_eq!(unknown.get_details_error_info().unwrap().reason, "SERVICE_UNKNOWN");
    assert_eq!(health(&channel, "").await.unwrap(), ServingStatus::Serving);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn an_answer_over_the_limit_is_not_sent() {
    let mut upstream = SilentGrid::start().await;
    let sources = free_ports().with(&settings::GRPC_MAX_RESPONSE_SIZE, "1KiB");
    let app = TestApp::in_front_of(&upstream.base_url(), sources).await;
    let mut client = PlatformServiceClient::new(app.channel().await);
    let call = tokio::spawn(async move { client.get_platform_config(pb::GetPlatformConfigRequest {}).await });
    upstream.request().await;
    upstream.answer(&format!(r#"{{"id": "PlatformConfig:{}"}}"#, "x".repeat(2000)));
    let refused = soon("an answer", call).await.unwrap().unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange, "{refused:?}");
    assert_eq!(refused.get_details_error_info().unwrap().reason, "RESPONSE_TOO_LARGE");
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_connection_is_told_how_many_calls_it_may_have_open() {
    let sources = free_ports().with(&settings::GRPC_MAX_CONCURRENT_STREAMS, "7");
    let app = TestApp::start(Config::load(sources, true).unwrap()).await;
    let (stream, heard) = Overheard::connect(app.addresses.grpc).await;
    let answer = RawClient::over(stream).await.call("/grpc.health.v1.Health/Check", &[]).await;
    assert_eq!(answer.code(), Code::Ok);
    let frames = parse(&heard.lock().unwrap());
    // SETTINGS_MAX_CONCURRENT_STREAMS (RFC 9113, section 6.5.2).
    let told = frames.iter().find(|frame| frame.kind == SETTINGS).unwrap().payload.chunks(6).any(|setting| {
        let (name, value) = setting.split_at(2);
        name == [0, 3] && value == [0, 0, 0, 7]
    });
    assert!(told, "{frames:?}");
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_connection_whose_other_end_is_gone_is_closed() {
    let sources =
        free_ports().with(&settings::GRPC_KEEPALIVE_INTERVAL, "20ms").with(&settings::GRPC_KEEPALIVE_TIMEOUT, "20ms");
    let app = TestApp::start(Config::load(sources, true).unwrap()).await;
    // Says hello with empty settings, and then answers nothing.
    let mut stream = TcpStream::connect(app.addresses.grpc).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    soon("closed", stream.read_to_end(&mut Vec::new())).await.unwrap();
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_call_that_waits_for_grid_ends_at_the_caller_s_deadline_and_its_request_is_dropped() {
    let (app, mut upstream) = stuck_app(free_ports()).await;
    let mut client = RawClient::connect(app.addresses.grpc).await;
    let began = Instant::now();
    let answer = client.call("/gridgate.v1.PlatformService/GetPlatformConfig", &[("grpc-timeout", "300m")]).await;
    assert_eq!(answer.code(), Code::DeadlineExceeded);
    assert!(began.elapsed() >= Duration::from_millis(300));
    upstream.request().await;
    upstream.request_dropped().await;
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_call_that_its_caller_cancels_drops_its_request() {
    let (app, mut upstream) = stuck_app(free_ports()).await;
    let call = waiting_call(&app, &mut upstream).await;
    call.abort();
    upstream.request_dropped().await;
    app.stop().await.unwrap();
}

#[tokio::test]
async fn stopping_is_announced_and_open_streams_do_not_hold_it_up() {
    let app = TestApp::with_sandbox().await;
    let mut health = HealthClient::new(app.channel().await);
    let mut watch = soon("watch", health.watch(about(SERVICES[0]))).await.unwrap().into_inner();
    let first = soon("status", watch.message()).await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);
    let mut reflection = ServerReflectionClient::new(app.channel().await);
    let (_held_open, requests) = tokio::sync::mpsc::channel(1);
    let requests = tokio_stream::wrappers::ReceiverStream::new(requests);
    let mut answers = soon("session", reflection.server_reflection_info(requests)).await.unwrap().into_inner();
    // Connected, and silent.
    let _idle = TcpStream::connect(app.addresses.grpc).await.unwrap();
    let _idle_admin = TcpStream::connect(app.addresses.admin).await.unwrap();

    app.tell_to_stop();
    let next = soon("announcement", watch.message()).await.unwrap().unwrap();
    assert_eq!(next.status(), ServingStatus::NotServing);
    for ended in [soon("end", watch.message()).await.map(|_| ()), soon("end", answers.message()).await.map(|_| ())] {
        let status = ended.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(status.get_details_error_info().unwrap().reason, "SHUTTING_DOWN");
    }
    app.stopped().await.unwrap();
}

#[tokio::test]
async fn calls_that_are_open_finish_before_it_stops() {
    let (app, mut upstream) = stuck_app(free_ports()).await;
    let call = waiting_call(&app, &mut upstream).await;
    let addr = app.addresses.grpc;
    app.tell_to_stop();
    soon("no new connections", async {
        while TcpStream::connect(addr).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(app.admin("/readyz").await, (503, "draining\n".to_owned()));
    assert!(!call.is_finished());
    upstream.answer(r#"{"isRegulatedFinancialInstitution": true}"#);
    let answer = soon("answer", call).await.unwrap().unwrap().into_inner();
    assert!(answer.platform_config.unwrap().is_regulated_financial_institution());
    app.stopped().await.unwrap();
}

#[tokio::test]
async fn calls_that_do_not_finish_are_cut_when_the_grace_period_is_over() {
    let sources = free_ports().with(&settings::SHUTDOWN_GRACE_PERIOD, "100ms");
    let (app, mut upstream) = stuck_app(sources).await;
    let call = waiting_call(&app, &mut upstream).await;
    let stopped = app.stop().await;
    assert!(matches!(stopped, Err(RunError::Cut(_))), "{stopped:?}");
    let status = soon("end", call).await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unknown);
    assert_eq!(status.get_details_error_info().unwrap().reason, "OUTCOME_UNKNOWN");
    upstream.request_dropped().await;
}

#[tokio::test]
async fn calls_are_accepted_during_the_drain_delay() {
    let sources = free_ports().with(&settings::SHUTDOWN_DRAIN_DELAY, "1s");
    let app = TestApp::start(Config::load(sources, true).unwrap()).await;
    let began = Instant::now();
    app.tell_to_stop();
    let channel = app.channel().await;
    soon("not serving", async {
        while health(&channel, "").await.unwrap() == ServingStatus::Serving {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(app.admin("/readyz").await.0, 503);
    let mut client = PlatformServiceClient::new(app.channel().await);
    soon("answer", client.get_platform_config(pb::GetPlatformConfigRequest {})).await.unwrap();
    app.stopped().await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn where_grid_is_needed_it_is_not_ready_before_grid_answers() {
    let mut upstream = SilentGrid::start().await;
    let account = [("GRID_CLIENT_ID", "id"), ("GRID_CLIENT_SECRET", "secret")];
    let sources = free_ports()
        .with_env(account.map(|(name, value)| (name.into(), value.into())))
        .with(&settings::GRID_BASE_URL, upstream.base_url())
        .with(&settings::READY_NEEDS_GRID, "true");
    let app = App::bind(Config::load(sources, false).unwrap()).await.unwrap();
    let (addresses, ready, stop) = (app.addresses(), app.ready(), CancellationToken::new());
    let running = tokio::spawn(app.run(stop.clone().cancelled_owned()));
    upstream.request().await;
    let channel = Endpoint::from_shared(format!("http://{}", addresses.grpc)).unwrap().connect().await.unwrap();
    assert_eq!(health(&channel, "").await.unwrap(), ServingStatus::NotServing);
    let readyz = async || reqwest::get(format!("http://{}/readyz", addresses.admin)).await.unwrap().status().as_u16();
    assert_eq!(readyz().await, 503);
    upstream.answer("{}");
    soon("ready", ready).await;
    assert_eq!(health(&channel, "").await.unwrap(), ServingStatus::Serving);
    assert_eq!(readyz().await, 200);
    stop.cancel();
    soon("stopped", running).await.unwrap().unwrap();
}

#[tokio::test]
async fn dropping_a_running_server_ends_everything() {
    let (app, mut upstream) = stuck_app(free_ports()).await;
    let call = waiting_call(&app, &mut upstream).await;
    let addr = app.addresses.grpc;
    drop(app);
    assert!(soon("end", call).await.unwrap().is_err());
    upstream.request_dropped().await;
    soon("no new connections", async {
        while TcpStream::connect(addr).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn every_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let sources = free_ports().with(&settings::GRPC_ADDR, &addr).with(&settings::SANDBOX_ADDR, &addr);
    let error = App::bind(Config::load(sources, true).unwrap()).await.err().unwrap();
    assert!(matches!(&error, BindError::Listen(failures) if failures.len() == 2), "{error:?}");
    let text = error.to_string();
    for part in [addr.as_str(), "GRIDGATE_GRPC_ADDR", "GRIDGATE_SANDBOX_ADDR"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!text.contains("GRIDGATE_ADMIN_ADDR"), "{text}");
}
