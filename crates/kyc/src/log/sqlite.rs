//! The event log in one SQLite file, for one process.
//!
//! One thread writes, and commits whatever has queued; a few connections read short pages; a third kind moves the
//! write-ahead log into the file. A lock beside the file keeps a second process out, and `sqlite3` can look at any time: the
//! tables, and the views `events_readable` and `heads_readable`, are made to be read.

mod batch;
mod checkpoint;
mod damage;
mod failure;
pub(super) mod folder;
mod heads;
mod lock;
mod queries;
mod readers;
mod retention;
mod row;
mod schema;
mod store;
pub(super) mod view;
mod wal;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc as std_mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::mpsc;

use self::checkpoint::Checkpointer;
use self::heads::Heads;
pub(super) use self::lock::LockFile;
pub(super) use self::queries::Which;
use self::readers::Readers;
pub use self::retention::{IDS_KEPT, Retention};
pub(super) use self::retention::{Pace, up_to_go};
use self::schema::{Role, connect};
use self::writer::{Command, Writer};
use crate::clock::Clock;
use crate::hub::{DEFAULT_RING_EVENTS, Hub};
use crate::id::{Epoch, Lineage};
use crate::log::LogError;
use crate::log::times::{RecordTimes, is_ahead};
use crate::log::trouble::{Condition, Trouble, Troubles};

/// How a log in a file is to be kept. Made with [`SqliteOptions::at`], and then changed where the defaults do not suit.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// The file; made when it is not there. Its folder has to be there, unless it is `gridgate-data`, which is made too.
    pub path: PathBuf,
    /// How long events are kept.
    pub retention: Retention,
    /// How many observations may wait for the writer; more wait for a place in the queue, for at most `queue_wait`.
    pub queue: usize,
    /// How long an observation may wait for a place in the queue.
    pub queue_wait: Duration,
    /// How many reads may run at once.
    pub readers: u32,
    /// About how many heads are kept in memory (roughly 600 bytes each).
    pub cached_heads: usize,
    /// How many recent events streams find in memory.
    pub ring_events: usize,
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
        }
    }
}

/// Why a log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("another process has this event log open (it holds the lock {path})", path = path.display())]
    InUse {
        /// The lock, or the file itself.
        path: PathBuf,
    },
    /// The file has several names, of which each would have a write-ahead log of its own.
    #[error(
        "the event log {path} has {names} names (hard links): what was recorded last is in a file beside one of them, and would \
         be missed under the others; remove all but the one that has a file ending with -wal beside it, if any has, or make a \
         copy with sqlite3 and .backup",
        path = path.display()
    )]
    HardLinks {
        /// The file.
        path: PathBuf,
        /// How many names it has.
        names: u64,
    },
    /// The file is damaged.
    #[error("the event log {path} is damaged: {found}. {ways}", path = path.display(), ways = damage::ways_on(path))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How the damage shows, without any content of the file.
        found: String,
    },
    /// The folder of its file does not exist.
    #[error(
        "{path}: there is no such folder; make it or mount it first (gridgate creates no folder but {own})",
        path = path.display(),
        own = folder::OWN
    )]
    NoFolder {
        /// The folder.
        path: PathBuf,
    },
    /// What should be the folder of its file is something else.
    #[error("{path} is not a folder", path = path.display())]
    NotAFolder {
        /// What is there instead.
        path: PathBuf,
    },
    /// A file or directory could not be made or opened.
    #[error("{path} cannot be opened", path = path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It was written by a newer gridgate.
    #[error(
        "the event log {path} was written by a newer gridgate: its schema version is {found}, and this one knows only up to \
         {known}; start the newer one, or restore a backup from before it",
        path = path.display()
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// The file's version.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// It is another program's database.
    #[error("{path} is an SQLite database, but no event log of gridgate", path = path.display())]
    NotAnEventLog {
        /// The file.
        path: PathBuf,
    },
    /// Nothing may be written to it.
    #[error("the event log is sealed: {0}")]
    Sealed(String),
    /// The file system does not support what a write-ahead log needs.
    #[error("the file system of the event log does not support a write-ahead log; a local disk is needed")]
    NoWriteAheadLog,
    /// SQLite could not open or read it.
    #[error(
        "SQLite cannot use {path}, or a file beside it (-wal, -shm): {reason}; see who may write there, and whether there is room",
        path = path.display()
    )]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// SQLite's words for the kind of error.
        reason: String,
    },
    /// What it holds cannot be read.
    #[error(transparent)]
    Content(LogError),
    /// A thread could not be started.
    #[error("a thread could not be started")]
    Thread(#[source] std::io::Error),
}

/// What the threads share.
struct Shared {
    clock: Arc<dyn Clock>,
    heads: Heads,
    hub: Arc<Hub>,
    troubles: Troubles,
    /// By how many microseconds retention lags behind the clock.
    retention_behind: AtomicI64,
    /// The file, to name it where it turns out to be damaged.
    path: PathBuf,
    /// Whether that was said.
    damage_logged: AtomicBool,
    /// When the log was closed, in microseconds; `i64::MAX` while it is open.
    closed_at: AtomicI64,
    /// Since when the writer has had a batch that is not published yet, in microseconds; `i64::MAX` while it has none.
    committing_since: AtomicI64,
}

impl Shared {
    /// Logs once that the file is damaged, and what to do.
    fn log_damage(&self, found: &str) {
        if !self.damage_logged.swap(true, Ordering::Relaxed) {
            let (path, ways) = (self.path.display(), damage::ways_on(&self.path));
            tracing::error!("the event log {path} is damaged: {found}. {ways}");
        }
    }

    fn closed(&self) {
        self.closed_at.fetch_min(self.clock.now().as_microsecond(), Ordering::Relaxed);
        self.hub.close();
    }

    /// Until when everything that was recorded has been published: until now, unless a batch is on its way or the log is
    /// closed. Whoever reads the hub's end after this finds it there.
    fn known_until(&self) -> Timestamp {
        // In this order. A batch that is not seen here yet is recorded later than this.
        let now = self.clock.now();
        let limit = self.committing_since.load(Ordering::SeqCst).min(self.closed_at.load(Ordering::SeqCst));
        Timestamp::from_microsecond(limit).map_or(now, |limit| limit.min(now))
    }
}

/// The threads of an open log, and what they are ended by.
struct Threads {
    writer: JoinHandle<()>,
    checkpointer: JoinHandle<()>,
    stop_checkpointer: std_mpsc::Sender<()>,
    lock: Arc<LockFile>,
}

impl Threads {
    /// Waits for both; the lock goes last, when no connection is left: those for reading have it too.
    fn join(self) {
        let Self { writer, checkpointer, stop_checkpointer, lock } = self;
        for (name, thread) in [("writer", writer), ("checkpointer", checkpointer)] {
            if name == "checkpointer" {
                // Its other end goes away with this; the writer has ended.
                let _ = stop_checkpointer.send(());
            }
            if thread.join().is_err() {
                tracing::error!(thread = name, "a thread of the event log panicked");
            }
        }
        drop(lock);
    }
}

/// An event log in a file. Dropping it closes it, and waits for what is queued; [`close`](crate::log::EventLog::close)
/// does so without blocking the caller's thread.
pub struct SqliteLog {
    shared: Arc<Shared>,
    lineage: Lineage,
    commands: mpsc::Sender<Command>,
    queue_wait: Duration,
    readers: Readers,
    /// The threads, until they are joined.
    threads: Mutex<Option<Threads>>,
}

impl std::fmt::Debug for SqliteLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteLog").field("lineage", &self.lineage).finish_non_exhaustive()
    }
}

impl SqliteLog {
    /// Opens the log, makes it if there is none, and brings its tables to this version. Blocks while it does.
    ///
    /// # Errors
    /// When another process has it, or the file cannot be used as an event log.
    pub fn open(options: SqliteOptions, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let SqliteOptions { path, retention, queue, queue_wait, readers, cached_heads, ring_events } = options;
        folder::prepare(&path)?;
        let lock = Arc::new(LockFile::take(&path)?);
        let path = lock.path().to_owned();
        tell_of_lost_commits(&path);
        let mut connection = connect(&path, Role::Writer)?;
        schema::migrate(&mut connection, &path)?;
        if let Some(why) = schema::sealed(&connection, &path)? {
            return Err(OpenError::Sealed(why));
        }
        let lineage = lineage(&connection, &path, clock.now())?;
        let read =
            queries::bounds(&connection).and_then(|(bounds, _)| Ok((bounds, times(&connection, clock.as_ref())?)));
        let (bounds, times) = read.map_err(|error| content(&path, error))?;
        lock.note_wal()?;
        let shared = Arc::new(Shared {
            clock,
            heads: Heads::new(cached_heads),
            hub: Hub::new(bounds.end, ring_events),
            troubles: Troubles::default(),
            retention_behind: AtomicI64::new(0),
            path: path.clone(),
            damage_logged: AtomicBool::new(false),
            closed_at: AtomicI64::new(i64::MAX),
            committing_since: AtomicI64::new(i64::MAX),
        });
        let (commands, receiver) = mpsc::channel(queue.max(1));
        let writer =
            Writer::new(connection, Arc::clone(&lock), receiver, Arc::clone(&shared), retention, bounds.end, times);
        let threads = start(writer, commands.clone(), Arc::clone(&lock))?;
        let readers = Readers::of_log(path, readers, lock);
        Ok(Self { shared, lineage, commands, queue_wait, readers, threads: Mutex::new(Some(threads)) })
    }

    /// Whether the size limit is reached and nothing new is taken.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.shared.troubles.is_full()
    }

    /// How the log is doing.
    fn condition_now(&self) -> Condition {
        let full = self.shared.troubles.is_full().then_some(Trouble::SizeLimit);
        let trouble = self.shared.troubles.of_store().or(full);
        let behind = u64::try_from(self.shared.retention_behind.load(Ordering::Relaxed)).unwrap_or(0);
        Condition { trouble, retention_behind: Duration::from_micros(behind) }
    }

    /// Says once that the log is damaged, if this error says so.
    fn note_damage(&self, error: LogError) -> LogError {
        if let LogError::Corrupt { reason } = &error {
            self.shared.log_damage(reason);
        }
        error
    }

    /// Lets go of everything that retention lets go of now, and returns when that is done. It is also done by itself.
    ///
    /// # Errors
    /// When the log is closed.
    pub async fn maintain(&self) -> Result<(), LogError> {
        let (reply, done) = tokio::sync::oneshot::channel();
        self.commands.send(Command::Maintain(Some(reply))).await.map_err(|_| LogError::Closed)?;
        done.await.map_err(|_| LogError::Closed)
    }

    fn take_threads(&self) -> Option<Threads> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for SqliteLog {
    fn drop(&mut self) {
        if let Some(threads) = self.take_threads() {
            // The queue may be full, and blocking for a place in it is not allowed on every thread this can happen on.
            while let Err(mpsc::error::TrySendError::Full(_)) = self.commands.try_send(Command::Close) {
                thread::sleep(Duration::from_millis(1));
            }
            self.readers.let_go();
            threads.join();
        }
    }
}

/// Says that commits cannot be read, which SQLite will drop.
fn tell_of_lost_commits(path: &Path) {
    let wal = damage::with_suffix(path, "-wal");
    let commits = wal::commits_after_damage(&wal);
    if commits > 0 {
        let (path, wal) = (path.display(), wal.display());
        tracing::error!(
            commits,
            "the event log {path} is damaged: a part of its write-ahead log {wal} cannot be read, and the commits after it are \
             dropped. After a power failure these may be events that were never acknowledged; otherwise events are lost: \
             watchers do not get them, and the statuses come back when the reconciler has compared every customer with Grid"
        );
    }
}

fn start(writer: Writer, commands: mpsc::Sender<Command>, lock: Arc<LockFile>) -> Result<Threads, OpenError> {
    let (stop_checkpointer, stop) = std_mpsc::channel();
    let connection = connect(lock.path(), Role::Checkpointer)?;
    let wal = damage::with_suffix(lock.path(), "-wal");
    let checkpointer = Checkpointer { connection, wal, commands, stop, lock: Arc::clone(&lock) };
    let spawn = |name: &str| thread::Builder::new().name(name.to_owned());
    let checkpointer = spawn("log-checkpoint").spawn(move || checkpointer.run()).map_err(OpenError::Thread)?;
    let writer = spawn("log-writer").spawn(move || writer.run()).map_err(OpenError::Thread)?;
    Ok(Threads { writer, checkpointer, stop_checkpointer, lock })
}

fn content(path: &Path, error: queries::ReadError) -> OpenError {
    match error {
        queries::ReadError::Sqlite(error) => damage::unusable(path, &error),
        queries::ReadError::Row(error) => OpenError::Damaged { path: path.to_owned(), found: error.to_string() },
        queries::ReadError::Refused(LogError::Corrupt { reason }) => {
            OpenError::Damaged { path: path.to_owned(), found: reason }
        }
        queries::ReadError::Refused(error) => OpenError::Content(error),
    }
}

/// The bounds for the times of the next events.
fn times(connection: &Connection, clock: &dyn Clock) -> Result<RecordTimes, queries::ReadError> {
    let now = clock.now();
    let last = queries::recorded_last(connection, Timestamp::MAX)?.unwrap_or(Timestamp::MIN);
    // Where all of them are from the future, it is this clock that is not believed.
    let floor = if is_ahead(last, now) { queries::recorded_last(connection, now)?.unwrap_or(last) } else { last };
    Ok(RecordTimes::new(last, floor, clock))
}

/// The log's lineage; a new log gets an epoch of its own.
fn lineage(connection: &Connection, path: &Path, now: Timestamp) -> Result<Lineage, OpenError> {
    if let Some(lineage) = queries::lineage(connection).map_err(|error| content(path, error))? {
        return Ok(lineage);
    }
    let epoch = Epoch::random();
    let inserted = connection.execute(
        "INSERT INTO log_info (only_row, epoch, created_at) VALUES (1, ?1, ?2)",
        (epoch.to_string(), now.as_microsecond()),
    );
    inserted.map_err(|error| damage::unusable(path, &error))?;
    Ok(Lineage::new(epoch))
}
