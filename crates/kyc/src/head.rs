//! The head of an entity: what is held to be so now, when it was seen, and whether it is in doubt.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

use super::event::{Source, Subject};
use super::id::{CustomerId, EntityKey, ObservationId, PlatformCustomerId, Position};

/// The stretch of time over which a head's status was seen, in microseconds of one clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The earliest sighting that no other orders.
    pub first: i64,
    /// The latest.
    pub last: i64,
}

/// When the head's status was seen, by each of the keys that order observations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The last event that saw it: the change, or a confirmation that is not known to be older.
    pub last: Position,
    /// By Grid's `updatedAt`.
    pub updated_at: Option<Span>,
    /// By the time webhooks were sent (Grid's clock). Where the change was an answer: a time it is known to be later than.
    pub timestamp: Option<Span>,
}

/// An entity in doubt: the latest observation that could be neither applied nor dismissed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// Where the log has that observation; only what was asked after it settles the doubt.
    pub position: Position,
    /// Its id.
    pub cause: ObservationId,
}

/// When Grid last said what a head says, in microseconds. What it answered moves forward also in heads that are shared.
#[derive(Debug)]
pub struct Confirmed {
    by_webhook: i64,
    by_answer: AtomicI64,
    answered_updated_at: AtomicI64,
}

/// Stands for a time that never was.
const NEVER: i64 = i64::MIN;

fn ever(micros: i64) -> Option<i64> {
    Some(micros).filter(|micros| *micros != NEVER)
}

impl Confirmed {
    /// Confirmed at these times, if ever.
    #[must_use]
    pub(crate) fn new(by_webhook: Option<i64>, by_answer: Option<i64>, answered_updated_at: Option<i64>) -> Self {
        Self {
            by_webhook: by_webhook.unwrap_or(NEVER),
            by_answer: AtomicI64::new(by_answer.unwrap_or(NEVER)),
            answered_updated_at: AtomicI64::new(answered_updated_at.unwrap_or(NEVER)),
        }
    }

    /// The latest time a webhook was sent that said so (Grid's clock; not later than it was recorded by ours).
    pub(crate) fn by_webhook(&self) -> Option<i64> {
        ever(self.by_webhook)
    }

    /// The latest time Grid was asked that it answered so (our clock).
    pub(crate) fn by_answer(&self) -> Option<i64> {
        ever(self.by_answer.load(Ordering::Relaxed))
    }

    /// The latest `updatedAt` that Grid answered it with.
    pub(crate) fn answered_updated_at(&self) -> Option<i64> {
        ever(self.answered_updated_at.load(Ordering::Relaxed))
    }

    /// A webhook said so.
    pub(crate) fn told(&mut self, micros: i64) {
        self.by_webhook = self.by_webhook.max(micros);
    }

    /// Grid answered so, asked at this time, with this `updatedAt`.
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

/// What is held to be so now of one entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The customer.
    pub customer: CustomerId,
    /// The platform's id of the customer, where anyone said it.
    pub platform_customer: Option<PlatformCustomerId>,
    /// The status.
    pub subject: Subject,
    /// The change that made it so.
    pub position: Position,
    /// The last event about the entity, whatever it meant.
    pub last_event: Position,
    /// The observation that made it so.
    pub observation: ObservationId,
    /// Where that observation came from.
    pub source: Source,
    /// When the status was seen.
    pub seen: Seen,
    /// When that change happened; see [`Event::happened_at`](super::event::Event::happened_at).
    pub changed_at: Timestamp,
    /// When that change was recorded.
    pub recorded_at: Timestamp,
    /// When Grid last said so. The time of asking may be kept more coarsely than the rest, but never later than true.
    pub confirmed: Confirmed,
    /// Set while Grid has to be asked.
    pub doubt: Option<Doubt>,
}

impl Head {
    /// What it is the head of.
    #[must_use]
    pub fn entity(&self) -> EntityKey {
        EntityKey { customer: self.customer.clone(), verification: self.subject.verification_id().cloned() }
    }

    /// When Grid last said so, by webhook or answer.
    #[must_use]
    pub fn confirmed_at(&self) -> Timestamp {
        let latest = self.confirmed.by_webhook().max(self.confirmed.by_answer());
        latest.and_then(|micros| Timestamp::from_microsecond(micros).ok()).unwrap_or(self.recorded_at)
    }
}
