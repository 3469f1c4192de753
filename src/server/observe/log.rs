//! The event log with everything counted, timed and traced that is recorded, whoever records it.

use super::grid::WordLabels;
use crate::kyc::event::{Asker, Basis, Observation, Origin, Subject};
use crate::kyc::head::Head;
use crate::kyc::hub::Hub;
use crate::kyc::id::{EntityKey, Epoch, Lineage, ObservationId, Position};
use crate::kyc::log::{
    Bookmark, Bounds, Condition, Duty, EventLog, Lease, LogError, Page, Quarantined, Recorded, Scope,
};
use crate::kyc::status::{KycStatus, VerificationStatus};
use crate::kyc::token::Mark;
use crate::kyc::trace::Traces;
use crate::telemetry::Metrics;
use crate::telemetry::deliveries::Recordings;
use crate::telemetry::metrics::{Durations, durations};
use async_trait::async_trait;
use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::{Instrument as _, Span};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RecordLabels {
    source: &'static str,
    outcome: &'static str,
}

/// The metrics of what is recorded.
#[derive(Debug, Clone)]
pub(super) struct LogMetrics {
    recorded: Durations<RecordLabels>,
    unknown_words: Family<WordLabels, Counter>,
}

impl LogMetrics {
    pub(super) fn new(metrics: &mut Metrics, unknown_words: Family<WordLabels, Counter>) -> Self {
        let recorded = durations();
        metrics.register(
            "gridgate_event_record_duration_seconds",
            "How long it took to record what was seen, until it was durable, by who saw it and what it meant",
            recorded.clone(),
        );
        Self { recorded, unknown_words }
    }
}

/// An event log that is observed. Every method of the trait has to be here, also one that the trait has a body for.
pub(super) struct ObservedLog {
    log: Arc<dyn EventLog>,
    metrics: LogMetrics,
    recordings: Arc<Recordings>,
}

impl ObservedLog {
    pub(super) fn new(log: Arc<dyn EventLog>, metrics: LogMetrics, recordings: Arc<Recordings>) -> Self {
        Self { log, metrics, recordings }
    }

    /// Counts a status of a webhook whose word is not known. (Those in answers are counted where answers are read.)
    fn count_unknown_word(&self, observation: &Observation) {
        let vocabulary = match (&observation.origin, &observation.subject) {
            (Origin::Asked { .. }, _) => return,
            (Origin::Webhook { .. }, Subject::Customer { status: KycStatus::Other(_), .. }) => "KycStatus",
            (Origin::Webhook { .. }, Subject::Verification { status: VerificationStatus::Other(_), .. }) => {
                "VerificationStatus"
            }
            (Origin::Webhook { .. }, Subject::Customer { .. } | Subject::Verification { .. }) => return,
        };
        self.metrics.unknown_words.get_or_create(&WordLabels { vocabulary }).inc();
    }
}

/// The span in which an observation is recorded. What the reconciler sees has none: it compares everything, daily, and
/// next to all of it is as it was.
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

/// The traces of what is recorded, between replicas.
pub(super) struct LogTraces(pub(super) Arc<Recordings>);

impl std::fmt::Debug for LogTraces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("LogTraces").finish_non_exhaustive()
    }
}

impl Traces for LogTraces {
    fn current(&self) -> Option<String> {
        Recordings::current()
    }

    fn arrived(&self, id: &ObservationId, traceparent: &str) {
        self.0.arrived(id.as_str(), traceparent);
    }
}

/// What became of an observation, in one word.
fn outcome_word(recorded: &Result<Recorded, LogError>) -> &'static str {
    match recorded {
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

/// Whether watchers hear of it.
fn is_heard_of(recorded: &Result<Recorded, LogError>) -> bool {
    matches!(recorded, Ok(Recorded::New { position: _, outcome: crate::kyc::event::Outcome::Change }))
}

#[async_trait]
impl EventLog for ObservedLog {
    async fn record(&self, observation: Observation) -> Result<Recorded, LogError> {
        self.count_unknown_word(&observation);
        let (id, source) = (observation.id.clone(), observation.origin.source().as_str());
        let span = span(&observation);
        let began = Instant::now();
        let recorded = async {
            let is_first = self.recordings.begin(id.as_str());
            let recorded = self.log.record(observation).await;
            if is_first && !is_heard_of(&recorded) {
                self.recordings.forget(id.as_str());
            }
            recorded
        };
        let recorded = recorded.instrument(span.clone()).await;
        let outcome = outcome_word(&recorded);
        span.record("gridgate.event.outcome", outcome);
        match &recorded {
            Ok(Recorded::New { position, .. } | Recorded::Duplicate { position }) => {
                span.record("gridgate.event.position", position.get());
            }
            Ok(Recorded::Redundant) => {}
            Err(_) => {
                span.record("otel.status_code", "ERROR");
            }
        }
        let labels = RecordLabels { source, outcome };
        self.metrics.recorded.get_or_create(&labels).observe(began.elapsed().as_secs_f64());
        recorded
    }

    async fn find(&self, id: &ObservationId) -> Result<Option<Position>, LogError> {
        self.log.find(id).await
    }

    async fn head(&self, entity: &EntityKey) -> Result<Option<Arc<Head>>, LogError> {
        self.log.head(entity).await
    }

    async fn heads(&self, scope: &Scope, after: Option<&EntityKey>, limit: usize) -> Result<Vec<Arc<Head>>, LogError> {
        self.log.heads(scope, after, limit).await
    }

    async fn read(&self, after: Position, scope: &Scope, limit: usize) -> Result<Page, LogError> {
        self.log.read(after, scope, limit).await
    }

    async fn bounds(&self) -> Result<Bounds, LogError> {
        self.log.bounds().await
    }

    async fn admit(&self, epoch: Epoch, mark: Mark) -> Result<(), LogError> {
        self.log.admit(epoch, mark).await
    }

    async fn mark_at(&self, time: Timestamp) -> Result<Mark, LogError> {
        self.log.mark_at(time).await
    }

    async fn unresolved(&self, after: Option<&EntityKey>, limit: usize) -> Result<Vec<Arc<Head>>, LogError> {
        self.log.unresolved(after, limit).await
    }

    async fn unsettled(&self, after: Option<&EntityKey>, limit: usize) -> Result<Vec<Arc<Head>>, LogError> {
        self.log.unsettled(after, limit).await
    }

    async fn quarantine(&self, webhook: Quarantined) -> Result<bool, LogError> {
        self.log.quarantine(webhook).await
    }

    async fn quarantined(&self, after: Option<&ObservationId>, limit: usize) -> Result<Vec<Quarantined>, LogError> {
        self.log.quarantined(after, limit).await
    }

    async fn find_quarantined(&self, id: &ObservationId) -> Result<Option<Quarantined>, LogError> {
        self.log.find_quarantined(id).await
    }

    async fn count_quarantined(&self, most: usize) -> Result<usize, LogError> {
        self.log.count_quarantined(most).await
    }

    async fn release(&self, id: &ObservationId) -> Result<bool, LogError> {
        self.log.release(id).await
    }

    async fn lease(&self, duty: Duty, ttl: Duration) -> Result<Option<Lease>, LogError> {
        self.log.lease(duty, ttl).await
    }

    async fn renew(&self, lease: Lease, ttl: Duration) -> Result<Option<Lease>, LogError> {
        self.log.renew(lease, ttl).await
    }

    async fn hand_back(&self, lease: Lease) -> Result<(), LogError> {
        self.log.hand_back(lease).await
    }

    async fn bookmark(&self, bookmark: Bookmark) -> Result<Option<Timestamp>, LogError> {
        self.log.bookmark(bookmark).await
    }

    async fn set_bookmark(&self, bookmark: Bookmark, at: Timestamp) -> Result<(), LogError> {
        self.log.set_bookmark(bookmark, at).await
    }

    fn hub(&self) -> &Arc<Hub> {
        self.log.hub()
    }

    fn lineage(&self) -> &Lineage {
        self.log.lineage()
    }

    fn as_of(&self) -> Timestamp {
        self.log.as_of()
    }

    fn basis(&self) -> Basis {
        self.log.basis()
    }

    fn lag(&self) -> Duration {
        self.log.lag()
    }

    fn condition(&self) -> Condition {
        self.log.condition()
    }

    async fn closed(&self) {
        self.log.closed().await;
    }

    async fn close(&self) {
        self.log.close().await;
    }
}
