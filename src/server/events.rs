//! Webhooks, the event log and what reads it, put together.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::admin::Quarantine;
use super::customer_source::GridSource;
use super::observe::{Asking, Observed, Observing};
use super::{BindError, LogOpenError};
use crate::config::{EventsConfig, WebhookConfig};
use crate::grid;
use crate::kyc::clock::{Clock, SteadyClock, SystemClock};
use crate::kyc::log::copy::Place;
use crate::kyc::log::jetstream::{JetStreamLog, JetStreamOptions};
use crate::kyc::log::sqlite::{Retention, SqliteLog, SqliteOptions};
use crate::kyc::log::{EventLog, LateLog, Obstacle, Trouble};
use crate::kyc::lookup::Lookup;
use crate::kyc::reconcile::{Reconciler, ReconcilerSettings};
use crate::kyc::resolve::{Resolver, ResolverSettings};
use crate::kyc::response_observer::ResponseObserver;
use crate::kyc::source::CustomerSource;
use crate::rpc::{KycEvents, WatchConfig};
use crate::webhook::{DoorConfig, DoorPath, Limits, PublicKeys, Relay, RelayConfig, WebhookDoor};

/// A stream says so, and ends, when this process has not known the end of the log for so long.
const MAX_LAG: Duration = Duration::from_secs(30);

/// What is made of the event log, before it is open.
pub(super) struct EventsToCome {
    place: Place,
    retention: Retention,
    late: LateLog,
    /// What is in the way of opening it.
    obstacle: Obstacle,
    clock: Arc<SteadyClock<SystemClock>>,
    source: Arc<dyn CustomerSource>,
    reconcile_interval: Option<Duration>,
    asking: Asking,
    /// Keeps the directory of a temporary log, and removes it in the end.
    directory: Option<TempDir>,
}

/// What is made of the event log.
pub(super) struct Events {
    log: Arc<dyn EventLog>,
    source: Arc<dyn CustomerSource>,
    lookup: Arc<Lookup>,
    responses: Arc<ResponseObserver>,
    clock: Arc<SteadyClock<SystemClock>>,
    reconcile_interval: Option<Duration>,
    asking: Asking,
    _directory: Option<TempDir>,
}

impl EventsToCome {
    /// Finds a place for the log, and opens nothing.
    pub(super) fn new(config: &EventsConfig, grid: &grid::Client) -> Result<Self, BindError> {
        let EventsConfig { log, retention, watch_max_age: _, reconcile_interval } = config;
        let (place, directory) = match log {
            Some(place) => (place.clone(), None),
            None => {
                let directory =
                    tempfile::Builder::new().prefix("gridgate-").tempdir().map_err(BindError::TemporaryLog)?;
                (Place::File(directory.path().join("events.db")), Some(directory))
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
            asking: Asking::default(),
            directory,
        })
    }

    /// Where the log will be.
    pub(super) fn late(&self) -> LateLog {
        self.late.clone()
    }

    /// What is in the way of opening it, until it is open.
    pub(super) fn obstacle(&self) -> Obstacle {
        self.obstacle.clone()
    }

    /// Everything that is told of the log and of those who ask Grid.
    pub(super) fn observed(&self, observing: Observing) -> Observed {
        let files = match &self.place {
            Place::File(path) => ["", "-wal"].map(|suffix| with_suffix(path, suffix)).to_vec(),
            Place::JetStream(_) => Vec::new(),
        };
        observing.finish(self.late(), files, self.asking.clone(), Arc::clone(&self.clock))
    }

    /// What may be done about webhooks that were not understood.
    pub(super) fn quarantine(&self) -> Quarantine {
        Quarantine { log: self.late(), source: Arc::clone(&self.source) }
    }

    /// Opens the log, which may take as long as reading it. Whoever waits for it has it then.
    pub(super) async fn open(self, observed: &Observed) -> Result<Events, LogOpenError> {
        let Self { place, retention, late, obstacle, clock, source, reconcile_interval, asking, directory } = self;
        let log = observed.log(open_log(place, retention, obstacle, &clock, observed).await?);
        late.set(Arc::clone(&log));
        let lookup = Arc::new(Lookup::new(Arc::clone(&log), Arc::clone(&source)));
        let responses = Arc::new(ResponseObserver::new(Arc::clone(&log)));
        Ok(Events { log, source, lookup, responses, clock, reconcile_interval, asking, _directory: directory })
    }
}

/// The door for webhooks that are signed with one of `keys`.
pub(super) fn door(config: &WebhookConfig, keys: &str, log: LateLog) -> Result<WebhookDoor, BindError> {
    let WebhookConfig { addr: _, path, public_keys: _, relay_url, tls: _ } = config;
    let relay =
        relay_url.clone().map(|url| Relay::new(RelayConfig { url, timeout: crate::webhook::relay::RELAY_TIMEOUT }));
    let config = DoorConfig {
        path: DoorPath::parse(path)?,
        keys: PublicKeys::from_pem([keys])?,
        relay: relay.transpose()?,
        limits: Limits::default(),
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Ok(WebhookDoor::new(config, log, clock))
}

impl Events {
    /// The service that answers from the log. Its streams say goodbye when `leaving` is cancelled.
    pub(super) fn service(&self, max_age: Duration, leaving: CancellationToken) -> KycEvents {
        let watch = WatchConfig { max_age, max_lag: MAX_LAG, leaving };
        KycEvents::new(Arc::clone(&self.log), Arc::clone(&self.lookup), watch)
    }

    /// Observes the statuses in Grid's answers to callers.
    pub(super) fn responses(&self) -> &Arc<ResponseObserver> {
        &self.responses
    }

    /// Keeps the log true, until `stop`: records what Grid answered to calls, asks it about what is in doubt, and looks for
    /// what no webhook said.
    pub(super) async fn keep_true(&self, stop: CancellationToken) {
        let (log, source) = (Arc::clone(&self.log), Arc::clone(&self.source));
        let (resolver, state) = Resolver::new(log, source, ResolverSettings::default());
        let _ = self.asking.resolver.set(state);
        tokio::join!(self.responses.run(stop.clone()), resolver.run(stop.clone()), self.reconcile(stop));
    }

    async fn reconcile(&self, stop: CancellationToken) {
        let Some(recent_every) = self.reconcile_interval else { return };
        let settings = ReconcilerSettings { recent_every, ..ReconcilerSettings::default() };
        let (log, source) = (Arc::clone(&self.log), Arc::clone(&self.source));
        let (reconciler, freshness) = Reconciler::new(log, source, Arc::clone(&self.clock) as _, settings);
        let _ = self.asking.reconciler.set(freshness);
        reconciler.run(stop).await;
    }

    /// Why the log records nothing, if it does not record.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.log.condition().trouble
    }

    /// Waits until the log takes nothing any more.
    pub(super) async fn closed(&self) {
        self.log.closed().await;
    }

    /// Finishes what was taken, and lets go of the store.
    pub(super) async fn close(&self) {
        self.log.close().await;
    }
}

async fn open_log(
    place: Place,
    retention: Retention,
    obstacle: Obstacle,
    clock: &Arc<SteadyClock<SystemClock>>,
    observed: &Observed,
) -> Result<Arc<dyn EventLog>, LogOpenError> {
    match place {
        Place::JetStream(options) => {
            let options = JetStreamOptions { traces: Some(observed.traces()), obstacle, ..*options };
            Ok(Arc::new(JetStreamLog::open(options, Arc::clone(clock) as _).await?))
        }
        Place::File(path) => {
            let options = SqliteOptions { retention, ..SqliteOptions::at(path) };
            let clock = Arc::clone(clock);
            let open = move || SqliteLog::open(options, clock);
            match tokio::task::spawn_blocking(open).await {
                Ok(opened) => Ok(Arc::new(opened?)),
                Err(_) => Err(LogOpenError::Panicked),
            }
        }
    }
}

/// A file that SQLite keeps beside another.
fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
