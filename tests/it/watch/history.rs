//! What happens in the log of a test.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use gridgate::kyc::event::{Observation, Outcome, Subject};
use gridgate::kyc::log::{EventLog, Recorded};

use crate::event_log::seen::{status, verification, webhook, webhook_of};

/// Writes a history: each webhook is newer than the one before.
pub struct Writer {
    pub log: Arc<EventLog>,
    time: AtomicI64,
}

impl Writer {
    pub fn of(log: &Arc<EventLog>) -> Self {
        Self::beginning(log, 1)
    }

    /// One whose webhooks are later than those of other writers, where there were any.
    pub fn beginning(log: &Arc<EventLog>, time: i64) -> Self {
        Self { log: Arc::clone(log), time: AtomicI64::new(time) }
    }

    /// A time later than all before.
    pub fn later(&self) -> i64 {
        self.time.fetch_add(1, Ordering::SeqCst)
    }

    /// A webhook says this status.
    pub async fn says(&self, name: &str, word: &str) -> Outcome {
        self.says_subject(name, status(word)).await
    }

    /// A webhook says this of a customer.
    pub async fn says_subject(&self, name: &str, subject: Subject) -> Outcome {
        let time = self.later();
        self.records(webhook(&time.to_string(), name, subject, time)).await
    }

    /// A webhook says this status of a customer, and the platform's id.
    pub async fn says_of(&self, platform: &str, name: &str, word: &str) -> Outcome {
        let time = self.later();
        self.records(webhook_of(&time.to_string(), name, platform, status(word), time)).await
    }

    /// A webhook says how far a verification is.
    pub async fn says_verification(&self, name: &str, word: &str, problems: &[(&str, Option<&str>)]) -> Outcome {
        self.says_subject(name, verification(name, word, problems)).await
    }

    pub async fn records(&self, observation: Observation) -> Outcome {
        match self.log.record(observation).await.unwrap() {
            Recorded::New { position: _, outcome } => outcome,
            other => panic!("{other:?} instead of something new"),
        }
    }

    /// That many changes, one customer each.
    pub async fn says_many(&self, count: usize) {
        let all = (0..count).map(|_| {
            let time = self.later();
            self.log.record(webhook(&time.to_string(), &format!("c{time}"), status("PENDING"), time))
        });
        let mut all = all.collect::<Vec<_>>().into_iter();
        // As many at once as a log is sure to take.
        loop {
            let some: Vec<_> = all.by_ref().take(4096).collect();
            if some.is_empty() {
                return;
            }
            for recorded in futures_util::future::join_all(some).await {
                assert!(matches!(recorded.unwrap(), Recorded::New { .. }));
            }
        }
    }
}
