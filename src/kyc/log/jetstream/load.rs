//! Opening: the streams, the heads whose events are gone, then every event there is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::Info;
use futures_util::StreamExt as _;
use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Duration, Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::streams::{self, Names, Origin, SEALED_KEY, Streams};
use super::turns::Turns;
use super::{JetStreamLog, JetStreamOptions, OpenError, Shared, connect, message};
use crate::kyc::clock::Clock;
use crate::kyc::head::Head;
use crate::kyc::hub::Hub;
use crate::kyc::log::LogError;
use crate::kyc::log::jetstream::retention::Trimmed;
use crate::kyc::log::sqlite::view::{Durability, View};

/// How many publishes may be under way; more would only wait in the server, and be taken for lost there.
const PUBLISHING: usize = 1024;

/// What a log is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kyc::log) enum Use {
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
    pub(in crate::kyc::log) async fn open_as(
        options: JetStreamOptions,
        clock: Arc<dyn Clock>,
        what_for: Use,
    ) -> Result<Self, OpenError> {
        let deadline = Instant::now() + options.patience;
        loop {
            match Self::try_open(options.clone(), Arc::clone(&clock), what_for).await {
                // Servers that are just finding each other refuse for a while.
                Err(error @ (OpenError::Setup { .. } | OpenError::Content(LogError::Unavailable { .. }))) => {
                    if Instant::now() >= deadline {
                        return Err(error);
                    }
                    tracing::debug!(%error, "opening the event log begins again");
                    sleep(Duration::from_millis(250)).await;
                }
                result => return result,
            }
        }
    }

    async fn try_open(options: JetStreamOptions, clock: Arc<dyn Clock>, what_for: Use) -> Result<Self, OpenError> {
        let names = Names::new(&options.prefix)?;
        let client = connect::connect(&options.servers, &options.access, options.patience).await?;
        let context = connect::jetstream(&client);
        let streams = streams::set_up(&context, &names, &options, Origin::fresh()).await?;
        let asked_at = clock.now();
        let info = certain_info(&streams, options.patience).await?;
        if let Some(why) = info.config.metadata.get(SEALED_KEY).filter(|_| what_for == Use::ReadAndWrite) {
            return Err(OpenError::Sealed(why.clone()));
        }
        let lineage = streams::lineage(&info)?;
        let trimmed = Trimmed::read(&streams.state).await?;
        let first = info.state.first_sequence.max(1) - 1;
        if trimmed.mark.position.get() < first {
            return Err(OpenError::Gone { first, kept: trimmed.mark.position.get() });
        }
        let directory = tempfile::Builder::new().prefix("gridgate-view-").tempdir().map_err(OpenError::Directory)?;
        let path = directory.path().join("events.db");
        let heads = read_heads(&streams, &trimmed, options.patience).await?;
        let view = {
            let (lineage, cached_heads) = (lineage.clone(), options.cached_heads);
            let fill = move || -> Result<View, OpenError> {
                let view = View::open(&path, &lineage, Durability::Disposable, cached_heads)?;
                view.put_heads(&heads)?;
                view.trim(trimmed.mark, trimmed.recorded_at)?;
                Ok(view)
            };
            Arc::new(tokio::task::spawn_blocking(fill).await.map_err(|error| OpenError::setup(&error))??)
        };
        let shared = Arc::new(Shared {
            clock,
            client,
            names,
            streams,
            retention: options.retention,
            lease: options.lease,
            record_wait: options.record_wait,
            lineage,
            hub: Hub::new(trimmed.mark, options.ring_events),
            view,
            turns: Turns::default(),
            writer: Uuid::new_v4().simple().to_string(),
            publishing: Semaphore::new(PUBLISHING),
            records: AtomicU64::new(0),
            applied: watch::Sender::new(trimmed.mark.position.get()),
            recorded_at: AtomicI64::new(trimmed.recorded_at.as_microsecond()),
            as_of: AtomicI64::new(Timestamp::MIN.as_microsecond()),
            full: AtomicBool::new(false),
            bytes: AtomicI64::new(0),
            look: Notify::new(),
            stalled: Notify::new(),
            closing: CancellationToken::new(),
        });
        let tasks = TaskTracker::new();
        tasks.spawn(Arc::clone(&shared).follow());
        tasks.spawn(Arc::clone(&shared).probe());
        tasks.spawn(Arc::clone(&shared).keep_within_limits());
        tasks.close();
        let log = Self { shared, tasks, _directory: directory };
        log.catch_up(info.state.last_sequence, options.patience).await?;
        log.shared.knew_the_end(asked_at);
        Ok(log)
    }

    /// Waits until everything up to `end` is here.
    async fn catch_up(&self, end: u64, patience: Duration) -> Result<(), OpenError> {
        loop {
            let before = *self.shared.applied.borrow();
            if self.shared.wait_applied(end, Instant::now() + patience).await {
                return Ok(());
            }
            self.shared.check_open()?;
            if *self.shared.applied.borrow() == before {
                return Err(OpenError::Slow("reading the events does not get on"));
            }
        }
    }
}

/// What the stream's leader says, once it is certain that it leads.
pub(super) async fn certain_info(streams: &Streams, patience: Duration) -> Result<Info, OpenError> {
    let deadline = Instant::now() + patience;
    loop {
        if let Ok(info) = streams.events.get_info().await
            && streams::is_certain(&info)
        {
            return Ok(info);
        }
        if Instant::now() >= deadline {
            return Err(OpenError::Slow("the stream has no leader with a quorum"));
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

/// The heads of entities whose events are all gone.
async fn read_heads(streams: &Streams, trimmed: &Trimmed, patience: Duration) -> Result<Vec<Head>, OpenError> {
    let info = streams.heads.get_info().await.map_err(|error| OpenError::setup(&error))?;
    let mut heads = Vec::new();
    let mut missing = info.state.messages;
    if missing == 0 {
        return Ok(heads);
    }
    let consumer = streams.heads.create_consumer(passing_consumer(DeliverPolicy::All)).await;
    let consumer = consumer.map_err(|error| OpenError::setup(&error))?;
    let messages = consumer.stream().max_messages_per_batch(1000).heartbeat(Duration::from_secs(2)).messages().await;
    let mut messages = messages.map_err(|error| OpenError::setup(&error))?;
    while missing > 0 {
        let next = tokio::time::timeout(patience, messages.next()).await;
        let next = next.map_err(|_| OpenError::Slow("reading the heads does not get on"))?;
        let message = next.ok_or(OpenError::Slow("reading the heads ended early"))?;
        let message = message.map_err(|error| OpenError::setup(&error))?;
        missing = message.info().map_err(|error| OpenError::Setup { reason: error.to_string() })?.pending;
        let head = message::decode_head(&message.payload).map_err(|error| OpenError::setup(&error))?;
        // Those with an event that is still there come with it.
        if head.last_event <= trimmed.mark.position {
            heads.push(head);
        }
    }
    Ok(heads)
}
