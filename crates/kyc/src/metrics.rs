//! The metrics of what records and asks by itself: the response observer, the resolver and the reconciler. Each runs only once
//! the log is open, so its state is a cell that is filled then.

use crate::log::LogStates;
use crate::reconcile::Freshness;
use crate::resolve::ResolverState;
use crate::response_observer::{ResponseCounts, ResponseObserver};
use gridgate_io::metrics::Kind::{Counter, Gauge};
use gridgate_io::metrics::{Metrics, count, label};
use jiff::Timestamp;
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;

/// The parts that record and ask by themselves; empty until they run.
#[derive(Debug, Default, Clone)]
pub struct Running {
    /// Records the statuses in Grid's responses to calls.
    pub responses: Arc<OnceLock<Arc<ResponseObserver>>>,
    /// Compares the log with Grid.
    pub reconciler: Arc<OnceLock<watch::Receiver<Freshness>>>,
    /// Asks Grid about statuses in doubt.
    pub resolver: Arc<OnceLock<watch::Receiver<ResolverState>>>,
}

impl Running {
    /// Registers their metrics.
    pub fn register(&self, metrics: &mut Metrics, states: &Arc<LogStates>) {
        self.register_reconciler(metrics, states);
        let resolver = Arc::clone(&self.resolver);
        metrics.read_one(
            Gauge,
            "gridgate_resolve_paused",
            "Whether the resolver leaves Grid alone, because Grid failed or asked for that: 1 or 0",
            move || resolver.get().map(|state| f64::from(u8::from(state.borrow().paused))),
        );
        let responses = Arc::clone(&self.responses);
        metrics.read(
            Counter,
            "gridgate_response_observations",
            "Statuses in Grid's responses to calls, by outcome; the reconciler finds those that were dropped or failed",
            move || {
                let ResponseCounts { recorded, redundant, silent, dropped, failed } =
                    responses.get().map(|responses| responses.counts()).unwrap_or_default();
                let all = [
                    ("recorded", recorded),
                    ("redundant", redundant),
                    ("silent", silent),
                    ("dropped", dropped),
                    ("failed", failed),
                ];
                all.map(|(outcome, number)| (label("outcome", outcome), count(number))).into()
            },
        );
    }

    fn register_reconciler(&self, metrics: &mut Metrics, states: &Arc<LogStates>) {
        let mut compared = |name, help, value: fn(&LogStates) -> Option<Timestamp>| {
            let (states, reconciler) = (Arc::clone(states), Arc::clone(&self.reconciler));
            // Hide the stored timestamp while comparing is off; it would only go stale.
            metrics.read_one(Gauge, name, help, move || reconciler.get().and_then(|_| value(&states)).map(unix));
        };
        compared(
            "gridgate_reconcile_seen_to_timestamp_seconds",
            "Every customer that Grid updated before this was seen, as Unix time; no value where comparing is off",
            |states| states.compared().0,
        );
        compared(
            "gridgate_reconcile_swept_timestamp_seconds",
            "When the last complete comparison with Grid began, as Unix time; no value where comparing is off",
            |states| states.compared().1,
        );
        let reconciler = Arc::clone(&self.reconciler);
        metrics.read_one(
            Gauge,
            "gridgate_reconcile_failing_since_timestamp_seconds",
            "Since when comparing with Grid has failed, as Unix time; no value while it works, or another replica does it",
            move || reconciler.get()?.borrow().failing_since.map(unix),
        );
    }
}

fn unix(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}
