//! What a log counts and times of its recordings, and how they are linked to traces.

use crate::event::{Asker, Observation, Origin, Outcome, Subject};
use crate::id::ObservationId;
use crate::log::store::{LogError, Recorded};
use crate::status::{KycStatus, VerificationStatus};
use gridgate_io::metrics::{Durations, Metrics, UnknownWords, durations};
use prometheus_client::encoding::EncodeLabelSet;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::{Instrument as _, Span};

/// Links recordings to traces, and carries their contexts between replicas. What a trace is, the log does not know: it stores a text
/// beside the event.
pub trait TraceLinks: Debug + Send + Sync + 'static {
    /// An observation is about to be recorded in the current span, before any watcher can hear of it. Returns whether its id was
    /// unknown before.
    fn begin(&self, id: &ObservationId) -> bool;

    /// Nothing was recorded that a watcher could hear of.
    fn forget(&self, id: &ObservationId);

    /// The current task's context as a `traceparent` header (<https://www.w3.org/TR/trace-context/#traceparent-header>); none: its
    /// trace is not exported.
    fn traceparent(&self) -> Option<String>;

    /// An event arrived that was recorded in this context, here or in another process. Called before any watcher hears of it.
    fn arrived(&self, id: &ObservationId, traceparent: &str);
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RecordLabels {
    source: &'static str,
    outcome: &'static str,
}

/// Counts and times recordings. Clones count into the same metrics.
#[derive(Debug, Clone)]
pub struct LogMetrics {
    recorded: Durations<RecordLabels>,
    unknown_words: UnknownWords,
    pub(super) traces: Option<Arc<dyn TraceLinks>>,
}

impl Default for LogMetrics {
    fn default() -> Self {
        Self::new(UnknownWords::default(), None)
    }
}

impl LogMetrics {
    /// New metrics, to be [`register`](Self::register)ed.
    #[must_use]
    pub fn new(unknown_words: UnknownWords, traces: Option<Arc<dyn TraceLinks>>) -> Self {
        Self { recorded: durations(), unknown_words, traces }
    }

    /// Registers them.
    pub fn register(&self, metrics: &mut Metrics) {
        metrics.register(
            "gridgate_event_record_duration_seconds",
            "Duration of recording an observation until it is durable, by source and outcome",
            self.recorded.clone(),
        );
    }

    /// Carries out a recording in a span of its own, timed and counted.
    pub(super) async fn observe(
        &self,
        observation: Observation,
        record: impl AsyncFnOnce(Observation) -> Result<Recorded, LogError>,
    ) -> Result<Recorded, LogError> {
        if let Some(vocabulary) = unknown_word_of_webhook(&observation) {
            self.unknown_words.count(vocabulary);
        }
        let span = span(&observation);
        let (id, source) = (observation.id.clone(), observation.origin.source().as_str());
        let began = Instant::now();
        let recording = async {
            let is_first = self.traces.as_ref().is_some_and(|traces| traces.begin(&id));
            (is_first, record(observation).await)
        };
        let (is_first, result) = recording.instrument(span.clone()).await;
        let outcome = outcome(&result);
        span.record("gridgate.event.outcome", outcome);
        match &result {
            Ok(Recorded::New { position, .. } | Recorded::Duplicate { position }) => {
                span.record("gridgate.event.position", position.get());
            }
            Ok(Recorded::Redundant) => {}
            Err(_) => {
                span.record("otel.status_code", "ERROR");
            }
        }
        let is_heard_of = matches!(result, Ok(Recorded::New { position: _, outcome: Outcome::Change }));
        if let Some(traces) = &self.traces
            && is_first
            && !is_heard_of
        {
            traces.forget(&id);
        }
        self.recorded.get_or_create(&RecordLabels { source, outcome }).observe(began.elapsed().as_secs_f64());
        result
    }

    /// An answer repeated what is known, and was noted without a recording.
    pub(super) fn noted(&self, observation: &Observation, took: Duration) {
        let (source, outcome) = (observation.origin.source().as_str(), outcome(&Ok(Recorded::Redundant)));
        span(observation).record("gridgate.event.outcome", outcome);
        self.recorded.get_or_create(&RecordLabels { source, outcome }).observe(took.as_secs_f64());
    }
}

/// The result of a recording in one word.
fn outcome(result: &Result<Recorded, LogError>) -> &'static str {
    match result {
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

/// The vocabulary of a webhook's status, if its word is unknown. (Those in answers are counted where answers are read.)
fn unknown_word_of_webhook(observation: &Observation) -> Option<&'static str> {
    match (&observation.origin, &observation.subject) {
        (Origin::Webhook { .. }, Subject::Customer { status: KycStatus::Other(_), .. }) => Some("KycStatus"),
        (Origin::Webhook { .. }, Subject::Verification { status: VerificationStatus::Other(_), .. }) => {
            Some("VerificationStatus")
        }
        (Origin::Webhook { .. } | Origin::Asked { .. }, Subject::Customer { .. } | Subject::Verification { .. }) => {
            None
        }
    }
}

/// The span of a recording. The reconciler's have none: it compares every customer daily, and nearly all are unchanged.
fn span(observation: &Observation) -> Span {
    if let Origin::Asked { by: Asker::Reconciler, basis: _ } = observation.origin {
        return Span::none();
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
