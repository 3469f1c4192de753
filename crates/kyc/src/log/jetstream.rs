//! The event log on NATS JetStream, for many replicas.
//!
//! One stream holds the truth. A replica decides what an observation means by what it knows, and publishes the event
//! together with the head it leaves behind, on condition that nothing was recorded about that entity meanwhile: what it
//! knows is a hint, and only that comparison decides. Every replica follows the stream into tables of its own, from which
//! it reads, and into its own hub. `docs/adr/0004-the-log-on-jetstream.md` says why.

mod admission;
mod buckets;
mod connect;
mod contention;
mod copying;
mod gone;
mod load;
mod message;
mod patience;
mod probe;
mod publish;
mod record;
mod retention;
mod room;
mod store;
mod streams;
mod subject;
mod tail;
mod turns;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use async_nats::Client;
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

pub use self::connect::{Access, Login};
pub(super) use self::copying::{Target, seal, unseal};
use self::load::Found;
pub(super) use self::load::Use;
use self::room::Room;
use self::streams::{Names, Streams};
use self::turns::Turns;
use super::sqlite::view::View;
use super::sqlite::{IDS_KEPT, OpenError as FileError, Pace, Retention};
use super::times::RecordTimes;
use super::trouble::{Condition, Trouble};
use super::{LogError, Obstacle};
use crate::clock::Clock;
use crate::hub::{DEFAULT_RING_EVENTS, Hub};
use crate::id::Lineage;
use crate::trace::Traces;

/// How a log on JetStream is reached and kept. Made with [`JetStreamOptions::at`], and then changed where the defaults do
/// not suit.
#[derive(Debug, Clone)]
pub struct JetStreamOptions {
    /// The servers: `nats://` or `tls://`, and an address.
    pub servers: Vec<String>,
    /// As whom to connect.
    pub access: Access,
    /// What the names of its streams begin with: letters, digits, `-` and `_`.
    pub prefix: String,
    /// On how many servers everything is kept.
    pub replicas: usize,
    /// How long events are kept.
    pub retention: Retention,
    /// How long the stream remembers ids; at least [`IDS_KEPT`] outside tests.
    pub duplicate_window: Duration,
    /// After how long without renewal a duty is somebody else's.
    pub lease: Duration,
    /// How long one observation may take, all tries together.
    pub record_wait: Duration,
    /// How long opening may go without progress.
    pub patience: Duration,
    /// About how many heads are kept in memory (roughly 600 bytes each).
    pub cached_heads: usize,
    /// How many recent events streams find in memory.
    pub ring_events: usize,
    /// Who makes and reads the trace contexts that events carry from one replica to the others, if anyone does.
    pub traces: Option<Arc<dyn Traces>>,
    /// Reports the obstacle while the log is being opened.
    pub obstacle: Obstacle,
}

impl JetStreamOptions {
    /// The defaults, for these servers.
    #[must_use]
    pub fn at(servers: Vec<String>) -> Self {
        Self {
            servers,
            access: Access::default(),
            prefix: "gridgate".to_owned(),
            replicas: 3,
            retention: Retention::default(),
            duplicate_window: IDS_KEPT,
            lease: Duration::from_secs(15),
            record_wait: Duration::from_secs(8),
            patience: Duration::from_secs(30),
            cached_heads: 100_000,
            ring_events: DEFAULT_RING_EVENTS,
            traces: None,
            obstacle: Obstacle::default(),
        }
    }
}

/// Why a log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The prefix cannot be part of a stream's name.
    #[error("the prefix of the streams has to be 1 to 32 letters, digits, '-' and '_'")]
    Prefix,
    /// A server's address cannot be read.
    #[error("the address of a NATS server cannot be read")]
    Address(#[source] std::io::Error),
    /// A file with credentials, certificates or a key cannot be used.
    #[error("{path} cannot be used", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is no connection.
    #[error("NATS cannot be reached")]
    Connect(#[source] async_nats::ConnectError),
    /// The servers do not accept as whom gridgate connects.
    #[error("NATS refuses the user, token or credentials")]
    Denied(#[source] async_nats::ConnectError),
    /// One side does not trust the other, or there is no TLS where there has to be.
    #[error("there is no TLS with NATS that both sides trust")]
    Tls(#[source] async_nats::ConnectError),
    /// TLS is needed, and there is nothing to verify the servers by.
    #[error("{0}, or set nats.ca_file (GRIDGATE_NATS_CA_FILE)")]
    Roots(#[from] gridgate_io::http_client::NoRoots),
    /// A stream is there, and configured otherwise.
    #[error("the stream {stream} is configured otherwise: {differences}")]
    Differs {
        /// Its name.
        stream: String,
        /// Everything that differs.
        differences: String,
    },
    /// A stream cannot be made or read.
    #[error("JetStream refuses: {reason}")]
    Setup {
        /// What it said.
        reason: String,
    },
    /// Nothing may be written to it.
    #[error("the log is sealed: {0}")]
    Sealed(String),
    /// Something is to be copied to where there is a log.
    #[error("there is another event log already, or a complete copy")]
    Occupied,
    /// Events are gone whose heads were not kept.
    #[error("events up to {first} are gone from the stream, and what they said was kept only up to {kept}")]
    Gone {
        /// The position before the first event that is left.
        first: u64,
        /// The position up to which gridgate let go of events.
        kept: u64,
    },
    /// Another replica let go of events that were about to be read.
    #[error("another replica let go of events while they were being read")]
    Overtaken,
    /// It takes too long.
    #[error("JetStream does not answer: {0}")]
    Slow(&'static str),
    /// The tables this replica reads from cannot be made.
    #[error("there is no place for this replica's tables")]
    Tables(#[from] FileError),
    /// The directory for them cannot be made.
    #[error("there is no place for this replica's tables")]
    Directory(#[source] std::io::Error),
    /// What the log holds cannot be understood.
    #[error(transparent)]
    Content(#[from] LogError),
}

impl OpenError {
    fn setup(error: &dyn std::error::Error) -> Self {
        Self::Setup { reason: words(error) }
    }
}

/// An error with its causes.
fn words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(behind) = source {
        let more = behind.to_string();
        // Some errors include their cause already.
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        source = behind.source();
    }
    words
}

/// How many publishes may be under way; more would only wait in the server, and be taken for lost there.
const PUBLISHING: usize = 1024;

/// What the parts share.
struct Shared {
    clock: Arc<dyn Clock>,
    client: Client,
    names: Names,
    streams: Streams,
    retention: Retention,
    lease: Duration,
    record_wait: Duration,
    lineage: Lineage,
    hub: Arc<Hub>,
    view: Arc<View>,
    turns: Turns,
    /// Tells this process from others.
    writer: String,
    /// As many as there may be publishes under way.
    publishing: Semaphore,
    /// How many observations were handed in.
    records: AtomicU64,
    /// The sequence of the last message that was taken from the stream.
    applied: watch::Sender<u64>,
    /// The bounds for the times of the next events; guards nothing else.
    times: Mutex<RecordTimes>,
    /// Retention's own time; guards nothing else.
    pace: Mutex<Pace>,
    /// By how many microseconds that lags behind the clock.
    retention_behind: AtomicI64,
    /// When the end of the stream was last known, in microseconds.
    as_of: AtomicI64,
    /// How much room the stream has.
    room: Room,
    /// Who knows of the traces that events were recorded in.
    traces: Option<Arc<dyn Traces>>,
    /// Held while events are let go, so that this replica is not in its own way.
    maintaining: tokio::sync::Mutex<()>,
    /// Somebody has to look whether old events are to be let go.
    look: Notify,
    /// The stream has more than arrives here: ask anew.
    stalled: Notify,
    /// Cancelled when the log closes, or is closed because something is wrong.
    closing: CancellationToken,
    /// All of it was read.
    is_open: AtomicBool,
    /// Whether this log reports its own faults. While it is being opened, the code that opens it does.
    reports_faults: AtomicBool,
    /// What is wrong, if the log was closed for that.
    wrong: OnceLock<String>,
}

impl Shared {
    /// Nothing is read yet but what is left of events that are gone.
    fn new(options: &JetStreamOptions, clock: Arc<dyn Clock>, found: Found) -> Self {
        let Found { client, names, streams, lineage, view, trimmed, room } = found;
        let newest = trimmed.recorded_at;
        Self {
            times: Mutex::new(RecordTimes::new(newest, newest, clock.as_ref())),
            pace: Mutex::new(Pace::new(newest, clock.as_ref())),
            retention_behind: AtomicI64::new(0),
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
            as_of: AtomicI64::new(Timestamp::MIN.as_microsecond()),
            room,
            traces: options.traces.clone(),
            maintaining: tokio::sync::Mutex::default(),
            look: Notify::new(),
            stalled: Notify::new(),
            closing: CancellationToken::new(),
            is_open: AtomicBool::new(false),
            reports_faults: AtomicBool::new(false),
            wrong: OnceLock::new(),
        }
    }

    fn check_open(&self) -> Result<(), LogError> {
        if self.closing.is_cancelled() { Err(LogError::Closed) } else { Ok(()) }
    }

    /// Closes the log because it cannot be trusted any more.
    fn fail(&self, why: &str) {
        if self.reports_faults.load(Ordering::Relaxed) {
            tracing::error!("{why}; the log is closed, and this process has to be started again");
        }
        // The first reason stays.
        let _ = self.wrong.set(why.to_owned());
        self.closing.cancel();
        self.hub.close();
    }

    /// Why the log was closed.
    fn wrong(&self) -> String {
        self.wrong.get().cloned().unwrap_or_else(|| "it was closed".to_owned())
    }

    /// The end of the stream was known at this time, which is before the one it was known at last where the clock was ahead.
    fn knew_the_end(&self, at: Timestamp) {
        self.as_of.store(at.as_microsecond(), Ordering::Relaxed);
    }

    fn times(&self) -> MutexGuard<'_, RecordTimes> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All events were read: times and retention go on from them.
    async fn begin_after_what_was_read(&self) -> Result<(), LogError> {
        let clock = self.clock.as_ref();
        let last = self.times().last();
        // Where all of them are from the future, it is this clock that is not believed.
        let floor = self.view.recorded_last(clock.now()).await?.unwrap_or(last);
        *self.times() = RecordTimes::new(last, floor, clock);
        *self.pace.lock().unwrap_or_else(PoisonError::into_inner) = Pace::new(last, clock);
        Ok(())
    }

    /// How the log is doing.
    fn condition(&self) -> Condition {
        let full = self.room.is_full().then_some(Trouble::SizeLimit);
        let behind = u64::try_from(self.retention_behind.load(Ordering::Relaxed)).unwrap_or(0);
        Condition { trouble: self.room.troubles().of_store().or(full), retention_behind: Duration::from_micros(behind) }
    }

    /// Waits until the message at this sequence was taken from the stream. False: not by then.
    async fn wait_applied(&self, sequence: u64, deadline: tokio::time::Instant) -> bool {
        let mut applied = self.applied.subscribe();
        let reached = async { applied.wait_for(|applied| *applied >= sequence).await.is_ok() };
        tokio::select! {
            reached = tokio::time::timeout_at(deadline, reached) => reached.unwrap_or(false),
            () = self.closing.cancelled() => false,
        }
    }
}

/// An event log on JetStream. Dropping it ends its tasks; [`close`](crate::log::EventLog::close) also waits for them.
pub struct JetStreamLog {
    shared: Arc<Shared>,
    tasks: TaskTracker,
    /// Where this replica's tables are; removed in the end.
    _directory: TempDir,
}

impl std::fmt::Debug for JetStreamLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JetStreamLog").field("lineage", &self.shared.lineage).finish_non_exhaustive()
    }
}

impl JetStreamLog {
    /// Whether the size limit is reached and nothing new is taken.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.shared.room.is_full()
    }

    /// The tables that this replica reads from.
    pub(super) fn view(&self) -> &View {
        &self.shared.view
    }

    /// Lets go of everything that retention lets go of now, and returns when that is done. It is also done by itself.
    ///
    /// # Errors
    /// When NATS is away, or the log is closed.
    pub async fn maintain(&self) -> Result<(), LogError> {
        self.shared.maintain().await
    }
}

impl Drop for JetStreamLog {
    fn drop(&mut self) {
        self.shared.closing.cancel();
        self.shared.hub.close();
    }
}
