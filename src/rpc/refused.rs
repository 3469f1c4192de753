//! Why layers refuse a call. `status` says it to the caller.

use std::time::Duration;

/// The header is there, and is not what gRPC allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the grpc-timeout header is malformed: gRPC allows up to 8 digits and one of the units H, M, S, m, u, n")]
pub struct MalformedTimeout;

/// Why the message of a call was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BufferingError {
    /// Its message is larger than one may be.
    TooLarge,
    /// There is no message, or more than the one that the method takes.
    NotOne,
    /// Its message, or the next part of it, did not come in time.
    TooSlow,
    /// Messages under way hold all the memory that there is for them.
    NoMemory,
    /// The caller broke it off.
    BrokenOff,
}

/// When a refused call should come back, more or less: from half of it to one and a half, by chance, so that those who were
/// refused together do not come back together.
const COME_BACK: Duration = Duration::from_secs(1);

/// A call that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shed {
    /// When to come back.
    pub retry_after: Duration,
    /// Whether there was a permit, but not for a caller that holds as many already.
    pub has_its_share: bool,
}

impl Shed {
    /// One that is refused now.
    pub(super) fn now() -> Self {
        Shed { retry_after: COME_BACK.mul_f64(0.5 + fastrand::f64()), has_its_share: false }
    }
}
