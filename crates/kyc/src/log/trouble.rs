//! Why a log records nothing: logged at once, and then at most once a minute.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The minimum time between two log lines about the same trouble.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Why a log records nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The size limit is reached, and no event is old enough to be deleted.
    SizeLimit,
    /// Or a disk quota is used up.
    DiskFull,
    /// The store refuses.
    Failing {
        /// The store's error, without personal data.
        reason: String,
    },
}

impl Trouble {
    /// Every [`name`](Self::name).
    pub const NAMES: [&str; 3] = ["size_limit", "disk_full", "failing"];

    /// A label of metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SizeLimit => "size_limit",
            Self::DiskFull => "disk_full",
            Self::Failing { reason: _ } => "failing",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SizeLimit => f.write_str("its size limit is reached, and no event is old enough to be deleted"),
            Self::DiskFull => f.write_str("its disk is full, or a quota on it is used up"),
            Self::Failing { reason } => f.write_str(reason),
        }
    }
}

/// What is wrong with a log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Condition {
    /// Why it records nothing; none while it records.
    pub trouble: Option<Trouble>,
    /// How far retention's time lags behind the clock, because it does not believe that so much time has passed.
    pub retention_behind: Duration,
}

/// The present troubles of a log.
#[derive(Debug, Default)]
pub(super) struct Troubles(Mutex<TroubleState>);

#[derive(Debug, Default)]
struct TroubleState {
    size_limit: bool,
    /// The store's last error, until it accepts a write.
    store: Option<Trouble>,
    /// The trouble logged last, and when.
    logged: Option<(&'static str, Instant)>,
    /// Whether recovery has not been logged yet.
    is_open: bool,
    /// Recordings refused since the last log line.
    refused: u64,
}

impl Troubles {
    pub(super) fn is_full(&self) -> bool {
        self.lock().size_limit
    }

    pub(super) fn set_full(&self, full: bool) {
        let mut state = self.lock();
        if std::mem::replace(&mut state.size_limit, full) != full {
            if full { state.log(&Trouble::SizeLimit) } else { state.log_recovery() }
        }
    }

    /// A recording was refused because of the size limit.
    pub(super) fn refused(&self) {
        let mut state = self.lock();
        state.refused += 1;
        state.log(&Trouble::SizeLimit);
    }

    /// The store refused `count` recordings.
    pub(super) fn failed(&self, trouble: Trouble, count: u64) {
        let mut state = self.lock();
        state.refused += count;
        state.log(&trouble);
        state.store = Some(trouble);
    }

    /// The store accepted a write.
    pub(super) fn works(&self) {
        let mut state = self.lock();
        if state.store.take().is_some() {
            state.log_recovery();
        }
    }

    /// The store's last error, until it accepts a write.
    pub(super) fn of_store(&self) -> Option<Trouble> {
        self.lock().store.clone()
    }

    /// With this lag of retention's time, in microseconds.
    pub(super) fn condition(&self, retention_behind: &AtomicI64) -> Condition {
        let behind = u64::try_from(retention_behind.load(Ordering::Relaxed)).unwrap_or(0);
        let state = self.lock();
        let trouble = state.store.clone().or(state.size_limit.then_some(Trouble::SizeLimit));
        Condition { trouble, retention_behind: Duration::from_micros(behind) }
    }

    fn lock(&self) -> MutexGuard<'_, TroubleState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TroubleState {
    fn log(&mut self, trouble: &Trouble) {
        let name = trouble.name();
        if self.logged.is_some_and(|(logged, at)| logged == name && at.elapsed() < LOG_INTERVAL) {
            return;
        }
        let refused = std::mem::take(&mut self.refused);
        tracing::error!(
            refused,
            "the event log records nothing: {trouble}; webhooks are answered 503, and Grid sends them again"
        );
        (self.logged, self.is_open) = (Some((name, Instant::now())), true);
    }

    fn log_recovery(&mut self) {
        // A trouble that comes and goes is not logged each time.
        if self.store.is_none() && !self.size_limit && std::mem::take(&mut self.is_open) {
            tracing::info!("the event log records again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_same_is_logged_once_a_minute_and_something_else_at_once() {
        let troubles = Troubles::default();
        let logged = |troubles: &Troubles| troubles.lock().logged.map(|(name, at)| (name, at.elapsed()));
        for _ in 0..100 {
            troubles.failed(Trouble::DiskFull, 3);
        }
        assert_eq!(troubles.lock().refused, 99 * 3, "the first was logged");
        assert_eq!(troubles.of_store(), Some(Trouble::DiskFull));
        tokio::time::advance(LOG_INTERVAL).await;
        troubles.failed(Trouble::DiskFull, 1);
        assert_eq!((logged(&troubles), troubles.lock().refused), (Some(("disk_full", Duration::ZERO)), 0));
        troubles.failed(Trouble::Failing { reason: "no leader".to_owned() }, 1);
        assert_eq!(logged(&troubles), Some(("failing", Duration::ZERO)));
        troubles.works();
        assert_eq!((troubles.of_store(), troubles.lock().is_open), (None, false));
        tokio::time::advance(Duration::from_secs(10)).await;
        troubles.failed(Trouble::Failing { reason: "no leader".to_owned() }, 1);
        assert_eq!(logged(&troubles), Some(("failing", Duration::from_secs(10))), "it comes and goes");
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert!(troubles.of_store().is_some(), "it is over when the store takes something, and not before");
    }

    #[test]
    fn being_full_is_left_when_there_is_room() {
        let troubles = Troubles::default();
        assert!(!troubles.is_full());
        troubles.set_full(true);
        troubles.refused();
        assert!(troubles.is_full());
        troubles.set_full(false);
        assert!(!troubles.is_full() && !troubles.lock().is_open);
    }
}
