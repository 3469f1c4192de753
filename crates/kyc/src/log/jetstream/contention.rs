//! What several replicas want to change at the same time: each tries again, for as long as it takes to see what came of the others.

use std::time::Duration;

use crate::log::LogError;

/// How long the second try waits. Every further one waits twice as long as the one before.
const FIRST_WAIT: Duration = Duration::from_millis(10);
/// How often something is tried again.
const AGAIN: u32 = 6;

/// How long to wait after each try for what another replica has under way, which servers refuse because of but do not show
/// yet. The last one is the last: nothing comes after it.
pub(super) fn waits() -> impl Iterator<Item = Duration> {
    (0..AGAIN).map(|n| FIRST_WAIT * (1 << n)).chain([Duration::ZERO])
}

/// There was always another replica in the way.
pub(super) fn contended(what: &str) -> LogError {
    LogError::Unavailable { reason: format!("another replica keeps changing {what}") }
}
