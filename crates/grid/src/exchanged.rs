//! What happens between this program and Grid: where a request went, what came of it, or why it was not sent.

use std::sync::Arc;

/// Where requests go, by OpenTelemetry's conventions (`server.address`, `server.port`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Server {
    /// The host of the base URL.
    pub address: Arc<str>,
    /// Its port, or that of its scheme.
    pub port: u16,
}

/// What came of one request that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exchanged {
    /// Grid answered, with this HTTP status.
    Answered(u16),
    /// The caller's deadline passed first.
    DeadlinePassed,
    /// Grid could not be connected to.
    Unreachable,
    /// No complete answer came.
    Lost,
    /// The upload's source failed.
    SourceFailed,
    /// The caller gave up.
    GivenUp,
}

impl Exchanged {
    /// The HTTP status of an answer.
    #[must_use]
    pub fn status(self) -> Option<u16> {
        match self {
            Self::Answered(status) => Some(status),
            Self::DeadlinePassed | Self::Unreachable | Self::Lost | Self::SourceFailed | Self::GivenUp => None,
        }
    }

    /// One word for it, for logs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Answered(200..=299) => "ok",
            Self::Answered(_) => "refused",
            Self::DeadlinePassed => "deadline",
            Self::Unreachable => "unreachable",
            Self::Lost => "lost",
            Self::SourceFailed => "source_failed",
            Self::GivenUp => "given_up",
        }
    }
}

/// Why a request was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeldBack {
    /// The circuit breaker is open.
    CircuitOpen,
    /// Too many requests are under way.
    Saturated,
    /// It could have been repeated, but the budget of repetitions is used up.
    BudgetSpent,
}

/// The circuit breaker, as seen from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Requests are sent.
    Closed,
    /// Requests are held back.
    Open,
    /// One request is let through to try.
    HalfOpen,
}

impl BreakerState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    /// Its name in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}
