//! Opening a log: its streams, what is remembered of deleted events, and then every event there is. And closing it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::jetstream::stream::{Info, Stream};
use async_trait::async_trait;
use futures_util::StreamExt as _;
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::TaskTracker;

use super::buckets::Buckets;
use super::capacity::Capacity;
use super::follow::ephemeral_consumer;
use super::names::Names;
use super::options::{JetStreamOptions, OpenError};
use super::replica::{Found, Replica};
use super::retention::Deleted;
use super::streams::{self, Beginning, SEALED_KEY, Streams, certain_info};
use super::{connect, message};
use crate::clock::Clock;
use crate::event::Observation;
use crate::head::Head;
use crate::id::Position;
use crate::log::event_log::{EventLog, LogParts};
use crate::log::store::{LogError, Recorded, Store};
use crate::log::tables::mirror::Mirror;
use crate::log::trouble::Condition;

const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// The minimum number of tries.
const TRIES: u32 = 5;
/// How long the tasks may take to end.
const ENDING: Duration = Duration::from_secs(5);

/// Opens a log, creates its streams if they are missing, and reads all of it into tables of this replica. Dropping the log ends its
/// tasks; [`EventLog::close`] also waits for them.
///
/// # Errors
/// NATS cannot be reached, or a stream there is configured otherwise.
pub async fn open(options: JetStreamOptions, clock: Arc<dyn Clock>) -> Result<EventLog, OpenError> {
    Ok(open_with_tables(options, clock, false).await?.0)
}

/// Opens a log, and returns its tables too.
pub(crate) async fn open_with_tables(
    options: JetStreamOptions,
    clock: Arc<dyn Clock>,
    may_be_sealed: bool,
) -> Result<(EventLog, Arc<Mirror>), OpenError> {
    let store = Arc::new(JetStreamStore::open(&options, &clock, may_be_sealed).await?);
    let (replica, mirror) = (&store.replica, Arc::clone(&store.replica.mirror));
    let buckets = Arc::new(Buckets {
        client: replica.client.clone(),
        streams: replica.streams.clone(),
        capacity: Arc::clone(&replica.capacity),
        writer: replica.writer.clone(),
        lease: replica.options.lease,
        closing: replica.closing.clone(),
    });
    let log = EventLog::new(LogParts {
        reader: Arc::clone(mirror.tables()) as _,
        quarantine: Arc::clone(&buckets) as _,
        leases: Arc::clone(&buckets) as _,
        bookmarks: buckets,
        hub: Arc::clone(&replica.hub),
        lineage: replica.lineage.clone(),
        store,
        clock,
        metrics: options.metrics,
    });
    Ok((log, mirror))
}

/// The store of a log on JetStream.
struct JetStreamStore {
    replica: Arc<Replica>,
    tasks: TaskTracker,
    /// Holds this replica's tables.
    _directory: TempDir,
}

impl Drop for JetStreamStore {
    fn drop(&mut self) {
        self.replica.close();
    }
}

impl JetStreamStore {
    async fn open(options: &JetStreamOptions, clock: &Arc<dyn Clock>, may_be_sealed: bool) -> Result<Self, OpenError> {
        let (mut budget, mut wait) = (RetryBudget::new(options.patience), FIRST_WAIT);
        loop {
            match Self::try_open(options, Arc::clone(clock), may_be_sealed, &mut budget).await {
                // Servers that are just finding each other refuse for a while.
                Err(
                    error @ (OpenError::Setup { .. }
                    | OpenError::Overtaken
                    | OpenError::Content(LogError::Unavailable { .. })),
                ) => {
                    if budget.is_spent() {
                        return Err(error);
                    }
                    options.obstacle.met(&error.to_string());
                    sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
                result => {
                    options.obstacle.is_over();
                    return result;
                }
            }
        }
    }

    async fn try_open(
        options: &JetStreamOptions,
        clock: Arc<dyn Clock>,
        may_be_sealed: bool,
        budget: &mut RetryBudget,
    ) -> Result<Self, OpenError> {
        let names = Names::new(&options.prefix)?;
        let client = connect::connect(options).await?;
        let context = connect::jetstream(&client);
        let streams = streams::set_up(&context, &names, options, Beginning::fresh()).await?;
        let asked_at = clock.now();
        let info = certain_info(&streams, options).await?;
        if let Some(why) = info.config.metadata.get(SEALED_KEY).filter(|_| !may_be_sealed) {
            return Err(OpenError::Sealed(why.clone()));
        }
        let lineage = streams::lineage(&info)?;
        let directory = tempfile::Builder::new().prefix("gridgate-view-").tempdir().map_err(OpenError::Directory)?;
        let path = directory.path().join("events.db");
        let (of_log, cached_heads) = (lineage.clone(), options.cached_heads);
        let mirror = blocking(move || Ok(Mirror::of_replica(&path, &of_log, cached_heads)?)).await?;
        let mirror = Arc::new(mirror);
        let deleted = read_deleted(&streams, &mirror, &info, budget).await?;
        let capacity = Capacity::of(&info);
        let found =
            Found { client, names, streams, lineage, mirror, capacity, deleted: (deleted.mark, deleted.recorded_at) };
        let store = Self::start(Arc::new(Replica::new(options.clone(), clock, found)), directory);
        let replica = &store.replica;
        let caught_up = catch_up(replica, info.state.last_sequence, budget).await;
        replica.reports_failures.store(true, Ordering::Relaxed);
        if let Err(error) = caught_up.and_then(|()| Ok(replica.check_open()?)) {
            store.close().await;
            return Err(explain(replica, error, deleted).await);
        }
        replica.begin_after_what_was_read().await?;
        replica.is_open.store(true, Ordering::Relaxed);
        replica.check_retention.notify_one();
        replica.knew_the_end(asked_at);
        Ok(store)
    }

    /// Starts to follow the stream.
    fn start(replica: Arc<Replica>, directory: TempDir) -> Self {
        let tasks = TaskTracker::new();
        tasks.spawn(Arc::clone(&replica).follow());
        tasks.spawn(Arc::clone(&replica).probe());
        tasks.spawn(Arc::clone(&replica).retry_stream());
        tasks.spawn(Arc::clone(&replica).keep_within_limits());
        tasks.close();
        Self { replica, tasks, _directory: directory }
    }
}

/// Waits until this replica has read everything up to `end`.
async fn catch_up(replica: &Replica, end: u64, budget: &mut RetryBudget) -> Result<(), OpenError> {
    loop {
        let before = *replica.applied.borrow();
        let is_there = replica.wait_applied(end, Instant::now() + budget.limit).await;
        let applied = *replica.applied.borrow();
        budget.read_event(applied);
        if is_there {
            return Ok(());
        }
        replica.check_open()?;
        if applied == before {
            return Err(OpenError::Slow("reading the events makes no progress"));
        }
    }
}

/// Why catching up failed: perhaps because another replica has deleted events that were to be read.
async fn explain(replica: &Replica, error: OpenError, began_after: Deleted) -> OpenError {
    match Deleted::read(&replica.streams.state).await {
        Ok(now) if now.mark.position > began_after.mark.position => OpenError::Overtaken,
        Ok(_) | Err(_) => match error {
            OpenError::Content(LogError::Closed) => OpenError::Content(LogError::Corrupt { reason: replica.failure() }),
            error => error,
        },
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, OpenError> + Send + 'static,
) -> Result<T, OpenError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| OpenError::setup(&error))?
}

/// Reads what is remembered of deleted events into this replica's tables: the mark of the last one, and the heads of entities without
/// a later event. `info` is what the events' stream said before.
///
/// Other replicas delete more meanwhile, since reading many heads takes long. So heads that are kept meanwhile are read too, until
/// nothing more was deleted. Events deleted after that are read as events, or are missed, which following the stream detects.
async fn read_deleted(
    streams: &Streams,
    mirror: &Arc<Mirror>,
    info: &Info,
    budget: &mut RetryBudget,
) -> Result<Deleted, OpenError> {
    let mut deleted = Deleted::read(&streams.state).await?;
    let first = info.state.first_sequence.max(1) - 1;
    let kept = deleted.mark.position.get();
    if kept < first {
        return Err(OpenError::Gone { first, kept });
    }
    let (mut read_to, mut heads) = (0, Vec::new());
    loop {
        read_heads(&streams.heads, &mut read_to, &mut heads, budget).await?;
        // The events of the others still exist, and come with their heads.
        let is_due = |head: &Arc<Head>| head.last_event <= deleted.mark.position;
        let (due, later): (Vec<_>, _) = heads.into_iter().partition(is_due);
        heads = later;
        let tables = Arc::clone(mirror);
        blocking(move || Ok(tables.put_heads(&due)?)).await?;
        let now = Deleted::read(&streams.state).await?;
        if now == deleted {
            break;
        }
        deleted = now;
    }
    let tables = Arc::clone(mirror);
    blocking(move || Ok(tables.trim(deleted.mark, deleted.recorded_at)?)).await?;
    budget.read_event(deleted.mark.position.get());
    Ok(deleted)
}

/// Reads the heads that were kept after the sequence `read_to`.
async fn read_heads(
    stream: &Stream,
    read_to: &mut u64,
    heads: &mut Vec<Arc<Head>>,
    budget: &mut RetryBudget,
) -> Result<(), OpenError> {
    let info = stream.get_info().await.map_err(|error| OpenError::setup(&error))?;
    if info.state.messages == 0 || info.state.last_sequence <= *read_to {
        return Ok(());
    }
    let consumer = stream.create_consumer(ephemeral_consumer(*read_to + 1)).await;
    let consumer = consumer.map_err(|error| OpenError::setup(&error))?;
    let mut missing = consumer.cached_info().num_pending;
    let messages = consumer.stream().max_messages_per_batch(1000).heartbeat(Duration::from_secs(2)).messages().await;
    let mut messages = messages.map_err(|error| OpenError::setup(&error))?;
    while missing > 0 {
        let next = timeout(budget.limit, messages.next()).await;
        let next = next.map_err(|_| OpenError::Slow("reading the heads makes no progress"))?;
        let message = next.ok_or(OpenError::Slow("reading the heads ended early"))?;
        let message = message.map_err(|error| OpenError::setup(&error))?;
        let info = message.info().map_err(|error| OpenError::Setup { reason: error.to_string() })?;
        (*read_to, missing) = (info.stream_sequence, info.pending);
        budget.read_head(*read_to);
        heads.push(Arc::new(message::decode_head(&message.payload).map_err(|error| OpenError::setup(&error))?));
    }
    Ok(())
}

#[async_trait]
impl Store for JetStreamStore {
    async fn record(&self, observation: Observation) -> Result<Recorded, LogError> {
        self.replica.record(observation).await
    }

    fn note_if_redundant(&self, observation: &Observation) -> bool {
        self.replica.is_noted(observation)
    }

    async fn wait_until_read(&self, position: Position) -> Result<(), LogError> {
        self.replica.wait_until_read(position).await
    }

    fn as_of(&self) -> Timestamp {
        self.replica.as_of()
    }

    fn condition(&self) -> Condition {
        self.replica.capacity.troubles().condition(&self.replica.retention_behind)
    }

    async fn maintain(&self) -> Result<(), LogError> {
        self.replica.maintain().await
    }

    async fn closed(&self) {
        self.replica.closing.cancelled().await;
    }

    async fn close(&self) {
        self.replica.closing.cancel();
        // A task that does not end is waiting for NATS, and ends with the connection.
        if timeout(ENDING, self.tasks.wait()).await.is_err() {
            tracing::warn!("a task of the event log did not end in time");
        }
        self.replica.hub.close();
        self.replica.mirror.tables().close().await;
    }
}

/// How long opening may go on failing: counted not from its beginning, since reading a large log takes long, but from its last progress.
#[derive(Debug)]
struct RetryBudget {
    /// Also the time that one step may take.
    limit: Duration,
    /// The furthest head and event that any try has read.
    head: u64,
    event: u64,
    /// Whether this try got further than those before it.
    has_progress: bool,
    since: Instant,
    tries: u32,
}

impl RetryBudget {
    fn new(limit: Duration) -> Self {
        Self { limit, head: 0, event: 0, has_progress: false, since: Instant::now(), tries: 0 }
    }

    /// The heads were read up to this sequence of their stream.
    fn read_head(&mut self, sequence: u64) {
        self.has_progress |= sequence > self.head;
        self.head = self.head.max(sequence);
    }

    /// The events were read up to this sequence, or are deleted up to it.
    fn read_event(&mut self, sequence: u64) {
        self.has_progress |= sequence > self.event;
        self.event = self.event.max(sequence);
    }

    /// A try failed. Whether it was the last.
    fn is_spent(&mut self) -> bool {
        if std::mem::take(&mut self.has_progress) {
            (self.since, self.tries) = (Instant::now(), 0);
            return false;
        }
        self.tries += 1;
        self.tries >= TRIES && self.since.elapsed() >= self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_spent_when_tries_fail_for_long_that_get_no_further() {
        let mut budget = RetryBudget::new(Duration::from_secs(30));
        for round in 1..4 {
            budget.read_head(10);
            budget.read_event(round);
            tokio::time::advance(Duration::from_secs(100)).await;
            assert!(!budget.is_spent(), "it got further");
            for _ in 1..TRIES {
                budget.read_event(round);
                tokio::time::advance(Duration::from_secs(10)).await;
                assert!(!budget.is_spent(), "{budget:?}");
            }
        }
        assert!(budget.is_spent());
    }

    #[tokio::test(start_paused = true)]
    async fn many_tries_do_not_spend_it_before_its_time() {
        let mut budget = RetryBudget::new(Duration::from_secs(30));
        for _ in 0..29 {
            tokio::time::advance(Duration::from_secs(1)).await;
            assert!(!budget.is_spent());
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(budget.is_spent());
    }
}
