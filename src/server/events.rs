//! Puts together the event log, what writes it, and what reads it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::admin::Quarantine;
use super::customer_source::GridSource;
use super::error::{BindError, LogOpenError};
use super::observe::{Observed, Observing};
use crate::config::{EventsConfig, WebhookConfig};
use crate::grid;
use crate::kyc::clock::{Clock, SteadyClock, SystemClock};
use crate::kyc::log::copy::LogLocation;
use crate::kyc::log::jetstream::{self, JetStreamOptions};
use crate::kyc::log::sqlite::{self, SqliteOptions};
use crate::kyc::log::{EventLog, LateLog, LogMetrics, LogStates, Obstacle, Retention, Trouble};
use crate::kyc::lookup::Lookup;
use crate::kyc::metrics::Running;
use crate::kyc::reconcile::{Reconciler, ReconcilerSettings};
use crate::kyc::resolve::{Resolver, ResolverSettings};
use crate::kyc::response_observer::ResponseObserver;
use crate::kyc::source::CustomerSource;
use crate::rpc::{KycEvents, WatchConfig};
use crate::webhook::{Endpoint, EndpointConfig, EndpointPath, Limits, PublicKeys, Relay, RelayConfig};

/// A stream ends with an error when this process has not known the end of the log for longer.
const MAX_LAG: Duration = Duration::from_secs(30);

/// The event log and its users, before it is open.
pub(super) struct EventsToCome {
    place: LogLocation,
    retention: Retention,
    late: LateLog,
    obstacle: Obstacle,
    clock: Arc<SteadyClock<SystemClock>>,
    source: Arc<dyn CustomerSource>,
    reconcile_interval: Option<Duration>,
    running: Running,
    /// The directory of a temporary log; deleted on drop.
    directory: Option<TempDir>,
}

/// The event log and its users.
pub(super) struct Events {
    log: Arc<EventLog>,
    source: Arc<dyn CustomerSource>,
    lookup: Arc<Lookup>,
    responses: Arc<ResponseObserver>,
    clock: Arc<SteadyClock<SystemClock>>,
    reconcile_interval: Option<Duration>,
    running: Running,
    _directory: Option<TempDir>,
}

impl EventsToCome {
    /// Finds a location for the log, without opening it.
    pub(super) fn new(config: &EventsConfig, grid: &grid::Client) -> Result<Self, BindError> {
        let EventsConfig { log, retention, watch_max_age: _, reconcile_interval } = config;
        let (place, directory) = match log {
            Some(place) => (place.clone(), None),
            None => {
                let directory =
                    tempfile::Builder::new().prefix("gridgate-").tempdir().map_err(BindError::TemporaryLog)?;
                (LogLocation::File(directory.path().join("events.db")), Some(directory))
            }
        };
        Ok(Self {
            place,
            retention: *retention,
            late: LateLog::default(),
            obstacle: Obstacle::default(),
            clock: Arc::new(SteadyClock::over(SystemClock)),
            source: Arc::new(GridSource::new(grid.clone())),
            reconcile_interval: *reconcile_interval,
            running: Running::default(),
            directory,
        })
    }

    /// The log, once it is open.
    pub(super) fn late(&self) -> LateLog {
        self.late.clone()
    }

    /// What keeps the log from opening.
    pub(super) fn obstacle(&self) -> Obstacle {
        self.obstacle.clone()
    }

    /// Adds the metrics of the log and of what asks Grid.
    pub(super) fn observed(&self, mut observing: Observing) -> Observed {
        let files = match &self.place {
            LogLocation::File(path) => ["", "-wal"].map(|suffix| with_suffix(path, suffix)).to_vec(),
            LogLocation::JetStream(_) => Vec::new(),
        };
        let states = Arc::new(LogStates::new(self.late(), files));
        states.register(&mut observing.metrics);
        self.running.register(&mut observing.metrics, &states);
        self.clock.register_metrics(&mut observing.metrics);
        observing.finish(states)
    }

    /// The admin port's access to webhooks in quarantine.
    pub(super) fn quarantine(&self) -> Quarantine {
        Quarantine { log: self.late(), source: Arc::clone(&self.source) }
    }

    /// Opens the log, which can take as long as reading it.
    pub(super) async fn open(self, observed: &Observed) -> Result<Events, LogOpenError> {
        let Self { place, retention, late, obstacle, clock, source, reconcile_interval, running, directory } = self;
        let metrics = observed.log_metrics();
        let log = Arc::new(open_log(place, retention, obstacle, &clock, metrics).await?);
        late.set(Arc::clone(&log));
        let lookup = Arc::new(Lookup::new(Arc::clone(&log), Arc::clone(&source)));
        let responses = Arc::new(ResponseObserver::new(Arc::clone(&log)));
        let _ = running.responses.set(Arc::clone(&responses));
        Ok(Events { log, source, lookup, responses, clock, reconcile_interval, running, _directory: directory })
    }
}

/// The webhook endpoint, for webhooks signed with one of `keys`.
pub(super) fn endpoint(config: &WebhookConfig, keys: &str, log: LateLog) -> Result<Endpoint, BindError> {
    let WebhookConfig { addr: _, path, public_keys: _, relay_url, tls: _ } = config;
    let relay =
        relay_url.clone().map(|url| Relay::new(RelayConfig { url, timeout: crate::webhook::relay::RELAY_TIMEOUT }));
    let config = EndpointConfig {
        path: EndpointPath::parse(path)?,
        keys: PublicKeys::from_pem([keys])?,
        relay: relay.transpose()?,
        limits: Limits::default(),
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Ok(Endpoint::new(config, log, clock))
}

impl Events {
    /// The service that answers from the log. Its streams end with GoingAway when `leaving` is cancelled.
    pub(super) fn service(&self, max_age: Duration, leaving: CancellationToken) -> KycEvents {
        let watch = WatchConfig { max_age, max_lag: MAX_LAG, leaving };
        KycEvents::new(Arc::clone(&self.log), Arc::clone(&self.lookup), watch)
    }

    /// Observes the statuses in Grid's answers to callers.
    pub(super) fn responses(&self) -> &Arc<ResponseObserver> {
        &self.responses
    }

    /// Keeps the log current until `stop`: records Grid's answers to calls, asks Grid about statuses in doubt, and compares
    /// the log with Grid.
    pub(super) async fn keep_current(&self, stop: CancellationToken) {
        let (log, source) = (Arc::clone(&self.log), Arc::clone(&self.source));
        let (resolver, state) = Resolver::new(log, source, ResolverSettings::default());
        let _ = self.running.resolver.set(state);
        tokio::join!(self.responses.run(stop.clone()), resolver.run(stop.clone()), self.reconcile(stop));
    }

    async fn reconcile(&self, stop: CancellationToken) {
        let Some(recent_every) = self.reconcile_interval else { return };
        let settings = ReconcilerSettings { recent_every, ..ReconcilerSettings::default() };
        let (log, source) = (Arc::clone(&self.log), Arc::clone(&self.source));
        let (reconciler, freshness) = Reconciler::new(log, source, Arc::clone(&self.clock) as _, settings);
        let _ = self.running.reconciler.set(freshness);
        reconciler.run(stop).await;
    }

    /// Why the log records nothing; none while it records.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.log.condition().trouble
    }

    /// Waits until the log accepts nothing any more.
    pub(super) async fn closed(&self) {
        self.log.closed().await;
    }

    /// Finishes what was accepted, and closes the log.
    pub(super) async fn close(&self) {
        self.log.close().await;
    }
}

async fn open_log(
    place: LogLocation,
    retention: Retention,
    obstacle: Obstacle,
    clock: &Arc<SteadyClock<SystemClock>>,
    metrics: LogMetrics,
) -> Result<EventLog, LogOpenError> {
    match place {
        LogLocation::JetStream(options) => {
            let options = JetStreamOptions { metrics, obstacle, ..*options };
            Ok(jetstream::open(options, Arc::clone(clock) as _).await?)
        }
        LogLocation::File(path) => {
            let options = SqliteOptions { retention, metrics, ..SqliteOptions::at(path) };
            let clock = Arc::clone(clock);
            let open = move || sqlite::open(options, clock);
            match tokio::task::spawn_blocking(open).await {
                Ok(opened) => Ok(opened?),
                Err(_) => Err(LogOpenError::Panicked),
            }
        }
    }
}

/// A file that SQLite keeps beside the log.
fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
