//! How long the event log keeps what, as it is set.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gridgate::config::settings;
use gridgate::kyc::clock::Clock;
use gridgate::kyc::log::sqlite::{self, SqliteOptions};
use gridgate::pb;
use gridgate::pb::kyc_event_service_client::KycEventServiceClient;
use jiff::{SignedDuration, Timestamp};
use tonic::transport::Channel;

use crate::event_log::seen::{status, webhook};
use crate::support::app::{TestApp, free_ports};
use crate::support::soon;

/// A clock that stands.
struct Stopped(Timestamp);

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// A log of which all but the newest event is twenty days old.
async fn old_log(path: &Path) {
    record(path, SignedDuration::from_hours(20 * 24), 0..3).await;
    record(path, SignedDuration::ZERO, 3..4).await;
}

/// Records so many events, so long ago.
async fn record(path: &Path, ago: SignedDuration, numbers: std::ops::Range<i64>) {
    let log = sqlite::open(SqliteOptions::at(path), Arc::new(Stopped(Timestamp::now() - ago))).unwrap();
    for number in numbers {
        let seen = webhook(&number.to_string(), &format!("c{number}"), status("APPROVED"), number);
        log.record(seen).await.unwrap();
    }
    log.close().await;
}

async fn start(path: &Path, max_age: &str) -> TestApp {
    let sources = free_ports()
        .with(&settings::EVENT_LOG, format!("sqlite:{}", path.display()))
        .with(&settings::EVENT_MAX_AGE, max_age);
    TestApp::in_front_of("http://127.0.0.1:9/grid/2025-10-13", sources).await
}

async fn events(channel: &Channel) -> usize {
    let mut client = KycEventServiceClient::new(channel.clone());
    let listed = soon("a list", client.list_kyc_events(pb::ListKycEventsRequest::default())).await.unwrap();
    listed.into_inner().events.len()
}

#[tokio::test]
async fn events_go_when_they_are_old_enough_and_statuses_stay() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events.db");
    old_log(&path).await;

    let app = start(&path, "21d").await;
    assert_eq!(events(&app.channel().await).await, 4);
    app.stop().await.unwrap();

    let app = start(&path, "19d").await;
    let channel = app.channel().await;
    let gone = async {
        while events(&channel).await > 1 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon("only the newest is left", gone).await;
    let request = pb::GetKycStatusRequest { customer_id: "Customer:c1".to_owned(), ..Default::default() };
    let known = soon("a status", KycEventServiceClient::new(channel).get_kyc_status(request)).await.unwrap();
    assert_eq!(known.into_inner().customer.unwrap().status(), pb::KycStatus::Approved);
}
