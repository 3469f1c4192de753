//! The counters of the endpoint.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use http::StatusCode;

use super::outcome::Outcome;
use crate::transport;

/// Counts; shared by the endpoint and the metrics that export them.
#[derive(Debug)]
pub struct Counters {
    /// In the order of [`Outcome::ALL`].
    outcomes: [AtomicU64; Outcome::ALL.len()],
    /// By the first digit of the relay's status, from 1 to 5.
    relayed: [AtomicU64; 5],
    type_disagreed: AtomicU64,
    under_way: AtomicU64,
    connections: Arc<transport::Counters>,
}

/// A webhook of Grid's that is being recorded or passed on, counted until this is dropped.
pub(super) struct UnderWay<'a>(&'a AtomicU64);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// The counts at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Requests by outcome; contains every outcome.
    pub outcomes: Vec<(Outcome, u64)>,
    /// Requests that the relay answered, by the class of its status: 2 stands for 2xx.
    pub relayed: Vec<(u8, u64)>,
    /// Webhooks whose type names another status than their data.
    pub type_disagreed: u64,
    /// Connections closed because the first or the next request's head did not arrive in time.
    pub head_timed_out: u64,
    /// Connections ever accepted.
    pub connections_accepted: u64,
    /// Connections open now.
    pub connections_open: u64,
}

impl Snapshot {
    /// How many webhooks had this outcome.
    #[must_use]
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.outcomes.iter().find(|(counted, _)| *counted == outcome).map_or(0, |(_, count)| *count)
    }
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            outcomes: std::array::from_fn(|_| AtomicU64::new(0)),
            relayed: std::array::from_fn(|_| AtomicU64::new(0)),
            type_disagreed: AtomicU64::new(0),
            under_way: AtomicU64::new(0),
            connections: Arc::default(),
        }
    }
}

impl Counters {
    /// The counts now. They are read one by one, so a request under way may be in one and not in another.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let Self { outcomes, relayed, type_disagreed, under_way: _, connections } = self;
        let transport::Snapshot { accepted, open, silent, .. } = connections.snapshot();
        Snapshot {
            outcomes: Outcome::ALL.iter().copied().zip(outcomes.iter().map(|count| count.load(Relaxed))).collect(),
            relayed: (1..).zip(relayed.iter().map(|count| count.load(Relaxed))).collect(),
            type_disagreed: type_disagreed.load(Relaxed),
            head_timed_out: silent,
            connections_accepted: accepted,
            connections_open: open,
        }
    }

    /// Webhooks that are known to be Grid's, and are being recorded or passed on.
    #[must_use]
    pub fn under_way(&self) -> u64 {
        self.under_way.load(Relaxed)
    }

    pub(super) fn begin(&self) -> UnderWay<'_> {
        self.under_way.fetch_add(1, Relaxed);
        UnderWay(&self.under_way)
    }

    /// What its port has seen.
    #[must_use]
    pub fn connections(&self) -> Arc<transport::Counters> {
        Arc::clone(&self.connections)
    }

    pub(super) fn count(&self, outcome: Outcome) {
        add_one(self.outcomes.get(outcome as usize));
    }

    pub(super) fn count_relayed(&self, status: StatusCode) {
        add_one(self.relayed.get(usize::from(status.as_u16() / 100).wrapping_sub(1)));
    }

    pub(super) fn count_disagreement(&self) {
        add_one(Some(&self.type_disagreed));
    }
}

fn add_one(count: Option<&AtomicU64>) {
    if let Some(count) = count {
        count.fetch_add(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_has_a_count_of_its_own() {
        let counters = Counters::default();
        for (times, outcome) in Outcome::ALL.iter().enumerate() {
            (0..times).for_each(|_| counters.count(*outcome));
        }
        for (times, outcome) in Outcome::ALL.iter().enumerate() {
            assert_eq!(counters.snapshot().of(*outcome), u64::try_from(times).unwrap());
        }
    }

    #[test]
    fn the_relays_answers_are_counted_by_class() {
        let counters = Counters::default();
        for status in [200, 202, 403, 500, 999] {
            counters.count_relayed(StatusCode::from_u16(status).unwrap());
        }
        assert_eq!(counters.snapshot().relayed, [(1, 0), (2, 2), (3, 0), (4, 1), (5, 1)]);
    }
}
