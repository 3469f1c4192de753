//! Snapshot, synced, live, with no hole: promise 5.

use std::collections::BTreeMap;
use std::sync::Arc;

use gridgate::kyc::clock::SystemClock;
use gridgate::kyc::log::EventLog;
use gridgate::pb::{KycEventKind, KycStatus};

use super::history::Writer;
use super::requests::{Asking, Request, from_now, snapshot};
use super::rig::Rig;
use crate::event_log::seen::{deleted, status, webhook, webhook_of};
use crate::support::memory_log::{MemoryLog, Store};
use crate::support::place::Place;
use crate::support::watcher::words;

pub async fn a_snapshot_then_changes_then_synced(place: &dyn Place) {
    let log = place.open().await;
    let rig = Rig::of(&log).await;
    let writer = Writer::of(&log);
    writer.says("b", "PENDING").await;
    writer.says_of("ours", "a", "PENDING").await;
    writer.says_verification("a", "RESOLVE_ERRORS", &[("MISSING_FIELD", Some("address"))]).await;
    writer.says("a", "APPROVED").await;
    writer.says_subject("c", deleted("PENDING")).await;
    let rows = ["row a APPROVED", "row a/a RESOLVE_ERRORS", "row b PENDING", "row c PENDING deleted"];

    let mut stream = rig.watch(snapshot()).await;
    let mut tokens = Vec::new();
    for row in rows {
        let response = stream.response().await;
        assert_eq!(words(&response), row);
        tokens.push(response.resume_token);
    }
    let synced = stream.response().await;
    assert_eq!(words(&synced), "synced");
    writer.says("b", "REJECTED").await;
    let change = stream.response().await;
    assert_eq!(words(&change), "b REJECTED");

    // Before `synced`, each token means to begin again; from `synced` on, to go on. The request stays the same.
    for token in tokens {
        let (heard, _) = rig.watch(snapshot().resumed(&token)).await.hear_until("synced").await;
        assert_eq!(heard, ["row a APPROVED", "row a/a RESOLVE_ERRORS", "row b REJECTED", "row c PENDING deleted"]);
    }
    let (heard, _) = rig.watch(snapshot().resumed(&synced.resume_token)).await.hear_until("synced").await;
    assert_eq!(heard, ["b REJECTED"]);
    let (heard, _) = rig.watch(snapshot().resumed(&change.resume_token)).await.hear_until("synced").await;
    assert_eq!(heard.len(), 0);
}

pub async fn a_snapshot_obeys_the_filters(place: &dyn Place) {
    let log = place.open().await;
    let rig = Rig::of(&log).await;
    let writer = Writer::of(&log);
    for (platform, name, word) in
        [("one", "a", "PENDING"), ("two", "b", "APPROVED"), ("two", "c", "PENDING"), ("three", "d", "APPROVED")]
    {
        writer.says_of(platform, name, word).await;
        writer.says_verification(name, "IN_PROGRESS", &[]).await;
    }
    let customers = Request { kinds: vec![KycEventKind::CustomerStatus.into()], ..snapshot() };
    let approved = Request { statuses: vec![KycStatus::Approved.into()], ..customers.clone() };
    for (request, rows) in [
        (snapshot().of(&["c"]), vec!["row c PENDING", "row c/c IN_PROGRESS"]),
        (approved.clone(), vec!["row b APPROVED", "row d APPROVED"]),
        (customers.clone().of_platform(&["two"]), vec!["row b APPROVED", "row c PENDING"]),
        (approved.of_platform(&["two"]), vec!["row b APPROVED"]),
        (customers.of_platform(&["two"]).of(&["a"]), vec!["row a PENDING", "row b APPROVED", "row c PENDING"]),
        (snapshot().of(&["nobody"]), vec![]),
    ] {
        assert_eq!(rig.watch(request).await.hear_until("synced").await.0, rows);
    }
}

pub async fn large_snapshots_are_whole(place: &dyn Place) {
    let log = place.open().await;
    let rig = Rig::of(&log).await;
    let writer = Writer::of(&log);
    let customers = 1500;
    writer.says_many(customers).await;
    // While the rows are read, all of them change.
    let changing = async {
        for some in (1..=customers).collect::<Vec<_>>().chunks(64) {
            let approved = async |number: &usize| writer.says(&format!("c{number}"), "APPROVED").await;
            let all = some.iter().map(approved);
            futures_util::future::join_all(all.collect::<Vec<_>>()).await;
        }
    };
    let mut stream = rig.watch(snapshot()).await;
    let reading = async {
        let mut known = BTreeMap::new();
        while known.len() < customers || known.values().any(|word: &String| word != "APPROVED") {
            let said = stream.hear().await;
            let said = said.strip_prefix("row ").unwrap_or(&said);
            if let Some((name, word)) = said.split_once(' ') {
                let before = known.insert(name.to_owned(), word.to_owned());
                assert_ne!(before.as_deref(), Some("APPROVED"), "{name} went back, or was said twice");
                assert!(before.is_none() || word == "APPROVED", "{name}");
            }
        }
    };
    tokio::join!(changing, reading);
}

fn memory() -> (Arc<MemoryLog>, Arc<EventLog>) {
    let memory = MemoryLog::open(Store::new(), Arc::new(SystemClock), 64);
    let log = memory.log();
    (memory, log)
}

#[tokio::test]
async fn what_changes_while_a_snapshot_is_read_comes_once_and_before_synced() {
    let (memory, log) = memory();
    let writer = Writer::of(&log);
    for name in ["a", "b", "c"] {
        writer.says(name, "PENDING").await;
    }
    let rig = Rig::of(&log).await;
    memory.faults.heads.close();
    let mut stream = rig.watch(snapshot()).await;
    let mut approved = rig.watch(Request { statuses: vec![KycStatus::Approved.into()], ..snapshot() }).await;
    let mut pending = rig.watch(Request { statuses: vec![KycStatus::Pending.into()], ..snapshot() }).await;
    // The position is fixed; the rows are not read yet.
    writer.says("b", "APPROVED").await;
    writer.says("d", "PENDING").await;
    memory.faults.heads.admit(100);
    let (heard, _) = stream.hear_until("synced").await;
    assert_eq!(heard, ["row a PENDING", "row c PENDING", "b APPROVED", "d PENDING"]);
    assert_eq!(approved.hear_until("synced").await.0, ["b APPROVED"]);
    assert_eq!(pending.hear_until("synced").await.0, ["row a PENDING", "row c PENDING", "d PENDING"]);
}

#[tokio::test]
async fn what_can_be_read_before_it_is_announced_is_not_missing_at_synced() {
    let (memory, log) = memory();
    let writer = Writer::of(&log);
    writer.says("a", "PENDING").await;
    writer.says("b", "PENDING").await;
    let rig = Rig::of(&log).await;
    memory.faults.heads.close();
    let mut stream = rig.watch(snapshot()).await;
    memory.faults.hold_back.set(true);
    writer.says("a", "APPROVED").await;
    memory.faults.heads.admit(100);
    assert_eq!(stream.hear().await, "row b PENDING");
    // The row of `a` was left out, for its change follows: `synced` has to wait for it.
    memory.announce();
    assert_eq!(stream.hear_until("synced").await.0, ["a APPROVED"]);
}

#[tokio::test]
async fn a_status_seen_before_its_platform_id_was_known_is_not_missing_at_synced() {
    let (memory, log) = memory();
    let writer = Writer::of(&log);
    let rig = Rig::of(&log).await;
    memory.faults.heads.close();
    let mut stream = rig.watch(snapshot().of_platform(&["ours"])).await;
    // The change says nothing of the platform's id; what confirms it does.
    writer.records(webhook("1", "a", status("PENDING"), 1)).await;
    writer.records(webhook_of("2", "a", "ours", status("PENDING"), 2)).await;
    writer.records(webhook_of("3", "b", "ours", status("PENDING"), 3)).await;
    memory.faults.heads.admit(100);
    let (heard, token) = stream.hear_until("synced").await;
    assert_eq!(heard, ["row a PENDING", "row b PENDING"], "each once");
    writer.records(webhook("4", "a", status("APPROVED"), 4)).await;
    assert_eq!(stream.hear().await, "a APPROVED");
    assert_eq!(rig.watch(from_now().resumed(&token)).await.hear().await, "a APPROVED");
}

#[tokio::test]
async fn goodbye_in_the_middle_of_a_snapshot_has_it_begin_again() {
    let (memory, log) = memory();
    let writer = Writer::of(&log);
    let customers = 300;
    writer.says_many(customers).await;
    let rig = Rig::of(&log).await;
    memory.faults.heads.close();
    memory.faults.heads.admit(1);
    let mut stream = rig.watch(snapshot()).await;
    assert!(stream.hear().await.starts_with("row "));
    rig.leaving.cancel();
    memory.faults.heads.admit(100);
    let token = stream.hear_until("bye Shutdown").await.1;
    assert!(stream.next().await.unwrap().is_none());
    let elsewhere = Rig::of(&log).await;
    let (heard, _) = elsewhere.watch(snapshot().resumed(&token)).await.hear_until("synced").await;
    assert_eq!(heard.len(), customers);
}
