//! Whether a log is at its size limit, and telling the operator when that changes.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether it is; at first it is not.
#[derive(Debug, Default)]
pub(super) struct Fullness(AtomicBool);

impl Fullness {
    /// Whether it is.
    pub(super) fn is_full(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Whether it is from now on.
    pub(super) fn set(&self, full: bool) {
        if self.0.swap(full, Ordering::Relaxed) == full {
            return;
        }
        if full {
            tracing::error!("the event log is full and nothing in it is old enough to be let go; nothing is recorded");
        } else {
            tracing::info!("the event log has room again");
        }
    }
}
