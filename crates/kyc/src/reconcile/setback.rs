//! How long one way of asking waits after Grid failed it, while the others go on.

use std::time::Duration;

use tokio::time::Instant;

use crate::source::SourceError;
use gridgate_io::backoff::Backoff;

/// The wait of one list, or of the questions about single customers.
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

    /// How many failures in a row there were.
    pub(super) fn failures(&self) -> u32 {
        self.backoff.failures()
    }

    /// After a failure: waits, longer each time. Logs the first one.
    pub(super) fn begin(&mut self, what: &'static str, error: &SourceError) {
        if !std::mem::replace(&mut self.is_logged, true) {
            tracing::warn!(%error, "{what}; trying again later");
        }
        self.until = Some(Instant::now() + self.backoff.next_wait());
    }

    /// After a success on the way: no wait, and the next one is short again. It stays logged.
    pub(super) fn relax(&mut self) {
        self.backoff.reset();
        self.until = None;
    }

    /// When all of it succeeded; whether there was a failure to recover from.
    pub(super) fn end(&mut self) -> bool {
        let was_clear = self.is_clear();
        self.relax();
        self.is_logged = false;
        !was_clear
    }
}
