//! What the tries of one call have come to, and how long to wait before the next.

use crate::RetryConfig;
use std::time::Duration;
use tokio::time::Instant;

/// What one call's tries have come to.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Why an earlier try's outcome is not known, if one of a mutation's is not: Grid may have acted on it.
    pub(crate) unknown: Option<String>,
    /// How many tries there were before this one.
    pub(crate) attempt: u32,
    /// When the last try was sent.
    pub(crate) sent_at: Option<Instant>,
    /// The last answer's `Date`: Grid's clock, to the second.
    pub(crate) grid_time: Option<jiff::Timestamp>,
}

/// The wait before repetition `attempt` (from 0): random between half of the doubled base and all of it.
pub(crate) fn backoff(retry: &RetryConfig, attempt: u32) -> Duration {
    let ceiling = retry.base_delay.saturating_mul(2u32.saturating_pow(attempt)).min(retry.max_delay);
    ceiling.mul_f64(0.5 + fastrand::f64() / 2.0)
}
