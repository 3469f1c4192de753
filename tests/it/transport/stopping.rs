//! The real program, told to stop while thousands watch and many call.

use crate::support::process::Process;
use crate::support::silent_grid::SilentGrid;
use crate::support::soon;
use gridgate::pb;
use gridgate::pb::kyc_event_service_client::KycEventServiceClient;
use gridgate::pb::platform_service_client::PlatformServiceClient;
use gridgate::pb::watch_kyc_status_response::Event;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tonic::transport::{Channel, Endpoint};

const CONNECTIONS: usize = 100;
const STREAMS_EACH: usize = 100;
const GRACE: Duration = Duration::from_secs(25);

async fn connect(addr: &str) -> Channel {
    soon("connected", Endpoint::from_shared(format!("http://{addr}")).unwrap().connect()).await.unwrap()
}

/// Watches to the end, which has to be a goodbye and no error.
async fn watch(channel: Channel, begun: tokio::sync::mpsc::Sender<()>) {
    let mut client = KycEventServiceClient::new(channel);
    let request = pb::WatchKycStatusRequest {
        heartbeat_interval: Some(prost_types::Duration { seconds: 300, nanos: 0 }),
        ..Default::default()
    };
    let mut stream = client.watch_kyc_status(request).await.unwrap().into_inner();
    let mut said = Vec::new();
    while let Some(response) = stream.message().await.unwrap() {
        if said.is_empty() {
            begun.send(()).await.unwrap();
        }
        said.push(response.event.unwrap());
    }
    let [Event::Synced(_), Event::GoingAway(goodbye)] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!(goodbye.reason(), pb::GoingAwayReason::Shutdown);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_streams_and_a_hundred_calls_end_well_when_it_is_told_to_stop() {
    let mut upstream = SilentGrid::start().await;
    let base_url = upstream.base_url();
    let grace = format!("{}s", GRACE.as_secs());
    let env = [
        ("GRID_CLIENT_ID", "id"),
        ("GRID_CLIENT_SECRET", "secret"),
        ("LIGHTSPARK_GRID_BASE_URL", base_url.as_str()),
        ("GRIDGATE_GRPC_ADDR", "127.0.0.1:0"),
        ("GRIDGATE_ADMIN_ADDR", "127.0.0.1:0"),
        ("GRIDGATE_EVENT_LOG", "temporary"),
        ("GRIDGATE_RECONCILE_INTERVAL", "0s"),
        ("GRIDGATE_SHUTDOWN_GRACE_PERIOD", grace.as_str()),
    ];
    let mut program = Process::start(&["serve"], &env);
    let addr = program.json_line().await["grpc"].clone();

    let (begun, mut beginnings) = tokio::sync::mpsc::channel(1024);
    let (mut streams, mut calls) = (JoinSet::new(), JoinSet::new());
    let mut channels = Vec::new();
    for _ in 0..CONNECTIONS {
        let channel = connect(&addr).await;
        for _ in 0..STREAMS_EACH {
            streams.spawn(watch(channel.clone(), begun.clone()));
        }
        channels.push(channel);
    }
    for _ in 0..CONNECTIONS * STREAMS_EACH {
        soon("a stream", beginnings.recv()).await.unwrap();
    }
    for channel in channels {
        let mut client = PlatformServiceClient::new(channel);
        calls.spawn(async move { client.get_platform_config(pb::GetPlatformConfigRequest {}).await });
    }
    for _ in 0..CONNECTIONS {
        upstream.request().await;
    }

    let told = Instant::now();
    program.signal("TERM").await;
    // The streams end while the calls are still under way.
    let ended = async {
        while let Some(ended) = streams.join_next().await {
            ended.unwrap()
        }
    };
    tokio::time::timeout(GRACE, ended).await.expect("the streams ended within the grace period");
    assert_eq!(calls.try_join_next().map(|_| ()), None, "no call was answered or broken");
    for _ in 0..CONNECTIONS {
        upstream.answer("{}");
        soon("an answer", calls.join_next()).await.unwrap().unwrap().expect("a call was broken");
    }
    let end = program.ended().await;
    assert_eq!(end.status.code(), Some(0), "{}", end.stderr);
    assert!(told.elapsed() < GRACE, "{:?}", told.elapsed());
}
