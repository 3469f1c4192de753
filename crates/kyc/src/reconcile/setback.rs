//! The wait of one kind of request to Grid after failures, while other kinds go on.

use std::time::Duration;

use gridgate_io::backoff::Backoff;
use tokio::time::Instant;

use crate::source::SourceError;

/// The backoff of one kind of request to Grid, while other kinds go on.
pub(super) struct Setback {
    backoff: Backoff,
    until: Option<Instant>,
    /// Whether it was logged since it last ended.
    is_logged: bool,
}

impl Setback {
    pub(super) fn new(first: Duration, longest: Duration) -> Self {
        Self { backoff: Backoff::new(first, longest), until: None, is_logged: false }
    }

    /// Whether a request may be made now.
    pub(super) fn is_over(&self) -> bool {
        self.until.is_none_or(|until| until <= Instant::now())
    }

    /// Whether nothing failed since it last ended or was relaxed.
    pub(super) fn is_clear(&self) -> bool {
        self.until.is_none()
    }

    /// How many failed in a row.
    pub(super) fn failures(&self) -> u32 {
        self.backoff.failures()
    }

    /// After a failure: waits, longer each time. Logs the first one.
    pub(super) fn begin(&mut self, what: &'static str, error: &SourceError) {
        if !std::mem::replace(&mut self.is_logged, true) {
            tracing::warn!(%error, "{what}; retrying later");
        }
        self.until = Some(Instant::now() + self.backoff.next_wait());
    }

    /// After a partial success: no wait, and the next one is short again. It stays logged.
    pub(super) fn relax(&mut self) {
        self.backoff.reset();
        self.until = None;
    }

    /// After a full success. Whether there was a failure to recover from.
    pub(super) fn end(&mut self) -> bool {
        let was_clear = self.is_clear();
        self.relax();
        self.is_logged = false;
        !was_clear
    }
}
