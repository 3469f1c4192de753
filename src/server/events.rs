//! Webhooks, the event log and what reads it, put together.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::BindError;
use super::admin::Quarantine;
use super::customer_source::GridSource;
use super::observe::{Asking, Observed, Observing};
use crate::config::{EventLogConfig, EventsConfig, NatsConfig, NatsLogin, RetentionConfig, WebhookConfig};
use crate::grid;
use crate::kyc::clock::{Clock, SystemClock};
use crate::kyc::log::EventLog;
use crate::kyc::log::copy::Place;
use crate::kyc::log::jetstream::{Access, JetStreamLog, JetStreamOptions, Login};
use crate::kyc::log::sqlite::{Retention, SqliteLog, SqliteOptions};
use crate::kyc::lookup::Lookup;
use crate::kyc::reconcile::{Reconciler, ReconcilerSettings};
use crate::kyc::resolve::{Resolver, ResolverSettings};
use crate::kyc::source::CustomerSource;
use crate::kyc::witness::Witness;
use crate::rpc::{KycEvents, WatchConfig};
use crate::webhook::{DoorConfig, DoorPath, Limits, PublicKeys, Relay, RelayConfig, WebhookDoor};

/// A stream says so, and ends, when this process has not known the end of the log for so long.
const MAX_LAG: Duration = Duration::from_secs(30);

/// The event log, and what was made for it.
pub(super) struct Events {
    log: Arc<dyn EventLog>,
    source: Arc<dyn CustomerSource>,
    lookup: Arc<Lookup>,
    witness: Arc<Witness>,
    reconcile_interval: Option<Duration>,
    asking: Asking,
    /// What the log is stored in.
    files: Vec<PathBuf>,
    /// Keeps the directory of a temporary log, and removes it in the end.
    _directory: Option<TempDir>,
}

impl Events {
    /// Opens the log.
    pub(super) async fn open(
        config: &EventsConfig,
        grid: &grid::Client,
        observing: &Observing,
    ) -> Result<Self, BindError> {
        let Opened { log, files, directory } = open_log(config, observing).await?;
        let log = observing.log(log);
        let source: Arc<dyn CustomerSource> = Arc::new(GridSource::new(grid.clone()));
        let lookup = Arc::new(Lookup::new(Arc::clone(&log), Arc::clone(&source)));
        let witness = Arc::new(Witness::new(Arc::clone(&log)));
        let (reconcile_interval, asking) = (config.reconcile_interval, Asking::default());
        Ok(Self { log, source, lookup, witness, reconcile_interval, asking, files, _directory: directory })
    }

    /// Everything that is told of the log and of those who ask Grid.
    pub(super) fn observed(&self, observing: Observing) -> Observed {
        observing.finish(&self.log, self.files.clone(), self.asking.clone())
    }

    /// The service that answers from the log. Its streams say goodbye when `leaving` is cancelled.
    pub(super) fn service(&self, max_age: Duration, leaving: CancellationToken) -> KycEvents {
        let watch = WatchConfig { max_age, max_lag: MAX_LAG, leaving };
        KycEvents::new(Arc::clone(&self.log), Arc::clone(&self.lookup), watch)
    }

    /// What calls tell of the statuses in Grid's answers.
    pub(super) fn witness(&self) -> &Arc<Witness> {
        &self.witness
    }

    /// The door for webhooks that are signed with one of `keys`.
    pub(super) fn door(&self, config: &EventsConfig, keys: &str) -> Result<WebhookDoor, BindError> {
        let WebhookConfig { addr: _, path, public_keys: _, relay_url, tls: _ } = &config.webhook;
        let relay =
            relay_url.clone().map(|url| Relay::new(RelayConfig { url, timeout: crate::webhook::relay::RELAY_TIMEOUT }));
        let config = DoorConfig {
            path: DoorPath::parse(path)?,
            keys: PublicKeys::from_pem([keys])?,
            relay: relay.transpose()?,
            limits: Limits::default(),
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        Ok(WebhookDoor::new(config, Arc::clone(&self.log), clock))
    }

    /// What may be done about webhooks that were not understood.
    pub(super) fn quarantine(&self) -> Quarantine {
        Quarantine { log: Arc::clone(&self.log), source: Arc::clone(&self.source) }
    }

    /// Keeps the log true, until `stop`: records what Grid answered to calls, asks it about what is in doubt, and looks for
    /// what no webhook said.
    pub(super) async fn keep_true(&self, stop: CancellationToken) {
        let (log, source) = (Arc::clone(&self.log), Arc::clone(&self.source));
        let (resolver, state) = Resolver::new(log, source, ResolverSettings::default());
        let _ = self.asking.resolver.set(state);
        tokio::join!(self.witness.run(stop.clone()), resolver.run(stop.clone()), self.reconcile(stop));
    }

    async fn reconcile(&self, stop: CancellationToken) {
        let Some(recent_every) = self.reconcile_interval else { return };
        let settings = ReconcilerSettings { recent_every, ..ReconcilerSettings::default() };
        let (log, source) = (Arc::clone(&self.log), Arc::clone(&self.source));
        let (reconciler, freshness) = Reconciler::new(log, source, Arc::new(SystemClock), settings);
        let _ = self.asking.reconciler.set(freshness);
        reconciler.run(stop).await;
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

/// A log that was opened.
struct Opened {
    log: Arc<dyn EventLog>,
    /// What it is stored in on this machine, besides what is temporary anyway.
    files: Vec<PathBuf>,
    /// The directory of a temporary log.
    directory: Option<TempDir>,
}

async fn open_log(config: &EventsConfig, observing: &Observing) -> Result<Opened, BindError> {
    let RetentionConfig { max_age, max_bytes } = config.retention;
    let retention = Retention { max_age, max_bytes };
    let (path, directory) = match &config.log {
        EventLogConfig::Nats(nats) => {
            let options = JetStreamOptions { traces: Some(observing.traces()), ..jetstream_options(nats, retention) };
            let log = JetStreamLog::open(options, Arc::new(SystemClock)).await?;
            return Ok(Opened { log: Arc::new(log), files: Vec::new(), directory: None });
        }
        EventLogConfig::Sqlite(path) => (path.clone(), None),
        EventLogConfig::Temporary => {
            let directory = tempfile::Builder::new().prefix("gridgate-").tempdir().map_err(BindError::TemporaryLog)?;
            (directory.path().join("events.db"), Some(directory))
        }
    };
    let files = ["", "-wal"].map(|suffix| with_suffix(&path, suffix)).to_vec();
    let options = SqliteOptions { retention, ..SqliteOptions::at(path) };
    let open = move || SqliteLog::open(options, Arc::new(SystemClock));
    match tokio::task::spawn_blocking(open).await {
        Ok(opened) => Ok(Opened { log: Arc::new(opened?), files, directory }),
        Err(_) => Err(BindError::EventLogPanicked),
    }
}

/// Where a log is that a command names, and how many bytes its events may take.
pub(crate) fn log_place((config, max_bytes): (EventLogConfig, u64)) -> Place {
    let retention = Retention { max_bytes, ..Retention::default() };
    match config {
        EventLogConfig::Sqlite(path) => Place::File(path),
        EventLogConfig::Nats(nats) => Place::JetStream(Box::new(jetstream_options(&nats, retention))),
        // No command takes it for a place.
        EventLogConfig::Temporary => Place::File(std::path::PathBuf::new()),
    }
}

/// How a log in NATS is reached.
fn jetstream_options(nats: &NatsConfig, retention: Retention) -> JetStreamOptions {
    let NatsConfig { servers, prefix, replicas, login, ca_file, certificate } = nats.clone();
    let login = match login {
        NatsLogin::Nobody => Login::Nobody,
        NatsLogin::Credentials(path) => Login::Credentials(path),
        NatsLogin::User { name, password } => Login::User { name, password },
        NatsLogin::Token(token) => Login::Token(token),
    };
    let access = Access { login, ca_file, certificate };
    JetStreamOptions { access, prefix, replicas, retention, ..JetStreamOptions::at(servers) }
}

/// A file that SQLite keeps beside another.
fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
