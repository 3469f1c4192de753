//! One slow reader hurts only itself: promise 7.

use std::sync::Arc;

use gridgate::kyc::clock::SystemClock;
use tonic::Code;

use super::errors::{metadata, reason};
use super::history::Writer;
use super::requests::{from_now, from_token};
use super::rig::Rig;
use crate::support::memory_log::{MemoryLog, Store};
use crate::support::place::Place;
use crate::support::watcher::Watcher;

/// What `Writer::says_many` says, from one to another.
fn changes(from: usize, to: usize) -> Vec<String> {
    (from..=to).map(|number| format!("c{number} PENDING")).collect()
}

/// The customers' numbers, in the order heard: a log in which many write at once has one of its own.
async fn hear_sorted(stream: &mut Watcher, count: usize) -> Vec<String> {
    let mut heard = stream.hear_several(count).await;
    heard.sort_by_key(|said| said[1..].split(' ').next().unwrap().parse::<usize>().unwrap());
    heard
}

pub async fn a_reader_that_stops_delays_nobody_and_then_has_all(place: &dyn Place) {
    const EVENTS: usize = 100_000;
    let log = place.open().await;
    let rig = Rig::of(&log).await;
    let writer = Writer::of(&log);
    let mut slow = rig.watch(from_now()).await;
    let mut fast = rig.watch(from_now()).await;
    assert_eq!((slow.hear().await, fast.hear().await), ("synced".to_owned(), "synced".to_owned()));
    // The slow one reads nothing meanwhile. The fast one has each as it comes.
    let (_, heard) = tokio::join!(writer.says_many(EVENTS), hear_sorted(&mut fast, EVENTS));
    assert_eq!(heard, changes(1, EVENTS));
    assert_eq!(hear_sorted(&mut slow, EVENTS).await, changes(1, EVENTS));
    writer.says("z", "PENDING").await;
    assert_eq!((slow.hear().await, fast.hear().await), ("z PENDING".to_owned(), "z PENDING".to_owned()));
}

pub async fn a_reader_that_retention_overtakes_is_told(place: &dyn Place) {
    let log = place.open().await;
    let rig = Rig::of(&log).await;
    let writer = Writer::of(&log);
    let mut slow = rig.watch(from_now()).await;
    assert_eq!(slow.hear().await, "synced");
    // More than the ring, the stream and the connection hold together.
    writer.says_many(40_000).await;
    place.expire().await;
    writer.says("a", "PENDING").await;
    let (heard, status) = slow.hear_all().await;
    let status = status.expect("told");
    assert_eq!(reason(&status), (Code::OutOfRange, "RESUME_TOKEN_EXPIRED".to_owned()));
    assert!(heard.len() < 40_000, "what was said was said");
    let oldest = metadata(&status, "oldest_resume_token");
    assert_eq!(rig.watch(from_token(&oldest)).await.hear_until("synced").await.0, ["a PENDING"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_stops_holds_no_more_than_a_page() {
    let memory = MemoryLog::open(Store::new(), Arc::new(SystemClock), 16);
    let log = memory.log();
    let rig = Rig::of(&log).await;
    let writer = Writer::of(&log);
    let mut slow = rig.watch(from_now()).await;
    assert_eq!(slow.hear().await, "synced");
    // It falls behind a ring of 16. What is read for it is what the connection takes, and a page.
    writer.says_many(100_000).await;
    let pages = memory.faults.pages.passed();
    assert!(pages < 100, "{pages} pages were read for somebody who does not read");
    assert_eq!(slow.hear_several(100_000).await.last().unwrap(), "c100000 PENDING");
    assert!(memory.faults.pages.passed() > pages + 90);
}
