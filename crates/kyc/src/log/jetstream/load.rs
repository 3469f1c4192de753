//! Opening: the streams, what is left of the events that are gone, then every event there is.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_nats::Client;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::Info;
use tempfile::TempDir;
use tokio::time::{Duration, Instant, sleep};
use tokio_util::task::TaskTracker;

use super::patience::Patience;
use super::retention::Trimmed;
use super::room::Room;
use super::streams::{self, Names, Origin, SEALED_KEY, Streams};
use super::{JetStreamLog, JetStreamOptions, OpenError, Shared, connect, gone};
use crate::clock::Clock;
use crate::id::Lineage;
use crate::log::sqlite::view::{Durability, View};
use crate::log::{EventLog as _, LogError};

/// How long it takes until opening begins again, at most.
const LONGEST_AGAIN: Duration = Duration::from_secs(2);
/// And at first.
const AGAIN: Duration = Duration::from_millis(250);

/// What was found of a log, before its events are read.
pub(super) struct Found {
    pub(super) client: Client,
    pub(super) names: Names,
    pub(super) streams: Streams,
    pub(super) lineage: Lineage,
    pub(super) view: Arc<View>,
    pub(super) trimmed: Trimmed,
    pub(super) room: Room,
}

/// What a log is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::log) enum Use {
    /// As usual.
    ReadAndWrite,
    /// To be copied elsewhere.
    Copying,
}

impl JetStreamLog {
    /// Opens the log, makes its streams if they are not there, and reads all of it into tables of this replica.
    ///
    /// # Errors
    /// When NATS cannot be reached, or a stream there is not one of an event log as it has to be.
    pub async fn open(options: JetStreamOptions, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        Self::open_as(options, clock, Use::ReadAndWrite).await
    }

    /// Opens a log to read from, sealed or not.
    pub(in crate::log) async fn open_as(
        options: JetStreamOptions,
        clock: Arc<dyn Clock>,
        what_for: Use,
    ) -> Result<Self, OpenError> {
        let (mut patience, mut again) = (Patience::new(options.patience), AGAIN);
        loop {
            match Self::try_open(options.clone(), Arc::clone(&clock), what_for, &mut patience).await {
                // Servers that are just finding each other refuse for a while.
                Err(
                    error @ (OpenError::Setup { .. }
                    | OpenError::Overtaken
                    | OpenError::Content(LogError::Unavailable { .. })),
                ) => {
                    if patience.is_over() {
                        return Err(error);
                    }
                    options.obstacle.met(&error.to_string());
                    sleep(again).await;
                    again = (again * 2).min(LONGEST_AGAIN);
                }
                result => {
                    options.obstacle.is_over();
                    return result;
                }
            }
        }
    }

    async fn try_open(
        options: JetStreamOptions,
        clock: Arc<dyn Clock>,
        what_for: Use,
        patience: &mut Patience,
    ) -> Result<Self, OpenError> {
        let names = Names::new(&options.prefix)?;
        let client = connect::connect(&options).await?;
        let context = connect::jetstream(&client);
        let streams = streams::set_up(&context, &names, &options, Origin::fresh()).await?;
        let asked_at = clock.now();
        let info = certain_info(&streams, &options).await?;
        if let Some(why) = info.config.metadata.get(SEALED_KEY).filter(|_| what_for == Use::ReadAndWrite) {
            return Err(OpenError::Sealed(why.clone()));
        }
        let lineage = streams::lineage(&info)?;
        let directory = tempfile::Builder::new().prefix("gridgate-view-").tempdir().map_err(OpenError::Directory)?;
        let path = directory.path().join("events.db");
        let tables = (lineage.clone(), options.cached_heads);
        let open = move || Ok(View::open(&path, &tables.0, Durability::Disposable, tables.1)?);
        let view = Arc::new(blocking(open).await?);
        let trimmed = gone::read(&streams, &view, &info, patience).await?;
        let found = Found { client, names, streams, lineage, view, trimmed, room: Room::of(&info) };
        let log = Self::start(Arc::new(Shared::new(&options, clock, found)), directory);
        let caught_up = log.catch_up(info.state.last_sequence, patience).await;
        log.shared.reports_faults.store(true, Ordering::Relaxed);
        if let Err(error) = caught_up.and_then(|()| Ok(log.shared.check_open()?)) {
            log.close().await;
            return Err(log.why_not(error, trimmed).await);
        }
        log.shared.begin_after_what_was_read().await?;
        log.shared.is_open.store(true, Ordering::Relaxed);
        log.shared.look.notify_one();
        log.shared.knew_the_end(asked_at);
        Ok(log)
    }

    /// Begins to follow the stream.
    fn start(shared: Arc<Shared>, directory: TempDir) -> Self {
        let tasks = TaskTracker::new();
        tasks.spawn(Arc::clone(&shared).follow());
        tasks.spawn(Arc::clone(&shared).probe());
        tasks.spawn(Arc::clone(&shared).try_again());
        tasks.spawn(Arc::clone(&shared).keep_within_limits());
        tasks.close();
        Self { shared, tasks, _directory: directory }
    }

    /// Waits until everything up to `end` is here.
    async fn catch_up(&self, end: u64, patience: &mut Patience) -> Result<(), OpenError> {
        loop {
            let before = *self.shared.applied.borrow();
            let is_there = self.shared.wait_applied(end, Instant::now() + patience.limit()).await;
            let applied = *self.shared.applied.borrow();
            patience.came_to_event(applied);
            if is_there {
                return Ok(());
            }
            self.shared.check_open()?;
            if applied == before {
                return Err(OpenError::Slow("reading the events does not get on"));
            }
        }
    }

    /// Why catching up ended: another replica may have let go of what was to be read.
    async fn why_not(&self, error: OpenError, began_after: Trimmed) -> OpenError {
        match Trimmed::read(&self.shared.streams.state).await {
            Ok(now) if now.mark.position > began_after.mark.position => OpenError::Overtaken,
            Ok(_) | Err(_) => match error {
                OpenError::Content(LogError::Closed) => {
                    OpenError::Content(LogError::Corrupt { reason: self.shared.wrong() })
                }
                error => error,
            },
        }
    }
}

/// Runs what blocks.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, OpenError> + Send + 'static,
) -> Result<T, OpenError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| OpenError::setup(&error))?
}

/// What the stream's leader says, once it is certain that it leads.
pub(super) async fn certain_info(streams: &Streams, options: &JetStreamOptions) -> Result<Info, OpenError> {
    const NO_QUORUM: &str = "the stream has no leader with a quorum";
    let (began, deadline) = (Instant::now(), Instant::now() + options.patience);
    loop {
        let info = options.obstacle.unless_soon(connect::SILENT, streams.events.get_info()).await;
        if let Ok(info) = info
            && streams::is_certain(&info)
        {
            return Ok(info);
        }
        if began.elapsed() >= connect::PASSING {
            options.obstacle.met(NO_QUORUM);
        }
        if Instant::now() >= deadline {
            return Err(OpenError::Slow(NO_QUORUM));
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// A consumer that nobody has to remember.
pub(super) fn passing_consumer(deliver_policy: DeliverPolicy) -> pull::Config {
    pull::Config {
        deliver_policy,
        ack_policy: AckPolicy::None,
        inactive_threshold: Duration::from_secs(30),
        memory_storage: true,
        num_replicas: 1,
        ..pull::Config::default()
    }
}
