//! The head of an entity: its current status, when that was observed, and whether it is in doubt.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

use super::event::{Source, Subject};
use super::id::{CustomerId, EntityKey, ObservationId, PlatformCustomerId, Position};

/// The span of time over which a head's status was observed, in microseconds of one clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The earliest observation that no other one orders.
    pub first: i64,
    /// The latest.
    pub last: i64,
}

/// When the head's status was observed, by each of the keys that order observations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The last event that observed it: the change, or a confirmation that is not known to be older.
    pub last: Position,
    /// By Grid's `updatedAt`.
    pub updated_at: Option<Span>,
    /// By the time webhooks were sent (Grid's clock). If the change was an answer: a time it is known to be later than.
    pub timestamp: Option<Span>,
}

/// The latest observation of an entity that could be neither applied nor dismissed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// Its position; only an answer to a question asked after it settles the doubt.
    pub position: Position,
    /// Its id.
    pub cause: ObservationId,
}

/// When Grid last confirmed a head, in microseconds. Answers move it forward in place, in heads that are shared.
#[derive(Debug)]
pub struct Confirmed {
    by_webhook: i64,
    by_answer: AtomicI64,
    answered_updated_at: AtomicI64,
}

/// Stands for a missing time.
const NEVER: i64 = i64::MIN;

fn ever(micros: i64) -> Option<i64> {
    Some(micros).filter(|micros| *micros != NEVER)
}

impl Confirmed {
    pub(crate) fn new(by_webhook: Option<i64>, by_answer: Option<i64>, answered_updated_at: Option<i64>) -> Self {
        Self {
            by_webhook: by_webhook.unwrap_or(NEVER),
            by_answer: AtomicI64::new(by_answer.unwrap_or(NEVER)),
            answered_updated_at: AtomicI64::new(answered_updated_at.unwrap_or(NEVER)),
        }
    }

    /// When the latest webhook with this status was sent (Grid's clock, but not later than it was recorded by ours).
    pub(crate) fn by_webhook(&self) -> Option<i64> {
        ever(self.by_webhook)
    }

    /// When Grid was last asked and answered with this status (our clock).
    pub(crate) fn by_answer(&self) -> Option<i64> {
        ever(self.by_answer.load(Ordering::Relaxed))
    }

    /// The latest `updatedAt` of such an answer.
    pub(crate) fn answered_updated_at(&self) -> Option<i64> {
        ever(self.answered_updated_at.load(Ordering::Relaxed))
    }

    /// A webhook that was sent at this time confirmed it.
    pub(crate) fn told(&mut self, micros: i64) {
        self.by_webhook = self.by_webhook.max(micros);
    }

    /// Grid was asked at this time, and confirmed it with this `updatedAt`.
    pub(crate) fn answered(&self, micros: i64, updated_at: Option<i64>) {
        self.answered_updated_at.fetch_max(updated_at.unwrap_or(NEVER), Ordering::Relaxed);
        self.by_answer.fetch_max(micros, Ordering::Relaxed);
    }
}

impl Clone for Confirmed {
    fn clone(&self) -> Self {
        Self::new(self.by_webhook(), self.by_answer(), self.answered_updated_at())
    }
}

impl PartialEq for Confirmed {
    fn eq(&self, other: &Self) -> bool {
        let times = |it: &Self| (it.by_webhook(), it.by_answer(), it.answered_updated_at());
        times(self) == times(other)
    }
}

impl Eq for Confirmed {}

/// The current status of an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The customer.
    pub customer: CustomerId,
    /// The platform's id of the customer, if known.
    pub platform_customer: Option<PlatformCustomerId>,
    /// The status.
    pub subject: Subject,
    /// The change that made it so.
    pub position: Position,
    /// The last event about the entity, of any outcome.
    pub last_event: Position,
    /// The observation that made it so.
    pub observation: ObservationId,
    /// Where that observation came from.
    pub source: Source,
    /// When the status was observed.
    pub seen: Seen,
    /// When the change happened; see [`Event::happened_at`](super::event::Event::happened_at).
    pub changed_at: Timestamp,
    /// When the change was recorded.
    pub recorded_at: Timestamp,
    /// When Grid last confirmed it. The time of asking may be kept more coarsely than the rest, but never later than true.
    pub confirmed: Confirmed,
    /// Set while Grid has to be asked.
    pub doubt: Option<Doubt>,
}

impl Head {
    /// What has the status.
    pub fn entity(&self) -> EntityKey {
        EntityKey { customer: self.customer.clone(), verification: self.subject.verification_id().cloned() }
    }

    /// When Grid last confirmed it, by webhook or answer.
    pub fn confirmed_at(&self) -> Timestamp {
        let latest = self.confirmed.by_webhook().max(self.confirmed.by_answer());
        latest.and_then(|micros| Timestamp::from_microsecond(micros).ok()).unwrap_or(self.recorded_at)
    }
}
