//! The response observer by itself: when much comes at once, and while the log is away.

use std::sync::Arc;

use gridgate::kyc::clock::SystemClock;
use gridgate::kyc::event::Observation;
use gridgate::kyc::log::LogError;
use gridgate::kyc::log::sqlite::{self, SqliteOptions};
use gridgate::kyc::response_observer::{ResponseCounts, ResponseObserver, ResponseStatus};
use gridgate::kyc::source::CustomerAnswer;
use gridgate::kyc::status::KycStatus;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::event_log::seen::{customer, entity, status, webhook};
use crate::support::memory_log::{MemoryLog, Store};
use crate::support::soon;

fn seen(name: &str, word: &str) -> ResponseStatus {
    let status = Some(KycStatus::from_word(word));
    ResponseStatus::Customer(CustomerAnswer {
        id: customer(name),
        platform_customer: None,
        status,
        deleted: false,
        updated_at: None,
    })
}

struct Court {
    log: Arc<MemoryLog>,
    responses: Arc<ResponseObserver>,
    stop: CancellationToken,
}

impl Court {
    fn new() -> Self {
        let log = MemoryLog::open(Store::new(), Arc::new(SystemClock), 1024);
        let responses = Arc::new(ResponseObserver::new(log.log()));
        Self { log, responses, stop: CancellationToken::new() }
    }

    fn run(&self) -> AbortOnDropHandle<()> {
        let (responses, stop) = (Arc::clone(&self.responses), self.stop.clone());
        AbortOnDropHandle::new(tokio::spawn(async move { responses.run(stop).await }))
    }

    /// Waits until everything that was seen was dealt with.
    async fn dealt_with(&self, count: u64) -> ResponseCounts {
        let wait = async {
            loop {
                let counts = self.responses.counts();
                let ResponseCounts { recorded, redundant, silent, dropped, failed } = counts;
                if recorded + redundant + silent + dropped + failed >= count {
                    return counts;
                }
                tokio::task::yield_now().await;
            }
        };
        soon("dealt with", wait).await
    }

    async fn status(&self, name: &str) -> (String, bool) {
        let head = self.log.log().head(&entity(name)).await.unwrap().unwrap();
        (head.subject.status_word().to_owned(), head.doubt.is_some())
    }
}

#[tokio::test]
async fn what_is_too_much_is_counted_and_let_go_and_nobody_waits() {
    let court = Court::new();
    // Nobody records yet, and there are sixteen queues of 256.
    for n in 0..10_000 {
        court.responses.begin().observe(seen(&n.to_string(), "PENDING"));
    }
    let dropped = court.responses.counts().dropped;
    assert!((10_000 - 16 * 256..10_000).contains(&dropped), "{dropped}");
    let running = court.run();
    let counts = court.dealt_with(10_000).await;
    assert_eq!((counts.dropped, counts.recorded), (dropped, 10_000 - dropped));
    // And then there is room again.
    court.responses.begin().observe(seen("z", "PENDING"));
    assert_eq!(court.dealt_with(10_001).await.dropped, dropped);
    court.stop.cancel();
    soon("ended", running).await.unwrap();
}

#[tokio::test]
async fn what_waits_at_the_end_is_recorded() {
    let court = Court::new();
    for n in 0..100 {
        court.responses.begin().observe(seen(&n.to_string(), "PENDING"));
    }
    court.stop.cancel();
    soon("ended", court.run()).await.unwrap();
    assert_eq!(court.responses.counts(), ResponseCounts { recorded: 100, ..ResponseCounts::default() });
    court.responses.begin().observe(seen("z", "PENDING"));
    assert_eq!(court.responses.counts().dropped, 1);
}

#[tokio::test]
async fn a_log_that_is_away_costs_only_what_was_seen_meanwhile() {
    let court = Court::new();
    let _running = court.run();
    let away = LogError::Unavailable { reason: "away".to_owned() };
    court.log.faults.fail(Some(away));
    court.responses.begin().observe(seen("a", "PENDING"));
    assert_eq!(court.dealt_with(1).await.failed, 1);
    court.log.faults.fail(None);
    court.responses.begin().observe(seen("a", "APPROVED"));
    assert_eq!(court.dealt_with(2).await, ResponseCounts { recorded: 1, failed: 1, ..ResponseCounts::default() });
    assert_eq!(court.status("a").await, ("APPROVED".to_owned(), false));
}

#[tokio::test]
async fn calls_one_after_the_other_raise_no_doubt() {
    let court = Court::new();
    // Each is asked when the one before was answered, and nothing of them is recorded yet.
    for word in ["UNVERIFIED", "PENDING", "APPROVED", "PENDING", "REJECTED"] {
        court.responses.begin().observe(seen("a", word));
    }
    let _running = court.run();
    assert_eq!(court.dealt_with(5).await.recorded, 5);
    assert_eq!(court.status("a").await, ("REJECTED".to_owned(), false));
}

#[tokio::test]
async fn calls_at_the_same_time_that_disagree_do() {
    let court = Court::new();
    let (one, other) = (court.responses.begin(), court.responses.begin());
    one.observe(seen("a", "PENDING"));
    other.observe(seen("a", "APPROVED"));
    let _running = court.run();
    assert_eq!(court.dealt_with(2).await.recorded, 2);
    assert_eq!(court.status("a").await, ("PENDING".to_owned(), true));
}

#[tokio::test]
async fn a_webhook_between_two_calls_is_not_undone_by_the_second() {
    let court = Court::new();
    court.responses.begin().observe(seen("a", "PENDING"));
    let second = court.responses.begin();
    // The webhook comes after the second question, and is recorded before what the first one was answered.
    court.log.log().record(webhook("1", "a", status("APPROVED"), 1)).await.unwrap();
    second.observe(seen("a", "HOLD"));
    let _running = court.run();
    assert_eq!(court.dealt_with(2).await.recorded, 2);
    assert_eq!(court.status("a").await, ("APPROVED".to_owned(), true));
}

#[tokio::test]
async fn a_doubt_that_was_raised_after_a_question_is_not_settled_by_its_answer() {
    let court = Court::new();
    court.log.log().record(webhook("1", "a", status("PENDING"), 5)).await.unwrap();
    court.responses.begin().observe(seen("a", "APPROVED"));
    let second = court.responses.begin();
    // Neither older nor newer than what is known: in doubt, and perhaps later than the second question.
    let unclear = Observation { updated_at: None, ..webhook("2", "a", status("HOLD"), 5) };
    court.log.log().record(unclear).await.unwrap();
    second.observe(seen("a", "REJECTED"));
    let _running = court.run();
    assert_eq!(court.dealt_with(2).await.recorded, 2);
    let (_, in_doubt) = court.status("a").await;
    assert!(in_doubt, "only what is asked after the doubt settles it");
}

#[tokio::test]
async fn what_is_known_is_noted_at_once_unless_an_earlier_answer_waits() {
    let directory = tempfile::tempdir().unwrap();
    let options = SqliteOptions::at(directory.path().join("events.db"));
    let log = Arc::new(sqlite::open(options, Arc::new(SystemClock)).unwrap());
    log.record(webhook("1", "a", status("PENDING"), 5)).await.unwrap();
    let responses = Arc::new(ResponseObserver::new(Arc::clone(&log)));
    // Nothing takes from the queues yet.
    responses.begin().observe(seen("a", "PENDING"));
    let noted = ResponseCounts { redundant: 1, ..ResponseCounts::default() };
    assert_eq!(responses.counts(), noted);
    responses.begin().observe(seen("a", "APPROVED"));
    responses.begin().observe(seen("a", "PENDING"));
    assert_eq!(responses.counts(), noted, "PENDING is known no longer, once APPROVED is recorded");
    let stop = CancellationToken::new();
    stop.cancel();
    soon("recorded", responses.run(stop)).await;
    assert_eq!(responses.counts(), ResponseCounts { recorded: 2, ..noted });
    let head = log.head(&entity("a")).await.unwrap().unwrap();
    assert_eq!((head.subject.status_word(), head.doubt.is_some()), ("PENDING", false));
    // And again, once nothing waits.
    responses.begin().observe(seen("a", "PENDING"));
    assert_eq!(responses.counts().redundant, 2);
    log.close().await;
}
