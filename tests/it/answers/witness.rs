//! The witness by itself: what it does when much comes at once, and while the log is away.

use std::sync::Arc;

use gridgate::kyc::clock::SystemClock;
use gridgate::kyc::event::Observation;
use gridgate::kyc::log::{EventLog, LogError};
use gridgate::kyc::source::CustomerAnswer;
use gridgate::kyc::status::KycStatus;
use gridgate::kyc::witness::{Seen, Witness, WitnessCounts};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::event_log::seen::{customer, entity, status, webhook};
use crate::support::memory_log::{MemoryLog, Store};
use crate::support::soon;

fn seen(name: &str, word: &str) -> Seen {
    let status = Some(KycStatus::from_word(word));
    Seen::Customer(CustomerAnswer {
        id: customer(name),
        platform_customer: None,
        status,
        deleted: false,
        updated_at: None,
    })
}

struct Court {
    log: Arc<MemoryLog>,
    witness: Arc<Witness>,
    stop: CancellationToken,
}

impl Court {
    fn new() -> Self {
        let log = MemoryLog::open(Store::new(), Arc::new(SystemClock), 1024);
        let witness = Arc::new(Witness::new(Arc::clone(&log) as Arc<dyn EventLog>));
        Self { log, witness, stop: CancellationToken::new() }
    }

    fn run(&self) -> AbortOnDropHandle<()> {
        let (witness, stop) = (Arc::clone(&self.witness), self.stop.clone());
        AbortOnDropHandle::new(tokio::spawn(async move { witness.run(stop).await }))
    }

    /// Waits until everything that was seen was dealt with.
    async fn dealt_with(&self, count: u64) -> WitnessCounts {
        let wait = async {
            loop {
                let counts = self.witness.counts();
                let WitnessCounts { recorded, redundant, silent, dropped, failed } = counts;
                if recorded + redundant + silent + dropped + failed >= count {
                    return counts;
                }
                tokio::task::yield_now().await;
            }
        };
        soon("dealt with", wait).await
    }

    async fn status(&self, name: &str) -> (String, bool) {
        let head = self.log.head(&entity(name)).await.unwrap().unwrap();
        (head.subject.status_word().to_owned(), head.doubt.is_some())
    }
}

#[tokio::test]
async fn what_is_too_much_is_counted_and_let_go_and_nobody_waits() {
    let court = Court::new();
    // Nobody records yet, and there are sixteen queues of 256.
    for n in 0..10_000 {
        court.witness.question().answered(seen(&n.to_string(), "PENDING"));
    }
    let dropped = court.witness.counts().dropped;
    assert!((10_000 - 16 * 256..10_000).contains(&dropped), "{dropped}");
    let running = court.run();
    let counts = court.dealt_with(10_000).await;
    assert_eq!((counts.dropped, counts.recorded), (dropped, 10_000 - dropped));
    // And then there is room again.
    court.witness.question().answered(seen("z", "PENDING"));
    assert_eq!(court.dealt_with(10_001).await.dropped, dropped);
    court.stop.cancel();
    soon("ended", running).await.unwrap();
}

#[tokio::test]
async fn what_waits_at_the_end_is_recorded() {
    let court = Court::new();
    for n in 0..100 {
        court.witness.question().answered(seen(&n.to_string(), "PENDING"));
    }
    court.stop.cancel();
    soon("ended", court.run()).await.unwrap();
    assert_eq!(court.witness.counts(), WitnessCounts { recorded: 100, ..WitnessCounts::default() });
    court.witness.question().answered(seen("z", "PENDING"));
    assert_eq!(court.witness.counts().dropped, 1);
}

#[tokio::test]
async fn a_log_that_is_away_costs_only_what_was_seen_meanwhile() {
    let court = Court::new();
    let _running = court.run();
    let away = LogError::Unavailable { reason: "away".to_owned() };
    court.log.faults.fail(Some(away));
    court.witness.question().answered(seen("a", "PENDING"));
    assert_eq!(court.dealt_with(1).await.failed, 1);
    court.log.faults.fail(None);
    court.witness.question().answered(seen("a", "APPROVED"));
    assert_eq!(court.dealt_with(2).await, WitnessCounts { recorded: 1, failed: 1, ..WitnessCounts::default() });
    assert_eq!(court.status("a").await, ("APPROVED".to_owned(), false));
}

#[tokio::test]
async fn calls_one_after_the_other_raise_no_doubt() {
    let court = Court::new();
    // Each is asked when the one before was answered, and nothing of them is recorded yet.
    for word in ["UNVERIFIED", "PENDING", "APPROVED", "PENDING", "REJECTED"] {
        court.witness.question().answered(seen("a", word));
    }
    let _running = court.run();
    assert_eq!(court.dealt_with(5).await.recorded, 5);
    assert_eq!(court.status("a").await, ("REJECTED".to_owned(), false));
}

#[tokio::test]
async fn calls_at_the_same_time_that_disagree_do() {
    let court = Court::new();
    let (one, other) = (court.witness.question(), court.witness.question());
    one.answered(seen("a", "PENDING"));
    other.answered(seen("a", "APPROVED"));
    let _running = court.run();
    assert_eq!(court.dealt_with(2).await.recorded, 2);
    assert_eq!(court.status("a").await, ("PENDING".to_owned(), true));
}

#[tokio::test]
async fn a_webhook_between_two_calls_is_not_undone_by_the_second() {
    let court = Court::new();
    court.witness.question().answered(seen("a", "PENDING"));
    let second = court.witness.question();
    // The webhook comes after the second question, and is recorded before what the first one was answered.
    court.log.record(webhook("1", "a", status("APPROVED"), 1)).await.unwrap();
    second.answered(seen("a", "HOLD"));
    let _running = court.run();
    assert_eq!(court.dealt_with(2).await.recorded, 2);
    assert_eq!(court.status("a").await, ("APPROVED".to_owned(), true));
}

#[tokio::test]
async fn a_doubt_that_was_raised_after_a_question_is_not_settled_by_its_answer() {
    let court = Court::new();
    court.log.record(webhook("1", "a", status("PENDING"), 5)).await.unwrap();
    court.witness.question().answered(seen("a", "APPROVED"));
    let second = court.witness.question();
    // Neither older nor newer than what is known: in doubt, and perhaps later than the second question.
    let unclear = Observation { updated_at: None, ..webhook("2", "a", status("HOLD"), 5) };
    court.log.record(unclear).await.unwrap();
    second.answered(seen("a", "REJECTED"));
    let _running = court.run();
    assert_eq!(court.dealt_with(2).await.recorded, 2);
    let (_, in_doubt) = court.status("a").await;
    assert!(in_doubt, "only what is asked after the doubt settles it");
}
