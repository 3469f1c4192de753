//! The door and the log that keeps what comes through it, together.

use std::path::Path;
use std::sync::Arc;

use gridgate::kyc::clock::SystemClock;
use gridgate::kyc::event::{Event, Outcome as Meaning};
use gridgate::kyc::id::{EntityKey, ObservationId, Position};
use gridgate::kyc::log::sqlite::{self, SqliteOptions};
use gridgate::kyc::log::{EventLog, Scope};
use gridgate::webhook::Outcome;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::log::{ScriptedLog, customer};
use super::{Door, Opening};
use crate::support::soon;
use crate::support::webhook_sender::{kyc, webhook};

fn log_in(folder: &Path) -> Arc<EventLog> {
    let options = SqliteOptions::at(folder.join("events.db"));
    Arc::new(sqlite::open(options, Arc::new(SystemClock)).unwrap())
}

async fn door_to(log: &Arc<EventLog>) -> Door {
    Opening::new().open_to(log.clone(), Arc::new(ScriptedLog::default())).await
}

async fn events(log: &EventLog) -> Vec<Arc<Event>> {
    log.read(Position::START, &Scope::ALL, 1000).await.unwrap().events
}

#[tokio::test]
async fn a_hundred_copies_at_once_are_one_event() {
    let folder = tempfile::tempdir().unwrap();
    let log = log_in(folder.path());
    let door = door_to(&log).await;
    let request = door.grid.webhook(kyc("W:1", "Customer:1", "APPROVED"));
    let mut copies = JoinSet::new();
    for _ in 0..100 {
        let (request, address, log) = (request.clone(), door.address, Arc::clone(&log));
        copies.spawn(async move {
            let status = request.send(address).await.status;
            let found = log.find(&ObservationId::parse("W:1").unwrap()).await.unwrap();
            assert!(found.is_some(), "answered {status}, and not in the log");
            status
        });
    }
    let mut statuses = soon("answers", copies.join_all()).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![200], vec![409; 99]].concat());
    assert_eq!(events(&log).await.len(), 1);
    log.close().await;
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart_and_known_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let recorded = kyc("W:1", "Customer:1", "APPROVED");
    let strange = webhook("W:2", "CUSTOMER.KYC_APPROVED", json!({ "id": "Customer:2", "kycStatus": 7 }));
    {
        let log = log_in(folder.path());
        let door = door_to(&log).await;
        assert_eq!(door.deliver(&recorded).await.status, 200);
        assert_eq!(door.deliver(&strange).await.status, 200);
        log.close().await;
        assert_eq!(door.deliver(kyc("W:3", "Customer:1", "REJECTED")).await.status, 503, "the log is closed");
        assert_eq!(door.deliver(&recorded).await.status, 503, "whether it is kept cannot be said");
    }
    let log = log_in(folder.path());
    let door = door_to(&log).await;
    assert_eq!(door.deliver(&recorded).await.code(), "duplicate");
    assert_eq!(door.deliver(&strange).await.code(), "quarantined_before");
    assert_eq!(door.deliver(kyc("W:3", "Customer:1", "REJECTED")).await.code(), "recorded");
    let kept = log.quarantine().page(None, 10).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].id.as_str(), &kept[0].customer), ("W:2", &Some(customer("Customer:2"))));
    assert_eq!(door.count(Outcome::Recorded), 1);
    log.close().await;
}

#[tokio::test]
async fn a_webhook_is_answered_at_once_whatever_it_means() {
    let at = |id: &str, status: &str, updated_at: &str, timestamp: &str| {
        let mut body: Value = serde_json::from_str(&kyc(id, "Customer:1", status)).unwrap();
        body["data"]["updatedAt"] = json!(format!("2025-08-{updated_at}T00:00:00Z"));
        body["timestamp"] = json!(format!("2025-08-{timestamp}T00:00:00Z"));
        body.to_string()
    };
    let folder = tempfile::tempdir().unwrap();
    let log = log_in(folder.path());
    let door = door_to(&log).await;
    for body in [
        at("W:1", "PENDING", "10", "10"),
        at("W:2", "APPROVED", "11", "11"),
        at("W:3", "PENDING", "10", "10"),
        at("W:4", "REJECTED", "10", "12"),
        at("W:5", "APPROVED", "11", "13"),
    ] {
        assert_eq!(door.deliver(body).await.code(), "recorded");
    }
    let meanings: Vec<_> = events(&log).await.iter().map(|event| event.outcome).collect();
    let expected = [Meaning::Change, Meaning::Change, Meaning::Superseded, Meaning::Unresolved, Meaning::Confirmation];
    assert_eq!(meanings, expected);
    let head = log.head(&EntityKey::customer(customer("Customer:1"))).await.unwrap().unwrap();
    assert_eq!((head.subject.status_word(), head.doubt.is_some()), ("APPROVED", true));
    log.close().await;
}
