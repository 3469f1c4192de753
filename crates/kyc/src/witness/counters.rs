//! What became of the statuses in answers, in numbers.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What became of the statuses in Grid's answers to calls, since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WitnessCounts {
    /// Recorded as events.
    pub recorded: u64,
    /// They said what was known.
    pub redundant: u64,
    /// There was no status in the answer.
    pub silent: u64,
    /// Let go of, because too many waited. The reconciler finds what they said.
    pub dropped: u64,
    /// Let go of, because the log could not take them. The reconciler finds what they said.
    pub failed: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    recorded: AtomicU64,
    redundant: AtomicU64,
    silent: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
}

impl Counters {
    pub(super) fn counts(&self) -> WitnessCounts {
        let Self { recorded, redundant, silent, dropped, failed } = self;
        WitnessCounts {
            recorded: recorded.load(Relaxed),
            redundant: redundant.load(Relaxed),
            silent: silent.load(Relaxed),
            dropped: dropped.load(Relaxed),
            failed: failed.load(Relaxed),
        }
    }

    pub(super) fn recorded(&self) {
        self.recorded.fetch_add(1, Relaxed);
    }

    pub(super) fn redundant(&self) {
        self.redundant.fetch_add(1, Relaxed);
    }

    pub(super) fn silent(&self) {
        self.silent.fetch_add(1, Relaxed);
    }

    pub(super) fn dropped(&self) {
        self.dropped.fetch_add(1, Relaxed);
    }

    pub(super) fn failed(&self) {
        self.failed.fetch_add(1, Relaxed);
    }
}
