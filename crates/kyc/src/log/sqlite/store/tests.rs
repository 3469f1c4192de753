use std::sync::mpsc;
use std::time::Duration;

use futures_util::FutureExt as _;

use super::super::queue::Finish;
use super::*;
use crate::clock::SystemClock;
use crate::event::{Asker, Outcome, Subject};
use crate::id::{CustomerId, Scope};
use crate::status::KycStatus;

/// A new log, and its store.
fn open_in(folder: &tempfile::TempDir) -> (Arc<EventLog>, Arc<SqliteStore>) {
    let options = SqliteOptions::at(folder.path().join("events.db"));
    let (store, lineage) = SqliteStore::open(options, Arc::new(SystemClock)).unwrap();
    let store = Arc::new(store);
    (Arc::new(event_log(Arc::clone(&store), lineage, LogMetrics::default())), store)
}

fn customer() -> CustomerId {
    CustomerId::parse("Customer:1").unwrap()
}

fn status(word: &str) -> Subject {
    Subject::Customer { status: KycStatus::from_word(word), deleted: false }
}

fn webhook(id: &str, word: &str, time: i64) -> Observation {
    let id = ObservationId::parse(id).unwrap();
    let time = Timestamp::from_second(1_700_000_000 + time).ok();
    Observation::webhook(id, time, customer(), None, status(word), time)
}

/// Holds the writer in the middle of a batch until it is let go.
fn hold(store: &SqliteStore) -> (mpsc::Receiver<()>, mpsc::Sender<()>) {
    let ((said, held), (let_go, wait)) = (mpsc::channel(), mpsc::channel());
    let command = Command::Write(Box::new(move |_| -> Finish {
        said.send(()).unwrap();
        let _ = wait.recv();
        Box::new(|_| {})
    }));
    assert!(store.queue.try_send(command));
    (held, let_go)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_not_noted_on_a_head_that_is_about_to_move() {
    let folder = tempfile::tempdir().unwrap();
    let (log, store) = open_in(&folder);
    log.record(webhook("1", "PENDING", 1)).await.unwrap();
    // The writer decides that a newer webhook moves the head, and has not committed that yet.
    let (busy, go_on) = hold(&store);
    busy.recv_timeout(Duration::from_secs(10)).unwrap();
    let mut newer = Box::pin(log.record(webhook("2", "APPROVED", 2)));
    assert!(newer.as_mut().now_or_never().is_none(), "it is in the queue, before what comes now");
    let (decided, commit) = hold(&store);
    go_on.send(()).unwrap();
    decided.recv_timeout(Duration::from_secs(10)).unwrap();
    // Grid is asked now, and answers what the head still seems to say.
    let answer = Observation::asked(Asker::Call, log.basis(), customer(), None, status("PENDING"), None);
    assert!(!store.note_if_redundant(&answer), "the writer has to say");
    let recording = tokio::spawn({
        let log = Arc::clone(&log);
        async move { log.record(answer).await }
    });
    commit.send(()).unwrap();
    let newer = newer.await.unwrap();
    assert!(matches!(newer, Recorded::New { outcome: Outcome::Change, .. }));
    let answered = recording.await.unwrap().unwrap();
    assert!(matches!(answered, Recorded::New { outcome: Outcome::Unresolved, .. }), "{answered:?}");
    // And afterwards it is as it was: an answer that says nothing new does not trouble the writer.
    let same = Observation::asked(Asker::Resolver, log.basis(), customer(), None, status("APPROVED"), None);
    log.record(same.clone()).await.unwrap();
    let (busy, go_on) = hold(&store);
    busy.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(store.note_if_redundant(&Observation { id: ObservationId::mint(), ..same }));
    go_on.send(()).unwrap();
    log.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_knows_of_all_that_was_recorded_while_a_batch_is_on_its_way() {
    let folder = tempfile::tempdir().unwrap();
    let (log, store) = open_in(&folder);
    let recording = tokio::spawn({
        let log = Arc::clone(&log);
        async move { log.record(webhook("1", "PENDING", 1)).await }
    });
    let (held, commit) = hold(&store);
    held.recv_timeout(Duration::from_secs(10)).unwrap();
    // Whether it is in this batch or in the one before, what is said here is true in the end.
    let (as_of, end) = (log.as_of(), log.hub().end());
    std::thread::sleep(Duration::from_millis(5));
    assert_eq!(log.as_of(), as_of, "time does not go on for this log");
    commit.send(()).unwrap();
    assert!(matches!(recording.await.unwrap(), Ok(Recorded::New { .. })));
    let page = log.read(Position::START, &Scope::ALL, 10).await.unwrap();
    let missed = page.events.iter().find(|event| event.position > end.position && event.recorded_at < as_of);
    assert!(missed.is_none(), "{missed:?} was recorded before {as_of}");
    // And then it does, once the batch is behind it: the observation may have been in the one before.
    let goes_on = async {
        while log.as_of() <= as_of {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), goes_on).await.unwrap();
    log.close().await;
}
