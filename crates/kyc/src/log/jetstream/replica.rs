//! The state of one replica of a log, which its tasks share.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use async_nats::Client;
use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::capacity::Capacity;
use super::keyed_lock::KeyedLock;
use super::names::Names;
use super::options::JetStreamOptions;
use super::streams::{self, Streams};
use crate::clock::Clock;
use crate::hub::Hub;
use crate::id::{Lineage, Position};
use crate::log::retention::RetentionClock;
use crate::log::store::LogError;
use crate::log::tables::mirror::Mirror;
use crate::log::times::RecordTimes;
use crate::log::trouble::Trouble;
use crate::token::Mark;

/// How many messages may be published at once; more would only wait in the server, and be taken for lost there.
const PUBLISHING: usize = 1024;
/// How long a replica that is behind may take to read up to a mark.
const BEHIND: Duration = Duration::from_secs(10);

/// What is known of a log before its events are read.
pub(super) struct Found {
    pub(super) client: Client,
    pub(super) names: Names,
    pub(super) streams: Streams,
    pub(super) lineage: Lineage,
    pub(super) mirror: Arc<Mirror>,
    pub(super) capacity: Capacity,
    /// Events up to here are deleted, and when the last of them was recorded.
    pub(super) deleted: (Mark, Timestamp),
}

/// See the module.
pub(super) struct Replica {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) client: Client,
    pub(super) names: Names,
    pub(super) streams: Streams,
    pub(super) options: JetStreamOptions,
    pub(super) lineage: Lineage,
    pub(super) hub: Arc<Hub>,
    pub(super) mirror: Arc<Mirror>,
    pub(super) entities: KeyedLock,
    /// Identifies this process.
    pub(super) writer: String,
    pub(super) publishing: Semaphore,
    /// Makes the writers of messages unique within this process.
    next_writer: AtomicU64,
    /// The sequence of the last message in this replica's tables.
    pub(super) applied: watch::Sender<u64>,
    times: Mutex<RecordTimes>,
    retention_clock: Mutex<RetentionClock>,
    /// How far that lags behind the clock, in microseconds.
    pub(super) retention_behind: AtomicI64,
    /// When the end of the stream was last known, in microseconds.
    as_of: AtomicI64,
    pub(super) capacity: Arc<Capacity>,
    /// Held while events are deleted, so that this replica does not conflict with itself.
    pub(super) maintaining: tokio::sync::Mutex<()>,
    /// Retention is to be checked now.
    pub(super) check_retention: Notify,
    /// The stream has more messages than arrive here: following has to start again.
    pub(super) stalled: Notify,
    /// Cancelled when the log closes, or fails.
    pub(super) closing: CancellationToken,
    /// Every event was read.
    pub(super) is_open: AtomicBool,
    /// Whether failures are logged here. While the log is being opened, the opening code reports them.
    pub(super) reports_failures: AtomicBool,
    /// Why the log failed.
    failure: OnceLock<String>,
}

impl Replica {
    /// A replica that has read no event yet.
    pub(super) fn new(options: JetStreamOptions, clock: Arc<dyn Clock>, found: Found) -> Self {
        let Found { client, names, streams, lineage, mirror, capacity, deleted: (deleted_to, newest) } = found;
        Self {
            times: Mutex::new(RecordTimes::new(newest, newest, clock.as_ref())),
            retention_clock: Mutex::new(RetentionClock::new(newest, clock.as_ref())),
            retention_behind: AtomicI64::new(0),
            clock,
            client,
            names,
            streams,
            lineage,
            hub: Hub::new(deleted_to, options.ring_events),
            options,
            mirror,
            entities: KeyedLock::default(),
            writer: Uuid::new_v4().simple().to_string(),
            publishing: Semaphore::new(PUBLISHING),
            next_writer: AtomicU64::new(0),
            applied: watch::Sender::new(deleted_to.position.get()),
            as_of: AtomicI64::new(Timestamp::MIN.as_microsecond()),
            capacity: Arc::new(capacity),
            maintaining: tokio::sync::Mutex::default(),
            check_retention: Notify::new(),
            stalled: Notify::new(),
            closing: CancellationToken::new(),
            is_open: AtomicBool::new(false),
            reports_failures: AtomicBool::new(false),
            failure: OnceLock::new(),
        }
    }

    pub(super) fn check_open(&self) -> Result<(), LogError> {
        if self.closing.is_cancelled() { Err(LogError::Closed) } else { Ok(()) }
    }

    /// Closes the log because it cannot be trusted any more.
    pub(super) fn fail(&self, why: &str) {
        if self.reports_failures.load(Ordering::Relaxed) {
            tracing::error!("{why}; the log is closed, and this process has to be started again");
        }
        // The first reason stays.
        let _ = self.failure.set(why.to_owned());
        self.close();
    }

    pub(super) fn close(&self) {
        self.closing.cancel();
        self.hub.close();
    }

    /// Why the log was closed.
    pub(super) fn failure(&self) -> String {
        self.failure.get().cloned().unwrap_or_else(|| "it was closed".to_owned())
    }

    /// A writer for one message, or one recording.
    pub(super) fn new_writer(&self) -> String {
        format!("{}-{}", self.writer, self.next_writer.fetch_add(1, Ordering::Relaxed))
    }

    /// Nothing can be recorded.
    pub(super) fn cannot_record(&self, reason: &str) {
        self.capacity.troubles().failed(Trouble::Failing { reason: reason.to_owned() }, 0);
    }

    pub(super) fn as_of(&self) -> Timestamp {
        let as_of = Timestamp::from_microsecond(self.as_of.load(Ordering::Relaxed)).unwrap_or(Timestamp::MIN);
        as_of.min(self.clock.now())
    }

    /// The end of the stream was known at this time. It may be earlier than the last one, where the clock was ahead.
    pub(super) fn knew_the_end(&self, at: Timestamp) {
        self.as_of.store(at.as_microsecond(), Ordering::Relaxed);
    }

    pub(super) fn times(&self) -> MutexGuard<'_, RecordTimes> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn retention_clock(&self) -> MutexGuard<'_, RetentionClock> {
        self.retention_clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every event was read: times and retention continue from them.
    pub(super) async fn begin_after_what_was_read(&self) -> Result<(), LogError> {
        let clock = self.clock.as_ref();
        let last = self.times().last();
        // If all events lie in the future, the present clock is the wrong one.
        let floor = self.mirror.recorded_last(clock.now()).await?.unwrap_or(last);
        *self.times() = RecordTimes::new(last, floor, clock);
        *self.retention_clock() = RetentionClock::new(last, clock);
        Ok(())
    }

    /// Waits until the message at this sequence is in the tables. False: not by then.
    pub(super) async fn wait_applied(&self, sequence: u64, deadline: Instant) -> bool {
        let mut applied = self.applied.subscribe();
        let reached = async { applied.wait_for(|applied| *applied >= sequence).await.is_ok() };
        tokio::select! {
            reached = timeout_at(deadline, reached) => reached.unwrap_or(false),
            () = self.closing.cancelled() => false,
        }
    }

    /// Waits until this replica has read the log up to `position`, if the stream reaches that far.
    pub(super) async fn wait_until_read(&self, position: Position) -> Result<(), LogError> {
        self.check_open()?;
        let (sequence, deadline) = (position.get(), Instant::now() + BEHIND);
        if position <= self.hub.end().position {
            return Ok(());
        }
        while Instant::now() < deadline {
            if let Ok(info) = self.streams.events.get_info().await
                && streams::is_certain(&info)
            {
                if info.state.last_sequence < sequence {
                    return Err(LogError::Foreign);
                }
                if self.wait_applied(sequence, deadline).await {
                    return Ok(());
                }
            }
            self.check_open()?;
            if self.wait_applied(sequence, Instant::now() + Duration::from_millis(100)).await {
                return Ok(());
            }
        }
        Err(LogError::Unavailable { reason: "this replica has not read the log that far yet".to_owned() })
    }
}
