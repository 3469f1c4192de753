//! Heartbeats, and how streams end: promises 6, 8 and 9.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gridgate::kyc::clock::SystemClock;
use gridgate::kyc::event::Asker;
use gridgate::pb::watch_kyc_status_response::Event;
use gridgate::pb::{Heartbeat, WatchKycStatusResponse};
use gridgate::rpc::WatchConfig;
use tokio_util::task::AbortOnDropHandle;

use super::history::Writer;
use super::requests::{Asking, from_earliest, from_now, from_token, snapshot};
use super::rig::{Rig, for_ever};
use crate::event_log::seen::{answer, deleted, status, webhook};
use crate::support::memory_log::{MemoryLog, Store};
use crate::support::place::Place;
use crate::support::watcher::words;

fn heartbeat(response: &WatchKycStatusResponse) -> Heartbeat {
    match &response.event {
        Some(Event::Heartbeat(heartbeat)) => *heartbeat,
        other => panic!("no heartbeat: {other:?}"),
    }
}

pub async fn heartbeats_come_on_a_clock(place: &dyn Place) {
    let log = place.open().await;
    let rig = Rig::of(&log).await;
    let writer = Writer::of(&log);
    let mut stream = rig.watch(from_now().with_quick_heartbeats()).await;
    stream.hear_until("synced").await;
    let begun = tokio::time::Instant::now();
    writer.says("a", "PENDING").await;
    assert_eq!(stream.hear().await, "a PENDING");
    for _ in 0..2 {
        let beat = heartbeat(&stream.response().await);
        assert!(beat.caught_up);
        assert_eq!(beat.as_of, Some(super::requests::timestamp(log.as_of())));
    }
    // The stream began a little before `begun`.
    assert!(begun.elapsed() > Duration::from_millis(1500), "one a second, not more");
}

pub async fn a_heartbeat_passes_what_concerns_others(place: &dyn Place) {
    let log = place.open().await;
    let rig = Rig::of(&log).await;
    let writer = Writer::of(&log);
    let mut stream = rig.watch(from_now().of(&["a"]).with_quick_heartbeats()).await;
    let synced = stream.response().await.resume_token;
    writer.says("b", "PENDING").await;
    writer.says("c", "PENDING").await;
    let response = stream.response().await;
    assert!(heartbeat(&response).caught_up);
    writer.says("a", "PENDING").await;
    // Everyone's changes from here on, to see where here is.
    let after = |token: String| async move { rig.watch(from_token(&token)).await.hear_until("synced").await.0 };
    assert_eq!(after(response.resume_token).await, ["a PENDING"]);
    drop(synced);
}

pub async fn streams_say_goodbye(place: &dyn Place) {
    let log = place.open().await;
    let writer = Writer::of(&log);
    writer.says("a", "PENDING").await;
    let age = Duration::from_millis(400);
    let aging = Rig::with(&log, WatchConfig { max_age: age, ..for_ever() }).await;
    let begun = tokio::time::Instant::now();
    let mut stream = aging.watch(from_earliest()).await;
    let (heard, token) = stream.hear_until("bye MaxAge").await;
    assert_eq!(heard, ["a PENDING", "synced"]);
    assert!(begun.elapsed() >= age.mul_f64(0.9));
    assert!(stream.next().await.unwrap().is_none(), "and then OK");

    let rig = Rig::of(&log).await;
    let mut stream = rig.watch(from_token(&token)).await;
    assert_eq!(stream.hear().await, "synced");
    writer.says("a", "APPROVED").await;
    assert_eq!(stream.hear().await, "a APPROVED");
    rig.leaving.cancel();
    let (_, token) = stream.hear_until("bye Shutdown").await;
    assert!(stream.next().await.unwrap().is_none());
    // A call that comes too late for this replica is told at once.
    assert_eq!(rig.watch(from_token(&token)).await.hear_all().await.0, ["bye Shutdown"]);
}

pub async fn a_stream_ends_when_all_are_decided(place: &dyn Place) {
    let log = place.open().await;
    let rig = Rig::of(&log).await;
    let writer = Writer::of(&log);
    writer.says("done", "APPROVED").await;
    writer.says("open", "PENDING").await;
    let until = |names: &[&str]| from_now().of(names).until_decided();
    // Nothing to wait for.
    let decided = rig.watch(until(&["done"])).await.hear_all().await;
    assert_eq!(decided.0, ["synced", "bye Decided"]);
    assert!(decided.1.is_none());
    let rows = rig.watch(snapshot().of(&["done"]).until_decided()).await.hear_all().await.0;
    assert_eq!(rows, ["row done APPROVED", "synced", "bye Decided"]);

    // One undecided, one unborn, and a filter that lets nothing through.
    let mut stream = rig.watch(until(&["done", "open", "unborn"])).await;
    let filtered = gridgate::pb::WatchKycStatusRequest { kinds: vec![2], ..until(&["open", "unborn"]) };
    let mut filtered = rig.watch(filtered).await;
    assert_eq!((stream.hear().await, filtered.hear().await), ("synced".to_owned(), "synced".to_owned()));
    writer.says_verification("open", "APPROVED", &[]).await;
    writer.says("unborn", "PENDING").await;
    writer.says("open", "REJECTED").await;
    // Grid takes a decision back: undecided again.
    writer.records(answer(log.as_ref(), Asker::Reconciler, "done", status("PENDING"))).await;
    writer.records(answer(log.as_ref(), Asker::Reconciler, "unborn", deleted("PENDING"))).await;
    assert_eq!(filtered.hear_all().await.0, ["open/open APPROVED", "bye Decided"]);
    let heard = ["open/open APPROVED", "unborn PENDING", "open REJECTED", "done PENDING", "unborn PENDING deleted"];
    assert_eq!(stream.hear_several(5).await, heard);
    writer.records(answer(log.as_ref(), Asker::Reconciler, "done", status("REJECTED"))).await;
    assert_eq!(stream.hear_all().await.0, ["done REJECTED", "bye Decided"]);
    // From the beginning: decisions on the way do not count, only what is so in the end.
    let again = rig.watch(from_earliest().of(&["done"]).until_decided()).await.hear_all().await.0;
    assert_eq!(again, ["done APPROVED", "done PENDING", "done REJECTED", "synced", "bye Decided"]);
}

#[tokio::test]
async fn a_decision_that_comes_while_all_are_judged_is_heard_before_the_goodbye() {
    let memory = MemoryLog::open(Store::new(), Arc::new(SystemClock), 64);
    let log = memory.log();
    let rig = Rig::of(&log).await;
    let writer = Writer::of(&log);
    writer.says("a", "PENDING").await;
    // The head says more than the stream has passed.
    memory.faults.hold_back.set(true);
    writer.records(webhook("ok", "a", status("APPROVED"), 9)).await;
    let position = log.bounds().await.unwrap().end;
    assert!(position.position > log.hub().end().position);
    let mut stream = rig.watch(from_token(&first_token(&rig).await).of(&["a"]).until_decided()).await;
    assert_eq!(stream.hear().await, "synced");
    memory.announce();
    assert_eq!(stream.hear_all().await.0, ["a APPROVED", "bye Decided"]);
}

/// The token of the first event.
async fn first_token(rig: &Rig) -> String {
    let page = rig.list(gridgate::pb::ListKycEventsRequest { page_size: 1, ..Default::default() }).await.unwrap();
    page.events[0].resume_token.clone()
}

/// A stream that always has something to say still says that it is alive, and ends when it is old.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_in_a_torrent_has_its_heartbeats_and_its_end() {
    let memory = MemoryLog::open(Store::new(), Arc::new(SystemClock), 4096);
    let log = memory.log();
    let rig = Rig::with(&log, WatchConfig { max_age: Duration::from_millis(2500), ..for_ever() }).await;
    // A writer that is always some thousands ahead of the reader.
    let read = Arc::new(AtomicU64::new(0));
    let (writing, seen) = (Writer::of(&log), Arc::clone(&read));
    let _torrent = AbortOnDropHandle::new(tokio::spawn(async move {
        for written in 0.. {
            while written > seen.load(Ordering::Relaxed) + 8000 {
                tokio::task::yield_now().await;
            }
            writing.says("a", if written % 2 == 0 { "PENDING" } else { "UNVERIFIED" }).await;
        }
    }));
    let mut stream = rig.watch(from_now().with_quick_heartbeats()).await;
    let mut heard = HashSet::new();
    let mut beats = Vec::new();
    while let Some(response) = stream.next().await.unwrap() {
        if let Some(Event::Heartbeat(beat)) = response.event {
            beats.push(beat.caught_up);
        }
        heard.insert(words(&response));
        read.fetch_add(1, Ordering::Relaxed);
    }
    assert!(heard.contains("a PENDING") && heard.contains("bye MaxAge"), "{heard:?}");
    assert!(beats.contains(&false), "it never was at the end: {beats:?}");
}
