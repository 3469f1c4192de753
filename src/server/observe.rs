//! The metrics of a running server: every room registers its own, and what several rooms share is here.

use crate::kyc::id::ObservationId;
use crate::kyc::log::{LogMetrics, LogStates, TraceLinks};
use crate::metrics::{Metrics, UnknownWords};
use crate::rpc::Deliveries;
use crate::telemetry::deliveries::Recordings;
use crate::telemetry::{exposition, process};
use crate::transport::Runtimes;
use std::sync::Arc;
use tokio::runtime::Handle;

/// The registry while the server is put together.
pub(super) struct Observing {
    /// Where rooms register their metrics.
    pub(super) metrics: Metrics,
    unknown_words: UnknownWords,
    recordings: Arc<Recordings>,
    log: LogMetrics,
}

/// The registry of a server that is put together.
pub(super) struct Observed {
    metrics: Metrics,
    states: Arc<LogStates>,
    log: LogMetrics,
}

impl Observing {
    /// Begins with the metrics of the process and of its runtimes, the current one among them.
    pub(super) fn begin(runtimes: &Runtimes) -> Self {
        let (mut metrics, unknown_words, recordings) =
            (Metrics::default(), UnknownWords::default(), Arc::<Recordings>::default());
        process::register(&mut metrics, runtimes.handles().chain([Handle::current()]));
        unknown_words.register(
            &mut metrics,
            "gridgate_grid_unknown_words",
            "Words of Grid's that this version does not know, by the vocabulary that they should have been of",
        );
        let log = LogMetrics::new(unknown_words.clone(), Some(Arc::new(Links(Arc::clone(&recordings)))));
        log.register(&mut metrics);
        Self { metrics, unknown_words, recordings, log }
    }

    /// Counts words of Grid's that this version does not know.
    pub(super) fn unknown_words(&self) -> UnknownWords {
        self.unknown_words.clone()
    }

    /// Counts what streams deliver, and links it to what was recorded.
    pub(super) fn deliveries(&mut self) -> Deliveries {
        Deliveries::register(&mut self.metrics, Arc::clone(&self.recordings))
    }

    /// Everything is registered; `states` are read on demand.
    pub(super) fn finish(self, states: Arc<LogStates>) -> Observed {
        let Self { metrics, unknown_words: _, recordings: _, log } = self;
        Observed { metrics, states, log }
    }
}

impl Observed {
    /// Counts, times and links what is recorded in the event log.
    pub(super) fn log_metrics(&self) -> LogMetrics {
        self.log.clone()
    }

    /// Every metric now, as text, and its media type.
    pub(super) async fn text(&self, accept: &str) -> (&'static str, String) {
        self.states.refresh().await;
        exposition::text(&self.metrics, accept)
    }
}

/// Recordings of the event log, as telemetry remembers them for deliveries.
#[derive(Debug)]
struct Links(Arc<Recordings>);

impl TraceLinks for Links {
    fn begin(&self, id: &ObservationId) -> bool {
        self.0.begin(id.as_str())
    }

    fn forget(&self, id: &ObservationId) {
        self.0.forget(id.as_str());
    }

    fn traceparent(&self) -> Option<String> {
        Recordings::current()
    }

    fn arrived(&self, id: &ObservationId, traceparent: &str) {
        self.0.arrived(id.as_str(), traceparent);
    }
}
