//! Metrics and traces of all recordings in the event log.

use super::grid::WordLabels;
use crate::kyc::event::{Observation, Origin, Outcome, Subject};
use crate::kyc::id::ObservationId;
use crate::kyc::log::{Observer, Recorded, Recording};
use crate::kyc::status::{KycStatus, VerificationStatus};
use crate::telemetry::Metrics;
use crate::telemetry::deliveries::Recordings;
use crate::telemetry::metrics::{Durations, durations};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RecordLabels {
    source: &'static str,
    outcome: &'static str,
}

/// The log's observer.
pub(super) struct LogObserver {
    recorded: Durations<RecordLabels>,
    unknown_words: Family<WordLabels, Counter>,
    recordings: Arc<Recordings>,
}

impl LogObserver {
    pub(super) fn new(
        metrics: &mut Metrics,
        unknown_words: Family<WordLabels, Counter>,
        recordings: Arc<Recordings>,
    ) -> Self {
        let recorded = durations();
        metrics.register(
            "gridgate_event_record_duration_seconds",
            "How long it took to record what was seen, until it was durable, by who saw it and what it meant",
            recorded.clone(),
        );
        Self { recorded, unknown_words, recordings }
    }
}

impl std::fmt::Debug for LogObserver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogObserver").finish_non_exhaustive()
    }
}

impl Observer for LogObserver {
    fn begin(&self, observation: &Observation) -> bool {
        if let Some(vocabulary) = unknown_word_of_webhook(observation) {
            self.unknown_words.get_or_create(&WordLabels { vocabulary }).inc();
        }
        self.recordings.begin(observation.id.as_str())
    }

    fn end(&self, recording: Recording<'_>) {
        let is_heard_of = matches!(recording.result, Ok(Recorded::New { position: _, outcome: Outcome::Change }));
        if recording.is_first && !is_heard_of {
            self.recordings.forget(recording.id.as_str());
        }
        let labels = RecordLabels { source: recording.source.as_str(), outcome: recording.outcome() };
        self.recorded.get_or_create(&labels).observe(recording.took.as_secs_f64());
    }

    fn traceparent(&self) -> Option<String> {
        Recordings::current()
    }

    fn arrived(&self, id: &ObservationId, traceparent: &str) {
        self.recordings.arrived(id.as_str(), traceparent);
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
