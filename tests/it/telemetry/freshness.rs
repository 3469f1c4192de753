//! What `/metrics` says of how far behind anything is: comparing with Grid, statuses in doubt, and readers.

use gridgate::pb;
use gridgate::pb::kyc_event_service_client::KycEventServiceClient;
use gridgate::pb::watch_kyc_status_response::Event;
use serde_json::json;
use tonic::transport::Endpoint;

use super::metrics::{sample, value};
use super::scene::{Scene, kyc};
use crate::support::fake_grid::Reply;
use crate::support::soon;

/// Metrics once this holds of them.
async fn once(scene: &Scene, what: &'static str, holds: impl Fn(&str) -> bool) -> String {
    soon(what, async {
        loop {
            let metrics = scene.metrics().await;
            if holds(&metrics) {
                return metrics;
            }
            // What was read of the log is good for a moment.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await
}

/// A program that has compared everything with Grid, and found a status that no webhook said.
pub async fn compared() -> Scene {
    let scene = Scene::with(&["--reconcile-interval=1s"], &[]).await;
    let mut customer = kyc("", "Customer:quiet", "HOLD")["data"].take();
    customer["createdAt"] = json!("2025-07-21T17:32:28Z");
    scene.upstream.on("GET", "/customers", Reply::json(200, json!({ "data": [customer], "hasMore": false })));
    let found = r#"gridgate_event_record_duration_seconds_count{source="reconciler",outcome="change"}"#;
    once(&scene, "a comparison", |metrics| {
        sample(metrics, "gridgate_reconcile_swept_timestamp_seconds").is_some() && sample(metrics, found) == Some(1.0)
    })
    .await;
    scene
}

#[allow(clippy::cast_precision_loss)]
fn now() -> f64 {
    jiff::Timestamp::now().as_millisecond() as f64 / 1000.0
}

#[tokio::test]
async fn comparing_with_grid_says_how_fresh_it_is_and_since_when_it_fails() {
    let before = now();
    let scene = compared().await;
    let metrics = scene.metrics().await;
    for name in ["gridgate_reconcile_swept_timestamp_seconds", "gridgate_reconcile_seen_to_timestamp_seconds"] {
        let at = value(&metrics, name);
        assert!((before - 2.0..=now()).contains(&at), "{name}: {at}, begun at {before}");
    }
    assert_eq!(sample(&metrics, "gridgate_reconcile_failing_since_timestamp_seconds"), None);
    // It goes on.
    let seen = |metrics: &str| value(metrics, "gridgate_reconcile_seen_to_timestamp_seconds");
    let first = seen(&metrics);
    once(&scene, "a newer comparison", |metrics| seen(metrics) > first).await;
    // Until Grid fails.
    scene.upstream.on("GET", "/customers", Reply::empty(503));
    let failing = "gridgate_reconcile_failing_since_timestamp_seconds";
    let metrics = once(&scene, "a failure", |metrics| sample(metrics, failing).is_some()).await;
    let since = value(&metrics, failing);
    assert!((before..=now()).contains(&since), "{since}");
    let stuck = seen(&metrics);
    assert!(stuck <= since, "{stuck} {since}");
}

#[tokio::test]
async fn a_comparison_that_is_off_grows_no_older() {
    let scene = compared().await;
    let metrics = scene.restart(&["--reconcile-interval=0s"]).await.metrics().await;
    assert_eq!(value(&metrics, "gridgate_event_newest_position"), 1.0, "the same log");
    for name in ["gridgate_reconcile_swept_timestamp_seconds", "gridgate_reconcile_seen_to_timestamp_seconds"] {
        assert_eq!(sample(&metrics, name), None);
    }
}

#[tokio::test]
async fn statuses_in_doubt_are_counted() {
    let scene = Scene::with(&["--reconcile-interval=0s"], &[]).await;
    scene.upstream.on("GET", "/customers/*", Reply::empty(503));
    // Both of the same moment: only Grid knows which is right.
    for (id, customer, status) in [
        ("Webhook:1", "Customer:a", "APPROVED"),
        ("Webhook:2", "Customer:a", "REJECTED"),
        ("Webhook:3", "Customer:b", "REJECTED"),
    ] {
        assert_eq!(scene.deliver(&kyc(id, customer, status)).await, 200);
    }
    once(&scene, "a doubt", |metrics| value(metrics, "gridgate_event_unresolved") == 1.0).await;
    let paused = once(&scene, "a pause", |metrics| sample(metrics, "gridgate_resolve_paused") == Some(1.0)).await;
    assert_eq!(value(&paused, "gridgate_event_unresolved"), 1.0);
}

#[tokio::test]
async fn the_slowest_watcher_is_as_far_behind_as_it_has_not_read() {
    let scene = Scene::with(&["--reconcile-interval=0s"], &[]).await;
    let endpoint = Endpoint::from_shared(format!("http://{}", scene.address("grpc"))).unwrap();
    // So that what it is sent without reading is little.
    let endpoint = endpoint.initial_stream_window_size(4096).initial_connection_window_size(65_535);
    let mut client = KycEventServiceClient::new(soon("connected", endpoint.connect()).await.unwrap());
    let stream = soon("a stream", client.watch_kyc_status(pb::WatchKycStatusRequest::default())).await;
    let mut stream = stream.unwrap().into_inner();
    while !matches!(soon("synced", stream.message()).await.unwrap().unwrap().event, Some(Event::Synced(_))) {}
    let mut told = 0;
    let behind = loop {
        for _ in 0..100 {
            told += 1;
            let webhook = kyc(&format!("Webhook:{told}"), &format!("Customer:{told}"), "APPROVED");
            assert_eq!(scene.deliver(&webhook).await, 200);
        }
        let metrics = scene.metrics().await;
        if value(&metrics, "gridgate_watch_slowest_behind_events") > 0.0 {
            break metrics;
        }
        assert!(told < 3000, "it is never behind");
    };
    let events = value(&behind, "gridgate_watch_slowest_behind_events");
    assert!(events <= f64::from(told), "{events} of {told}");
    let seconds = value(&behind, "gridgate_watch_slowest_behind_seconds");
    assert!(seconds > 0.0 && seconds < 120.0, "{seconds}");
    for _ in 0..told {
        while !matches!(soon("an event", stream.message()).await.unwrap().unwrap().event, Some(Event::StatusChange(_)))
        {
        }
    }
    once(&scene, "it has caught up", |metrics| value(metrics, "gridgate_watch_slowest_behind_events") == 0.0).await;
    assert_eq!(value(&scene.metrics().await, "gridgate_watch_slowest_behind_seconds"), 0.0);
}
