//! Streams on which nothing happens for longer than Envoy waits by default.

use super::mesh::{Mesh, PAYMENTS};
use super::restarts::new_customer;
use crate::support::soon;
use gridgate::pb;
use gridgate::pb::customer_service_client::CustomerServiceClient;
use gridgate::pb::kyc_event_service_client::KycEventServiceClient;
use gridgate::pb::watch_kyc_status_response::Event;
use std::time::Duration;
use tokio::time::timeout;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

/// Longer than the 15 s that a route has by default.
const SILENCE: Duration = Duration::from_secs(17);

#[tokio::test]
async fn a_stream_that_is_silent_for_longer_than_envoys_timeouts_stays_up() {
    let mesh = Mesh::start().await;
    // What ends silent calls, brought within the reach of a test.
    let shortened =
        [("stream_idle_timeout: 300s", "stream_idle_timeout: 1s"), (" idle_timeout: 630s", " idle_timeout: 1s")];
    let envoy = mesh.envoy(&shortened).await;
    let channel = mesh.channel(envoy.addr, Some(PAYMENTS)).await.unwrap();
    let mut client = KycEventServiceClient::new(channel.clone());
    let request = pb::WatchKycStatusRequest {
        heartbeat_interval: Some(prost_types::Duration { seconds: 300, nanos: 0 }),
        ..Default::default()
    };
    let mut stream = soon("a stream", client.watch_kyc_status(request)).await.unwrap().into_inner();
    let synced = soon("synced", stream.message()).await.unwrap().unwrap();
    assert!(matches!(synced.event, Some(Event::Synced(_))), "{synced:?}");

    // That Envoy means it shows on a stream that has no exception.
    let mut watch = HealthClient::new(channel.clone()).watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    let cut = async { while watch.message().await.is_ok_and(|message| message.is_some()) {} };
    soon("the silent health watch is cut", cut).await;

    match timeout(SILENCE, stream.message()).await {
        Err(_) => {}
        Ok(ended) => panic!("the stream did not stay as it was: {ended:?}"),
    }
    // Both ends of it are alive.
    let mut customers = CustomerServiceClient::new(channel);
    let created = soon("a customer", customers.create_customer(new_customer("p".to_owned()))).await.unwrap();
    let id = created.into_inner().customer.unwrap().id;
    let response = soon("an event", stream.message()).await.unwrap().unwrap();
    match response.event {
        Some(Event::StatusChange(change)) => assert_eq!(change.customer_id, id),
        other => panic!("{other:?}"),
    }
    drop(stream);
    mesh.end().await;
}
