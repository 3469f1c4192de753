//! The writer thread. It commits all that is queued: while one commit reaches the disk, the next batch gathers.
//!
//! Nothing is published before the commit: no result, no head, no event.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::batch::{Batch, Committed};
use super::failure::{self, Severity};
use super::lock::LockFile;
use super::queue::{Command, Waiting};
use super::retention::{self, Due};
use super::wal;
use crate::clock::Clock;
use crate::event::Observation;
use crate::hub::Hub;
use crate::log::retention::{Retention, RetentionClock};
use crate::log::store::{LogError, Recorded};
use crate::log::tables::error::{DamageReport, ReadError, is_damage, log_error, reason};
use crate::log::tables::head_cache::HeadCache;
use crate::log::tables::row;
use crate::log::times::RecordTimes;
use crate::log::trouble::{Trouble, Troubles};
use crate::token::Mark;

/// The most observations in one commit.
const MOST_PER_COMMIT: usize = 2048;
/// How many events retention deletes between two commits, at least.
const TRIMMED_AT_ONCE: usize = 500;

/// What the store and its threads share.
pub(super) struct Shared {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) heads: Arc<HeadCache>,
    pub(super) hub: Arc<Hub>,
    pub(super) troubles: Troubles,
    /// How far retention lags behind the clock, in microseconds.
    pub(super) retention_behind: AtomicI64,
    pub(super) damage: Arc<DamageReport>,
    /// When the log was closed, in microseconds; `i64::MAX` while it is open.
    pub(super) closed_at: AtomicI64,
    /// Since when the writer has had a batch that is not published, in microseconds; `i64::MAX` while it has none.
    pub(super) committing_since: AtomicI64,
}

impl Shared {
    /// The time up to which everything recorded is published: now, unless a batch is under way or the log is closed. A later read of
    /// the hub's end finds all of it there.
    pub(super) fn known_until(&self) -> Timestamp {
        // In this order: a batch that is not seen here yet is recorded later than `now`.
        let now = self.clock.now();
        let limit = self.committing_since.load(Ordering::SeqCst).min(self.closed_at.load(Ordering::SeqCst));
        Timestamp::from_microsecond(limit).map_or(now, |limit| limit.min(now))
    }

    fn closed(&self) {
        self.closed_at.fetch_min(self.clock.now().as_microsecond(), Ordering::Relaxed);
        self.hub.close();
    }
}

/// The state of the thread.
pub(super) struct Writer {
    connection: Connection,
    /// Dropped after the connection.
    lock: Arc<LockFile>,
    commands: mpsc::Receiver<Command>,
    shared: Arc<Shared>,
    retention: Retention,
    end: Mark,
    times: RecordTimes,
    retention_clock: RetentionClock,
    due: Due,
    maintained: Vec<oneshot::Sender<()>>,
}

/// Whether the thread goes on.
enum Flow {
    Continue,
    Stop,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        lock: Arc<LockFile>,
        commands: mpsc::Receiver<Command>,
        shared: Arc<Shared>,
        retention: Retention,
        end: Mark,
        times: RecordTimes,
    ) -> Self {
        let retention_clock = RetentionClock::new(times.last(), shared.clock.as_ref());
        let (due, maintained) = (Due::Nothing, Vec::new());
        Self { connection, lock, commands, shared, retention, end, times, retention_clock, due, maintained }
    }

    /// Runs until the log is closed or fails.
    pub(super) fn run(mut self) {
        let mut queued = Vec::with_capacity(MOST_PER_COMMIT);
        loop {
            let is_trimming = matches!(self.due, Due::Trim(_));
            if is_trimming {
                // Takes what is queued without waiting, since there are events to delete.
                while queued.len() < MOST_PER_COMMIT {
                    let Ok(command) = self.commands.try_recv() else { break };
                    queued.push(command);
                }
            } else {
                for reply in self.maintained.drain(..) {
                    // The caller may have given up.
                    let _ = reply.send(());
                }
                if self.commands.blocking_recv_many(&mut queued, MOST_PER_COMMIT) == 0 {
                    break;
                }
            }
            let came = queued.len();
            let step = match self.handle(&mut queued) {
                Ok(Flow::Stop) => break,
                // Deletes at least as many events as came: the file does not grow while there is something to delete.
                Ok(Flow::Continue) if is_trimming => self.trim(came.max(TRIMMED_AT_ONCE)),
                Ok(Flow::Continue) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = step {
                return self.fail(&error);
            }
        }
        self.shared.closed();
    }

    fn fail(mut self, error: &rusqlite::Error) {
        tracing::error!(error = reason(error), "the event log's store failed; the log is closed");
        if is_damage(error) {
            self.shared.damage.log(&reason(error));
        }
        self.commands.close();
        self.shared.closed();
    }

    fn path(&self) -> &Path {
        self.lock.path()
    }

    fn handle(&mut self, queued: &mut Vec<Command>) -> Result<Flow, rusqlite::Error> {
        let mut flow = Flow::Continue;
        let mut writes = Vec::with_capacity(queued.len());
        let mut is_check_due = false;
        for command in queued.drain(..) {
            match command {
                Command::Record(..) | Command::Write(_) | Command::SaveAnswer(_) => writes.push(command),
                Command::Maintain(reply) => {
                    self.maintained.extend(reply);
                    is_check_due = true;
                }
                Command::Checkpoint => self.checkpoint()?,
                Command::Fail(error) => return Err(error),
                Command::Replaced => return Ok(self.replaced()),
                Command::Close => {
                    // What is queued already is still accepted; what comes later is refused.
                    self.commands.close();
                    flow = Flow::Stop;
                }
            }
        }
        if let Flow::Stop = flow {
            while let Ok(command) = self.commands.try_recv() {
                writes.push(command);
            }
        }
        if is_check_due || matches!(self.due, Due::Full) {
            self.due = self.check_retention()?;
        }
        if is_check_due && writes.is_empty() {
            self.retry_store()?;
        }
        if !writes.is_empty()
            && let Flow::Stop = self.commit(writes)?
        {
            flow = Flow::Stop;
        }
        Ok(flow)
    }

    /// Closes the log: the next process would open other files, and not find what is written to these from now on. If only the write-ahead log
    /// is gone, its content is still reachable here, and moves into the database first.
    fn replaced(&mut self) -> Flow {
        let is_database_replaced = self.lock.is_database_replaced();
        // Before closing, which may end the process.
        let is_saved = !is_database_replaced && wal::checkpoint_fully(&self.connection).unwrap_or(false);
        self.commands.close();
        let path = self.path().display();
        if is_database_replaced {
            tracing::error!("the event log {path} was moved, removed or replaced while it was open; the log is closed");
        } else if is_saved {
            tracing::error!(
                "the write-ahead log {path}-wal was moved, removed or replaced while it was open; what it held is in {path} \
                 now, and the log is closed"
            );
        } else {
            tracing::error!(
                "the write-ahead log {path}-wal was moved, removed or replaced while it was open; the latest events may be \
                 lost, and the log is closed"
            );
        }
        Flow::Stop
    }

    fn checkpoint(&self) -> Result<(), rusqlite::Error> {
        match wal::checkpoint(&self.connection) {
            Err(error) if self.is_fatal(&error) => Err(error),
            // An incomplete checkpoint is requested again.
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Whether the log has to close.
    fn is_fatal(&self, error: &rusqlite::Error) -> bool {
        failure::severity(error) == Severity::Log && !failure::is_for_lack_of_room(error, self.path())
    }

    /// If the store refused, makes room where possible, and probes whether it accepts writes again.
    fn retry_store(&self) -> Result<(), rusqlite::Error> {
        if self.shared.troubles.of_store().is_none() {
            return Ok(());
        }
        self.checkpoint()?;
        let write = || {
            let transaction = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)?;
            transaction.execute("UPDATE log_info SET created_at = created_at", [])?;
            transaction.commit()
        };
        match write() {
            Ok(()) => self.shared.troubles.works(),
            Err(error) if self.is_fatal(&error) => return Err(error),
            Err(error) => self.shared.troubles.failed(failure::trouble(&error, self.path()), 0),
        }
        Ok(())
    }

    fn check_retention(&mut self) -> Result<Due, rusqlite::Error> {
        let now = self.shared.clock.now();
        let (believed, behind) = self.retention_clock.look(self.shared.clock.as_ref());
        self.shared.retention_behind.store(i64::try_from(behind.as_micros()).unwrap_or(i64::MAX), Ordering::Relaxed);
        let due = retention::due(&self.connection, &self.retention, now, believed)?;
        self.shared.troubles.set_full(due == Due::Full);
        Ok(due)
    }

    /// Deletes at most `most` events, and checks again.
    fn trim(&mut self, most: usize) -> Result<(), rusqlite::Error> {
        let Due::Trim(before) = self.due else { return Ok(()) };
        match retention::trim(&self.connection, before, self.shared.clock.now(), most) {
            Ok(_) => self.due = self.check_retention()?,
            Err(ReadError::Sqlite(error)) if self.is_fatal(&error) => return Err(error),
            Err(ReadError::Sqlite(error)) => {
                self.shared.troubles.failed(failure::trouble(&error, self.path()), 0);
                self.due = Due::Nothing;
            }
            Err(error) => {
                tracing::warn!(%error, "event log: old events could not be deleted; retrying later");
                self.due = Due::Nothing;
            }
        }
        Ok(())
    }

    /// Commits one batch, and replies to all. Until it is published, `committing_since` tells that not everything recorded is known.
    fn commit(&mut self, writes: Vec<Command>) -> Result<Flow, rusqlite::Error> {
        let now = self.shared.clock.now().as_microsecond();
        self.shared.committing_since.store(now, Ordering::SeqCst);
        let result = self.commit_batch(writes);
        // After an error that closes the log, nothing more will be known.
        if let Ok(Flow::Continue) = result {
            self.shared.committing_since.store(i64::MAX, Ordering::SeqCst);
        }
        result
    }

    fn commit_batch(&mut self, writes: Vec<Command>) -> Result<Flow, rusqlite::Error> {
        let now = self.times.next(self.shared.clock.as_ref());
        let mut waiting = Waiting::default();
        let result = self.run_batch(writes, now, &mut waiting);
        if result.is_ok() && self.lock.is_replaced() {
            // It is on the disk, but the next process may open other files.
            let flow = self.replaced();
            waiting.reply(&Err(LogError::Closed));
            return Ok(flow);
        }
        match result {
            Ok(Committed { events, heads, end, taken }) => {
                for (key, head) in heads {
                    self.shared.heads.commit(key, head);
                }
                drop(taken);
                self.end = end;
                if events.is_empty() {
                    waiting.reply(&Ok(()));
                    return Ok(Flow::Continue);
                }
                self.shared.troubles.works();
                self.times.recorded(now, self.shared.clock.as_ref());
                let wakes = self.shared.hub.publish(events, end);
                waiting.reply(&Ok(()));
                wakes.wake();
            }
            Err(error) if self.is_fatal(&error) => {
                tracing::error!(error = reason(&error), "a batch of events could not be committed");
                // It is unclear what reached the disk, so none of it may count as recorded.
                waiting.reply(&Err(LogError::Closed));
                return Err(error);
            }
            Err(error) => {
                let refused = u64::try_from(waiting.len()).unwrap_or(u64::MAX);
                let trouble = failure::trouble(&error, self.path());
                let refusal = if trouble == Trouble::DiskFull { LogError::Full } else { log_error(&error) };
                self.shared.troubles.failed(trouble, refused);
                waiting.reply(&Err(refusal));
            }
        }
        Ok(Flow::Continue)
    }

    fn run_batch(
        &self,
        writes: Vec<Command>,
        now: Timestamp,
        waiting: &mut Waiting,
    ) -> Result<Committed, rusqlite::Error> {
        let transaction = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate);
        let (transaction, mut lost) = match transaction {
            Ok(transaction) => (Some(transaction), None),
            Err(error) => (None, Some(error)),
        };
        let mut batch = Batch::new(&self.connection, &self.shared.heads, self.end, now, self.due == Due::Full);
        for write in writes {
            match write {
                Command::Record(_, reply) if lost.is_some() => waiting.records.push((reply, Err(LogError::Closed))),
                Command::Record(observation, reply) => {
                    let result = self.record(&mut batch, *observation, &mut lost);
                    waiting.records.push((reply, result));
                }
                Command::Write(write) if lost.is_none() => waiting.writes.push(write(&self.connection)),
                Command::SaveAnswer(key) if lost.is_none() => {
                    let cached = self.shared.heads.get(&key).ok();
                    lost = cached.and_then(|cached| row::save_answer(&self.connection, cached.head()).err());
                }
                // Dropping a write replies to its caller.
                Command::Write(_) | Command::SaveAnswer(_) => {}
                Command::Maintain(_) | Command::Checkpoint | Command::Fail(_) | Command::Replaced | Command::Close => {}
            }
        }
        if let Some(error) = lost {
            return Err(error);
        }
        let committed = batch.finish().map_err(|error| match error {
            ReadError::Sqlite(error) => error,
            ReadError::Column(_) | ReadError::Refused(_) => rusqlite::Error::InvalidQuery,
        })?;
        if let Some(first) = committed.events.first().filter(|_| now < self.times.last()) {
            row::insert_time_step(&self.connection, first.position)?;
        }
        if let Some(transaction) = transaction {
            transaction.commit()?;
        }
        Ok(committed)
    }

    /// Records one observation. Sets `lost` if that lost the transaction.
    fn record(
        &self,
        batch: &mut Batch<'_>,
        observation: Observation,
        lost: &mut Option<rusqlite::Error>,
    ) -> Result<Recorded, LogError> {
        batch.record(observation).map_err(|error| match error {
            ReadError::Sqlite(error) => {
                let refused = log_error(&error);
                if failure::severity(&error) != Severity::Statement || self.connection.is_autocommit() {
                    *lost = Some(error);
                }
                refused
            }
            error => {
                let error = LogError::from(error);
                if error == LogError::Full {
                    self.shared.troubles.refused();
                }
                error
            }
        })
    }
}
