//! Who observes what is recorded, for metrics and traces.

use std::fmt::Debug;
use std::time::Duration;

use super::store::{LogError, Recorded};
use crate::event::{Asker, Observation, Origin, Source};
use crate::id::ObservationId;

/// A recording that ended.
#[derive(Debug, Clone, Copy)]
pub struct Recording<'a> {
    /// The observation's id.
    pub id: &'a ObservationId,
    /// Where the observation came from.
    pub source: Source,
    /// What [`Observer::begin`] returned.
    pub is_first: bool,
    /// The result.
    pub result: &'a Result<Recorded, LogError>,
    /// The time it took.
    pub took: Duration,
}

impl Recording<'_> {
    /// The result in one word.
    pub fn outcome(&self) -> &'static str {
        match self.result {
            Ok(Recorded::New { position: _, outcome }) => outcome.as_str(),
            Ok(Recorded::Duplicate { position: _ }) => "duplicate",
            Ok(Recorded::Redundant) => "redundant",
            Err(LogError::Unavailable { reason: _ }) => "unavailable",
            Err(LogError::Full) => "full",
            Err(LogError::Closed) => "closed",
            Err(LogError::Corrupt { reason: _ }) => "corrupt",
            Err(LogError::Expired { oldest: _ }) => "expired",
            Err(LogError::Foreign) => "foreign",
        }
    }
}

/// Observes recordings, and carries their trace contexts between replicas. What a trace is, the log does not know: it stores a text
/// beside the event.
pub trait Observer: Debug + Send + Sync + 'static {
    /// An observation is about to be recorded in the current span, before any watcher can hear of it. Returns whether the observer
    /// did not know this id before.
    fn begin(&self, observation: &Observation) -> bool;

    /// The recording ended.
    fn end(&self, recording: Recording<'_>);

    /// The current task's context as a `traceparent` header (<https://www.w3.org/TR/trace-context/#traceparent-header>); none: its
    /// trace is not exported.
    fn traceparent(&self) -> Option<String>;

    /// An event arrived that was recorded in this context, here or in another process. Called before any watcher hears of it.
    fn arrived(&self, id: &ObservationId, traceparent: &str);
}

/// The span of a recording. The reconciler's have none: it compares every customer daily, and nearly all are unchanged.
pub(super) fn span(observation: &Observation) -> tracing::Span {
    if let Origin::Asked { by: Asker::Reconciler, basis: _ } = observation.origin {
        return tracing::Span::none();
    }
    tracing::info_span!(
        "record",
        gridgate.event.id = observation.id.as_str(),
        gridgate.event.source = observation.origin.source().as_str(),
        gridgate.event.position = tracing::field::Empty,
        gridgate.event.outcome = tracing::field::Empty,
        otel.status_code = tracing::field::Empty,
    )
}
