//! The metrics of a running server: registers every room's counters and states.
//!
//! The rooms know nothing of it. They call traits of their own ([`crate::grid::Observer`], [`crate::webhook::Observer`],
//! [`crate::rpc::Deliveries`]) or keep counters, and what carries out the one and reads the other is here.

mod admin;
mod callers;
mod grid;
mod log;
mod ports;
mod states;
mod watching;
mod webhooks;

pub(super) use admin::{log_level_router, metrics_router};

use self::grid::GridMetrics;
use self::log::LogObserver;
use self::ports::CountedPorts;
use self::states::States;
use self::watching::Watching;
use self::webhooks::WebhookMetrics;
use crate::grid::{BreakerState, Client};
use crate::identity::Gate;
use crate::kyc::clock::{SteadyClock, SystemClock};
use crate::kyc::log::{LateLog, Observer};
use crate::kyc::reconcile::Freshness;
use crate::kyc::resolve::ResolverState;
use crate::rpc::{CallMetrics, ConcurrencyLayer, Deliveries};
use crate::telemetry::Metrics;
use crate::telemetry::deliveries::Recordings;
use crate::telemetry::metrics::Kind::{Counter, Gauge};
use crate::telemetry::metrics::Labels;
use crate::telemetry::process::{self, to_f64};
use crate::transport::{self, ReloadCounts};
use crate::webhook::{Counters, Endpoint};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;

/// What is put together while the server is set up.
pub(super) struct Observing {
    metrics: Metrics,
    calls: CallMetrics,
    grid: Arc<GridMetrics>,
    log: Arc<LogObserver>,
    recordings: Arc<Recordings>,
    ports: CountedPorts,
}

/// What can be asked for once the server is set up.
pub(super) struct Observed {
    metrics: Metrics,
    states: Arc<States>,
    log: Arc<LogObserver>,
}

/// How the parts are doing that ask Grid by themselves; empty until they run.
#[derive(Default, Clone)]
pub(super) struct Asking {
    pub(super) reconciler: Arc<OnceLock<watch::Receiver<Freshness>>>,
    pub(super) resolver: Arc<OnceLock<watch::Receiver<ResolverState>>>,
}

impl Observing {
    /// The metrics that need nothing else. To be called on the runtime.
    pub(super) fn begin() -> Self {
        let mut metrics = Metrics::default();
        process::register(&mut metrics);
        let calls = CallMetrics::new(&mut metrics);
        let grid = Arc::new(GridMetrics::new(&mut metrics));
        let recordings = Arc::default();
        let log = Arc::new(LogObserver::new(&mut metrics, grid.unknown_words(), Arc::clone(&recordings)));
        Self { metrics, calls, grid, log, recordings, ports: Vec::new() }
    }

    /// Observes requests to Grid.
    pub(super) fn grid(&self) -> Arc<dyn crate::grid::Observer> {
        Arc::clone(&self.grid) as Arc<dyn crate::grid::Observer>
    }

    /// Observes what streams deliver.
    pub(super) fn deliveries(&mut self) -> Arc<dyn Deliveries> {
        Arc::new(Watching::new(&mut self.metrics, Arc::clone(&self.recordings)))
    }

    /// The endpoint, with every request counted and timed.
    pub(super) fn endpoint(&mut self, endpoint: Endpoint) -> Endpoint {
        webhooks::register(&mut self.metrics, endpoint.counters());
        self.port("webhook", endpoint.counters().connections());
        let observer = Arc::new(WebhookMetrics::new(&mut self.metrics));
        endpoint.observed_by(observer)
    }

    /// What gRPC calls are counted and timed with.
    pub(super) fn calls(&self) -> CallMetrics {
        self.calls.clone()
    }

    /// How many calls are served at once.
    pub(super) fn load(&mut self, load: &ConcurrencyLayer) {
        callers::register_load(&mut self.metrics, load);
    }

    /// Who decides about callers, if anyone does.
    pub(super) fn gate(&mut self, gate: Option<&Arc<Gate>>) {
        callers::register_gate(&mut self.metrics, gate.cloned());
    }

    /// A port's connections.
    pub(super) fn port(&mut self, name: &'static str, counters: Arc<transport::Counters>) {
        self.ports.push((name, counters));
    }

    /// Every port is known; these are the certificates that they reload.
    pub(super) fn certificates(&mut self, reloads: Vec<Arc<ReloadCounts>>) {
        ports::register(&mut self.metrics, std::mem::take(&mut self.ports), reloads);
    }

    /// The client's state.
    pub(super) fn client(&mut self, client: &Client) {
        self.grid.go_to(client.server());
        let of = client.clone();
        self.metrics.read(
            Gauge,
            "gridgate_grid_breaker_state",
            "How the circuit breaker towards Grid stands: 1 for the state that it is in",
            move || {
                let now = of.breaker_state();
                let states = [
                    (BreakerState::Closed, "closed"),
                    (BreakerState::Open, "open"),
                    (BreakerState::HalfOpen, "half_open"),
                ];
                let one = |(state, word): (BreakerState, &'static str)| {
                    (vec![("state", word.into())], if state == now { 1.0 } else { 0.0 })
                };
                states.into_iter().map(one).collect()
            },
        );
        let of = client.clone();
        self.metrics.read_one(Gauge, "gridgate_grid_open_requests", "Requests to Grid that are under way", move || {
            to_f64(of.requests_under_way())
        });
    }

    /// Everything is there: the states of the log are read when they are asked for. `files`: what the log is stored in.
    pub(super) fn finish(
        self,
        of: LateLog,
        files: Vec<PathBuf>,
        asking: Asking,
        clock: Arc<SteadyClock<SystemClock>>,
    ) -> Observed {
        let Self { mut metrics, calls: _, grid: _, log, recordings: _, ports: _ } = self;
        let states = Arc::new(States::new(of, files));
        states.register(&mut metrics, asking);
        let jumps = "Jumps of the machine's clock by more than a minute";
        metrics.read_one(Counter, "gridgate_clock_jumps", jumps, move || count(clock.jumps()));
        Observed { metrics, states, log }
    }
}

impl Observed {
    /// Observes what is recorded in the event log.
    pub(super) fn log_observer(&self) -> Arc<dyn Observer> {
        Arc::clone(&self.log) as _
    }

    /// Every metric now, as text, and its media type.
    pub(super) async fn text(&self, accept: &str) -> (&'static str, String) {
        self.states.refresh().await;
        self.metrics.text(accept)
    }
}

/// One label.
fn label(name: &'static str, value: &'static str) -> Labels {
    vec![(name, value.into())]
}

/// A counter's number as a metric's value: exact up to 2^53.
fn count(number: u64) -> f64 {
    #[allow(clippy::cast_precision_loss)]
    {
        number as f64
    }
}
