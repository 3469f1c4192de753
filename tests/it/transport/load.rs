//! More than can be done: the rest is refused at once, and says when to come back.

use crate::support::app::{TestApp, free_ports};
use crate::support::raw_grpc::RawClient;
use crate::support::silent_grid::SilentGrid;
use crate::support::soon;
use gridgate::config::{Config, settings};
use gridgate::pb;
use gridgate::pb::kyc_event_service_client::KycEventServiceClient;
use gridgate::pb::platform_service_client::PlatformServiceClient;
use std::time::Duration;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

fn is_refusal(status: &Status, reason: &str) {
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    let info = status.get_details_error_info().unwrap();
    assert_eq!((info.reason.as_str(), info.domain.as_str()), (reason, "gridgate"));
    let delay = status.get_details_retry_info().unwrap().retry_delay.unwrap();
    assert!((Duration::from_millis(500)..=Duration::from_millis(1500)).contains(&delay), "{delay:?}");
    let pushback = status.metadata().get("grpc-retry-pushback-ms").unwrap().to_str().unwrap();
    assert_eq!(pushback, delay.as_millis().to_string());
}

#[tokio::test]
async fn calls_over_the_limit_are_refused_and_those_under_way_are_answered() {
    let mut upstream = SilentGrid::start().await;
    let sources = free_ports().with(&settings::GRPC_MAX_CALLS, "2").with(&settings::GRPC_MAX_CALL_WAIT, "0s");
    let app = TestApp::in_front_of(&upstream.base_url(), sources).await;
    let channel = app.channel().await;
    let call = || {
        let mut client = PlatformServiceClient::new(channel.clone());
        tokio::spawn(async move { client.get_platform_config(pb::GetPlatformConfigRequest {}).await })
    };
    let under_way = [call(), call()];
    upstream.request().await;
    upstream.request().await;
    for _ in 0..10 {
        is_refusal(&soon("a refusal", call()).await.unwrap().unwrap_err(), "OVERLOADED");
    }
    // What needs no place of theirs is answered.
    soon("health", HealthClient::new(channel.clone()).check(HealthCheckRequest::default())).await.unwrap();
    let mut events = KycEventServiceClient::new(channel.clone());
    soon("events", events.list_kyc_events(pb::ListKycEventsRequest::default())).await.unwrap();
    for call in under_way {
        upstream.answer("{}");
        soon("an answer", call).await.unwrap().unwrap();
    }
    let next = call();
    upstream.request().await;
    upstream.answer("{}");
    soon("an answer", next).await.unwrap().unwrap();
    app.stop().await.unwrap();
}

#[tokio::test]
async fn watches_of_health_are_bounded_and_checks_are_not_refused() {
    let app = TestApp::with_sandbox().await;
    let mut watches = Vec::new();
    let refused = 'refused: loop {
        // As many as one connection may have.
        let mut client = HealthClient::new(app.channel().await);
        for _ in 0..1000 {
            match soon("a watch", client.watch(HealthCheckRequest::default())).await {
                Ok(watch) => watches.push(watch),
                Err(refused) => break 'refused refused,
            }
        }
        assert!(watches.len() < 10_000, "there is no limit");
    };
    is_refusal(&refused, "TOO_MANY_STREAMS");
    assert!(watches.len() >= 1024, "{}", watches.len());
    let mut client = HealthClient::new(app.channel().await);
    soon("health", client.check(HealthCheckRequest::default())).await.unwrap();
    // Other streams have places of their own.
    let mut events = KycEventServiceClient::new(app.channel().await);
    soon("a stream", events.watch_kyc_status(pb::WatchKycStatusRequest::default())).await.unwrap();
    drop(watches);
    let again = async { while client.watch(HealthCheckRequest::default()).await.is_err() {} };
    soon("places are given back", again).await;
    app.stop().await.unwrap();
}

#[tokio::test]
async fn a_call_waits_for_its_turn_and_no_longer_than_it_may() {
    let mut upstream = SilentGrid::start().await;
    let sources = free_ports().with(&settings::GRPC_MAX_CALLS, "1").with(&settings::GRPC_MAX_CALL_WAIT, "5s");
    let app = TestApp::in_front_of(&upstream.base_url(), sources).await;
    let mut client = RawClient::connect(app.addresses.grpc).await;
    const METHOD: &str = "/gridgate.v1.PlatformService/GetPlatformConfig";
    let first = tokio::spawn(client.send(METHOD, &[]));
    upstream.request().await;
    let second = tokio::spawn(client.send(METHOD, &[]));
    // One waits, which is as many as there are places, and it obeys its deadline meanwhile.
    let impatient = soon("an end", tokio::spawn(client.send(METHOD, &[("grpc-timeout", "50m")]))).await;
    let status = crate::support::raw_grpc::answer(impatient.unwrap().unwrap()).await.status();
    assert!(matches!(status.code(), Code::DeadlineExceeded | Code::ResourceExhausted), "{status:?}");
    upstream.answer("{}");
    assert_eq!(soon("an answer", first).await.unwrap().unwrap().status(), 200);
    upstream.request().await;
    upstream.answer("{}");
    assert_eq!(soon("an answer", second).await.unwrap().unwrap().status(), 200);
    app.stop().await.unwrap();
}

#[tokio::test]
async fn streams_over_the_limit_are_refused_until_one_ends() {
    let sources = free_ports().with(&settings::GRPC_MAX_STREAMS, "2");
    let app = TestApp::start(Config::load(sources, true).unwrap()).await;
    let mut client = KycEventServiceClient::new(app.channel().await);
    let first = soon("a stream", client.watch_kyc_status(pb::WatchKycStatusRequest::default())).await.unwrap();
    let _second = soon("a stream", client.watch_kyc_status(pb::WatchKycStatusRequest::default())).await.unwrap();
    let refused = soon("a refusal", client.watch_kyc_status(pb::WatchKycStatusRequest::default())).await;
    is_refusal(&refused.unwrap_err(), "TOO_MANY_STREAMS");
    // Watching health is not watching events.
    let mut health = HealthClient::new(app.channel().await);
    soon("health", health.watch(HealthCheckRequest::default())).await.unwrap();
    drop(first);
    soon("a place", async {
        while client.watch_kyc_status(pb::WatchKycStatusRequest::default()).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    app.stop().await.unwrap();
}

#[tokio::test]
async fn many_refusals_do_not_end_the_connection_that_they_came_over() {
    let mut upstream = SilentGrid::start().await;
    let sources = free_ports().with(&settings::GRPC_MAX_CALLS, "1").with(&settings::GRPC_MAX_CALL_WAIT, "0s");
    let app = TestApp::in_front_of(&upstream.base_url(), sources).await;
    let channel = app.channel().await;
    let under_way = {
        let mut client = PlatformServiceClient::new(channel.clone());
        tokio::spawn(async move { client.get_platform_config(pb::GetPlatformConfigRequest {}).await })
    };
    upstream.request().await;
    let callers: Vec<_> = (0..20)
        .map(|_| {
            let mut client = PlatformServiceClient::new(channel.clone());
            tokio::spawn(async move {
                for _ in 0..150 {
                    let refused = client.get_platform_config(pb::GetPlatformConfigRequest {}).await.unwrap_err();
                    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
                }
            })
        })
        .collect();
    for caller in callers {
        soon("refusals", caller).await.unwrap();
    }
    upstream.answer("{}");
    soon("an answer", under_way).await.unwrap().unwrap();
    app.stop().await.unwrap();
}
