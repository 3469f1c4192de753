//! Who is told what happens between this program and Grid: to count, time and trace it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderMap;

use super::Operation;
use super::model::Notes;

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

/// Hears what happens to requests. It is called in between, so it must be quick.
pub trait Observer: fmt::Debug + Send + Sync + 'static {
    /// Adds what goes with a request that is about to be sent, such as its trace context. Called in the span of the request.
    fn headers(&self, headers: &mut HeaderMap);

    /// A request was sent; `attempt` counts from 0 within its call.
    fn exchanged(&self, operation: Operation, attempt: u32, exchanged: Exchanged, took: Duration);

    /// A request was not sent.
    fn held_back(&self, operation: Operation, why: HeldBack);

    /// A success was read: words in it that this version of gridgate does not know, and parts that could not be read.
    fn noted(&self, operation: Operation, notes: &Notes);
}

/// Nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn headers(&self, _: &mut HeaderMap) {}

    fn exchanged(&self, _: Operation, _: u32, _: Exchanged, _: Duration) {}

    fn held_back(&self, _: Operation, _: HeldBack) {}

    fn noted(&self, _: Operation, _: &Notes) {}
}
