//! Opening and closing a log in a file, and what its store does outside of the writer thread.

use std::path::PathBuf;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, PoisonError, mpsc as std_mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::Connection;

use super::lock::{self, LockFile};
use super::queue::{Command, Queue};
use super::wal::{self, Checkpointer};
use super::writer::{Shared, Writer};
use crate::clock::Clock;
use crate::event::Observation;
use crate::hub::{DEFAULT_RING_EVENTS, Hub};
use crate::id::{Epoch, Lineage, ObservationId, Position};
use crate::log::event_log::{EventLog, LogParts};
use crate::log::metrics::LogMetrics;
use crate::log::retention::Retention;
use crate::log::store::{Bookmark, Bookmarks, Duty, Lease, Leases, LogError, Quarantine, Quarantined, Recorded, Store};
use crate::log::tables::error::{DamageReport, OpenError, ReadError, with_suffix};
use crate::log::tables::head_cache::HeadCache;
use crate::log::tables::reader::{MOST_PER_PAGE, Tables};
use crate::log::tables::schema::{self, Role, connect};
use crate::log::tables::{queries, row};
use crate::log::times::{RecordTimes, is_ahead};
use crate::log::trouble::{Condition, Troubles};
use crate::record::{decide, note_if_redundant};

/// How far the time of asking in the table may lag behind, in microseconds: a minute.
const ANSWER_LAG: i64 = 60 * 1_000_000;

/// Settings of a log in a file.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// The file, created if missing. Its folder has to exist, unless it is `gridgate-data`, which is created too.
    pub path: PathBuf,
    /// How long events are kept.
    pub retention: Retention,
    /// How many observations may wait for the writer: 8192; more wait for a place.
    pub queue: usize,
    /// How long an observation may wait for a place in the queue: 1 s.
    pub queue_wait: Duration,
    /// How many reads may run at once: 4.
    pub readers: u32,
    /// About how many heads are kept in memory: 100,000, of roughly 600 bytes each.
    pub cached_heads: usize,
    /// How many recent events streams find in memory: [`DEFAULT_RING_EVENTS`].
    pub ring_events: usize,
    /// Who observes what is recorded.
    pub metrics: LogMetrics,
}

impl SqliteOptions {
    /// The defaults, for this file.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            retention: Retention::default(),
            queue: 8192,
            queue_wait: Duration::from_secs(1),
            readers: 4,
            cached_heads: 100_000,
            ring_events: DEFAULT_RING_EVENTS,
            metrics: LogMetrics::default(),
        }
    }
}

/// Opens a log, creates it if there is none, and migrates its tables to this version. Blocks. Dropping the log closes it and waits
/// for what is queued; [`EventLog::close`] does so without blocking a thread.
///
/// # Errors
/// Another process has it open, or the file cannot be used as an event log.
pub fn open(options: SqliteOptions, clock: Arc<dyn Clock>) -> Result<EventLog, OpenError> {
    let metrics = options.metrics.clone();
    let (store, lineage) = SqliteStore::open(options, clock)?;
    Ok(event_log(Arc::new(store), lineage, metrics))
}

fn event_log(store: Arc<SqliteStore>, lineage: Lineage, metrics: LogMetrics) -> EventLog {
    EventLog::new(LogParts {
        reader: Arc::clone(&store.tables) as _,
        quarantine: Arc::clone(&store) as _,
        leases: Arc::clone(&store) as _,
        bookmarks: Arc::clone(&store) as _,
        hub: Arc::clone(&store.shared.hub),
        clock: Arc::clone(&store.shared.clock),
        store,
        lineage,
        metrics,
    })
}

/// The threads of an open log.
struct Threads {
    writer: JoinHandle<()>,
    checkpointer: JoinHandle<()>,
    stop_checkpointer: std_mpsc::Sender<()>,
    lock: Arc<LockFile>,
}

impl Threads {
    fn start(writer: Writer, queue: Queue, lock: Arc<LockFile>) -> Result<Self, OpenError> {
        let (stop_checkpointer, stop) = std_mpsc::channel();
        let connection = connect(lock.path(), Role::Checkpointer)?;
        let wal = with_suffix(lock.path(), "-wal");
        let checkpointer = Checkpointer { connection, wal, queue, stop, lock: Arc::clone(&lock) };
        let spawn = |name: &str| thread::Builder::new().name(name.to_owned());
        let checkpointer = spawn("log-checkpoint").spawn(move || checkpointer.run()).map_err(OpenError::Thread)?;
        let writer = spawn("log-writer").spawn(move || writer.run()).map_err(OpenError::Thread)?;
        Ok(Self { writer, checkpointer, stop_checkpointer, lock })
    }

    /// Waits for the threads. The readers have closed their connections, so the lock goes last.
    fn join(self) {
        let Self { writer, checkpointer, stop_checkpointer, lock } = self;
        let writer = writer.join();
        drop(stop_checkpointer);
        for (name, ended) in [("writer", writer), ("checkpointer", checkpointer.join())] {
            if ended.is_err() {
                tracing::error!(thread = name, "a thread of the event log panicked");
            }
        }
        drop(lock);
    }
}

/// The store of a log in a file.
struct SqliteStore {
    shared: Arc<Shared>,
    queue: Queue,
    tables: Arc<Tables>,
    /// The threads, until they are joined.
    threads: Mutex<Option<Threads>>,
}

impl SqliteStore {
    fn open(options: SqliteOptions, clock: Arc<dyn Clock>) -> Result<(Self, Lineage), OpenError> {
        let SqliteOptions { path, retention, queue, queue_wait, readers, cached_heads, ring_events, metrics: _ } =
            options;
        lock::prepare_folder(&path)?;
        let lock = Arc::new(LockFile::take(&path)?);
        let path = lock.path().to_owned();
        wal::log_lost_commits(&path);
        let mut connection = connect(&path, Role::Writer)?;
        schema::migrate(&mut connection, &path)?;
        if let Some(why) = schema::sealed(&connection, &path)? {
            return Err(OpenError::Sealed(why));
        }
        let reading = |error| OpenError::reading(&path, error);
        let lineage = lineage(&connection, clock.now()).map_err(reading)?;
        let (bounds, _) = queries::bounds(&connection).map_err(reading)?;
        let times = times(&connection, clock.as_ref()).map_err(reading)?;
        lock.note_wal()?;
        let heads = Arc::new(HeadCache::new(cached_heads));
        let damage = Arc::new(DamageReport::of(&path));
        let shared = Arc::new(Shared {
            clock,
            heads: Arc::clone(&heads),
            hub: Hub::new(bounds.end, ring_events),
            troubles: Troubles::default(),
            retention_behind: AtomicI64::new(0),
            damage: Arc::clone(&damage),
            closed_at: AtomicI64::new(i64::MAX),
            committing_since: AtomicI64::new(i64::MAX),
        });
        let (queue, commands) = Queue::new(queue, queue_wait);
        let writer =
            Writer::new(connection, Arc::clone(&lock), commands, Arc::clone(&shared), retention, bounds.end, times);
        let threads = Threads::start(writer, queue.clone(), Arc::clone(&lock))?;
        let tables = Arc::new(Tables::new(path, readers, heads).of_file(lock, damage));
        Ok((Self { shared, queue, tables, threads: Mutex::new(Some(threads)) }, lineage))
    }

    fn take_threads(&self) -> Option<Threads> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        if let Some(threads) = self.take_threads() {
            // Not every thread that drops this may block on a full queue.
            while !self.queue.try_send(Command::Close) {
                thread::sleep(Duration::from_millis(1));
            }
            self.tables.close_idle();
            threads.join();
        }
    }
}

/// Bounds for the times of the next events.
fn times(connection: &Connection, clock: &dyn Clock) -> Result<RecordTimes, ReadError> {
    let now = clock.now();
    let last = queries::recorded_last(connection, Timestamp::MAX)?.unwrap_or(Timestamp::MIN);
    // If all events lie in the future, the present clock is the wrong one.
    let floor = if is_ahead(last, now) { queries::recorded_last(connection, now)?.unwrap_or(last) } else { last };
    Ok(RecordTimes::new(last, floor, clock))
}

/// The log's lineage; a new log gets a new epoch.
fn lineage(connection: &Connection, now: Timestamp) -> Result<Lineage, ReadError> {
    if let Some(lineage) = schema::lineage(connection)? {
        return Ok(lineage);
    }
    let lineage = Lineage::new(Epoch::random());
    schema::insert_lineage(connection, &lineage, now)?;
    Ok(lineage)
}

#[async_trait]
impl Store for SqliteStore {
    async fn record(&self, observation: Observation) -> Result<Recorded, LogError> {
        if Store::note_if_redundant(self, &observation) {
            return if self.queue.is_closed() { Err(LogError::Closed) } else { Ok(Recorded::Redundant) };
        }
        self.queue.record(observation).await
    }

    // False where only the writer can tell, which may have decided about the head in the meantime.
    fn note_if_redundant(&self, observation: &Observation) -> bool {
        let key = observation.entity();
        let noted = self.shared.heads.note(&key, |cached| {
            let head = cached.head();
            let is_redundant = note_if_redundant(head, observation, &decide(Some(head), observation));
            is_redundant.then(|| cached.needs_saving(ANSWER_LAG))
        });
        if noted == Some(true) {
            // Only saves a question after a restart, so it is dropped when the queue is full.
            let _ = self.queue.try_send(Command::SaveAnswer(key));
        }
        noted.is_some()
    }

    async fn wait_until_read(&self, _position: Position) -> Result<(), LogError> {
        Ok(())
    }

    fn as_of(&self) -> Timestamp {
        self.shared.known_until()
    }

    fn condition(&self) -> Condition {
        self.shared.troubles.condition(&self.shared.retention_behind)
    }

    async fn maintain(&self) -> Result<(), LogError> {
        let (reply, done) = tokio::sync::oneshot::channel();
        self.queue.send_last(Command::Maintain(Some(reply))).await?;
        done.await.map_err(|_| LogError::Closed)
    }

    async fn closed(&self) {
        self.queue.closed().await;
    }

    async fn close(&self) {
        // Fails if the writer has ended already.
        let _ = self.queue.send_last(Command::Close).await;
        self.tables.close().await;
        if let Some(threads) = self.take_threads() {
            // The writer only finishes what is queued.
            let _ = tokio::task::spawn_blocking(move || threads.join()).await;
        }
    }
}

#[async_trait]
impl Quarantine for SqliteStore {
    async fn add(&self, webhook: Quarantined) -> Result<bool, LogError> {
        if self.shared.troubles.is_full() {
            self.shared.troubles.refused();
            return Err(LogError::Full);
        }
        self.queue.write(move |connection| row::insert_quarantined(connection, webhook)).await
    }

    async fn page(&self, after: Option<&ObservationId>, limit: usize) -> Result<Vec<Quarantined>, LogError> {
        let (after, limit) = (after.cloned(), limit.clamp(1, MOST_PER_PAGE));
        self.tables.run(move |connection| queries::quarantined(connection, after.as_ref(), limit)).await
    }

    async fn find(&self, id: &ObservationId) -> Result<Option<Quarantined>, LogError> {
        let id = id.clone();
        self.tables.run(move |connection| queries::find_quarantined(connection, &id)).await
    }

    async fn count(&self, most: usize) -> Result<usize, LogError> {
        self.tables.run(move |connection| queries::count_quarantined(connection, most)).await
    }

    async fn remove(&self, id: &ObservationId) -> Result<bool, LogError> {
        let id = id.clone();
        let sql = "DELETE FROM quarantine WHERE id = ?1";
        self.queue.write(move |connection| Ok(connection.execute(sql, [id.as_str()])? > 0)).await
    }
}

/// The lock on the file is the lease: no other process can have the log open.
#[async_trait]
impl Leases for SqliteStore {
    async fn acquire(&self, duty: Duty, _ttl: Duration) -> Result<Option<Lease>, LogError> {
        if self.queue.is_closed() {
            return Err(LogError::Closed);
        }
        Ok(Some(Lease { duty, until: None, revision: 0 }))
    }

    async fn renew(&self, lease: Lease, _ttl: Duration) -> Result<Option<Lease>, LogError> {
        Ok(Some(lease))
    }

    async fn release(&self, _lease: Lease) -> Result<(), LogError> {
        Ok(())
    }
}

#[async_trait]
impl Bookmarks for SqliteStore {
    async fn get(&self, bookmark: Bookmark) -> Result<Option<Timestamp>, LogError> {
        self.tables.run(move |connection| queries::bookmark(connection, bookmark)).await
    }

    async fn set(&self, bookmark: Bookmark, at: Timestamp) -> Result<(), LogError> {
        self.queue.write(move |connection| row::set_bookmark(connection, bookmark, at)).await
    }
}

#[cfg(test)]
mod tests;
