//! The one thread that writes. It commits whatever has queued: while one commit reaches the disk, the next batch gathers.
//!
//! Nothing is told to anyone before the commit: not the outcome, not a head, not the hub.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::Shared;
use super::batch::{Batch, Committed};
use super::checkpoint;
use super::failure::{self, Severity};
use super::lock::LockFile;
use super::queries::ReadError;
use super::retention::{self, Due, Pace, Retention};
use super::row::number;
use crate::event::Observation;
use crate::id::EntityKey;
use crate::log::times::RecordTimes;
use crate::log::{LogError, Recorded};
use crate::token::Mark;

/// How many observations one commit takes at most.
const MOST_PER_COMMIT: usize = 2048;
/// How many events retention deletes between two commits, at least.
const TRIMMED_AT_ONCE: usize = 500;

/// What becomes of something rare once the commit is through, or is not.
pub(super) type Finish = Box<dyn FnOnce(Result<(), LogError>) + Send>;

/// What the writer is asked to do.
pub(super) enum Command {
    /// Record an observation.
    Record(Box<Observation>, oneshot::Sender<Result<Recorded, LogError>>),
    /// Something rare, in the same transaction as what is recorded along with it.
    Write(Box<dyn FnOnce(&Connection) -> Finish + Send>),
    /// Write down when Grid was last asked about an entity, at the next occasion.
    SaveAnswer(EntityKey),
    /// Look whether something is to be let go, let go of all of it, and say so.
    Maintain(Option<oneshot::Sender<()>>),
    /// Move the rest of the write-ahead log into the file, so that it can start over.
    Checkpoint,
    /// Close: the store failed elsewhere.
    Fail(rusqlite::Error),
    /// Close: another file is at the place of the log or of its write-ahead log, or none.
    Replaced,
    /// Finish what is queued, and end.
    Close,
}

type Reply = (oneshot::Sender<Result<Recorded, LogError>>, Result<Recorded, LogError>);

/// The thread's state.
pub(super) struct Writer {
    connection: Connection,
    /// Dropped after the connection.
    lock: Arc<LockFile>,
    commands: mpsc::Receiver<Command>,
    shared: Arc<Shared>,
    retention: Retention,
    end: Mark,
    times: RecordTimes,
    pace: Pace,
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
        let (due, maintained) = (Due::Nothing, Vec::new());
        let pace = Pace::new(times.last(), shared.clock.as_ref());
        Self { connection, lock, commands, shared, retention, end, times, pace, due, maintained }
    }

    /// Until the log is closed or fails.
    pub(super) fn run(mut self) {
        let mut queued = Vec::with_capacity(MOST_PER_COMMIT);
        loop {
            let trimming = matches!(self.due, Due::Trim { .. });
            if trimming {
                // Does not wait for more, since there is something else to do.
                while queued.len() < MOST_PER_COMMIT {
                    let Ok(command) = self.commands.try_recv() else { break };
                    queued.push(command);
                }
            } else {
                self.tell_maintained();
                if self.commands.blocking_recv_many(&mut queued, MOST_PER_COMMIT) == 0 {
                    break;
                }
            }
            let came = queued.len();
            let step = match self.handle(&mut queued) {
                Ok(Flow::Stop) => break,
                // As many go as came, at least: the file does not grow while there is something to let go.
                Ok(Flow::Continue) if trimming => self.trim(came.max(TRIMMED_AT_ONCE)),
                Ok(Flow::Continue) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = step {
                return self.fail(&error);
            }
        }
        self.shared.closed();
    }

    fn handle(&mut self, queued: &mut Vec<Command>) -> Result<Flow, rusqlite::Error> {
        let mut flow = Flow::Continue;
        let mut writes = Vec::with_capacity(queued.len());
        let mut looked = false;
        for command in queued.drain(..) {
            match command {
                Command::Record(..) | Command::Write(_) | Command::SaveAnswer(_) => writes.push(command),
                Command::Maintain(reply) => {
                    self.maintained.extend(reply);
                    looked = true;
                }
                Command::Checkpoint => self.checkpoint()?,
                Command::Fail(error) => return Err(error),
                Command::Replaced => return Ok(self.replaced()),
                Command::Close => {
                    // What is queued already is still taken; what comes later is refused.
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
        if looked || matches!(self.due, Due::Full) {
            self.due = self.look()?;
        }
        if looked && writes.is_empty() {
            self.try_again()?;
        }
        if !writes.is_empty()
            && let Flow::Stop = self.commit(writes)?
        {
            flow = Flow::Stop;
        }
        Ok(flow)
    }

    /// Takes nothing any more: nobody would find what is written to these files from now on. Where only the write-ahead log is
    /// gone, its content is still here, and goes into the database.
    fn replaced(&mut self) -> Flow {
        let is_database_replaced = self.lock.is_database_replaced();
        // Before the log is closed, which may end the process.
        let is_saved = !is_database_replaced && checkpoint::full(&self.connection).unwrap_or(false);
        self.commands.close();
        let path = self.shared.path.display();
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
        match checkpoint::passive(&self.connection) {
            Err(error) if self.is_fatal(&error) => Err(error),
            // Where it did not get to the end, it is asked for again.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Whether the log has to close.
    fn is_fatal(&self, error: &rusqlite::Error) -> bool {
        failure::severity(error) == Severity::Log && !failure::is_for_lack_of_room(error, &self.shared.path)
    }

    /// Makes room if possible, and probes whether a store that refused accepts writes again.
    fn try_again(&self) -> Result<(), rusqlite::Error> {
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
            Err(error) => self.shared.troubles.failed(failure::trouble(&error, &self.shared.path), 0),
        }
        Ok(())
    }

    fn look(&mut self) -> Result<Due, rusqlite::Error> {
        let now = self.shared.clock.now();
        let (believed, behind) = self.pace.look(self.shared.clock.as_ref());
        self.shared.retention_behind.store(i64::try_from(behind.as_micros()).unwrap_or(i64::MAX), Ordering::Relaxed);
        let due = retention::due(&self.connection, &self.retention, now, believed)?;
        self.shared.troubles.set_full(due == Due::Full);
        Ok(due)
    }

    /// Lets go of a few, and looks again.
    fn trim(&mut self, most: usize) -> Result<(), rusqlite::Error> {
        if let Due::Trim { recorded_before } = self.due {
            match retention::trim(&self.connection, recorded_before, self.shared.clock.now(), most) {
                Ok(_) => self.due = self.look()?,
                Err(ReadError::Sqlite(error)) if self.is_fatal(&error) => return Err(error),
                Err(ReadError::Sqlite(error)) => {
                    self.shared.troubles.failed(failure::trouble(&error, &self.shared.path), 0);
                    self.due = Due::Nothing;
                }
                Err(error) => {
                    tracing::warn!(%error, "old events could not be let go; trying again later");
                    self.due = Due::Nothing;
                }
            }
        }
        Ok(())
    }

    fn tell_maintained(&mut self) {
        for reply in self.maintained.drain(..) {
            // Whoever asked may have gone.
            let _ = reply.send(());
        }
    }

    /// Commits one batch, and tells everyone. Until it is published, nobody may say that he knows of all that was recorded.
    fn commit(&mut self, writes: Vec<Command>) -> Result<Flow, rusqlite::Error> {
        let shared = Arc::clone(&self.shared);
        shared.committing_since.store(shared.clock.now().as_microsecond(), Ordering::SeqCst);
        let result = self.commit_batch(writes);
        // After an error that closes the log, what it knew then is all that it will know.
        if let Ok(Flow::Continue) = result {
            shared.committing_since.store(i64::MAX, Ordering::SeqCst);
        }
        result
    }

    fn commit_batch(&mut self, writes: Vec<Command>) -> Result<Flow, rusqlite::Error> {
        let now = self.times.next(self.shared.clock.as_ref());
        let (mut replies, mut finishes) = (Vec::with_capacity(writes.len()), Vec::new());
        let result = self.run_batch(writes, now, &mut replies, &mut finishes);
        if result.is_ok() && self.lock.is_replaced() {
            // It is on the disk, but after a restart nobody may find it there.
            let flow = self.replaced();
            self.tell(replies, finishes, &Err(LogError::Closed));
            return Ok(flow);
        }
        let outcome = match &result {
            Ok(_) => Ok(()),
            Err(error) if failure::is_for_lack_of_room(error, &self.shared.path) => Err(LogError::Full),
            Err(error) => Err(failure::log_error(error)),
        };
        let wakes = match result {
            Ok(Committed { events, heads, end, taken: _taken }) => {
                for (key, head) in heads {
                    self.shared.heads.commit(key, head);
                }
                self.end = end;
                if !events.is_empty() {
                    self.shared.troubles.works();
                    self.times.recorded(now, self.shared.clock.as_ref());
                }
                (!events.is_empty()).then(|| self.shared.hub.publish(events, end))
            }
            Err(error) => {
                if self.is_fatal(&error) {
                    tracing::error!(error = failure::reason(&error), "a batch of events could not be committed");
                    // What reached the disk is not certain: nobody may take any of it for recorded.
                    self.tell(replies, finishes, &Err(LogError::Closed));
                    return Err(error);
                }
                let refused = u64::try_from(replies.len() + finishes.len()).unwrap_or(u64::MAX);
                self.shared.troubles.failed(failure::trouble(&error, &self.shared.path), refused);
                None
            }
        };
        self.tell(replies, finishes, &outcome);
        if let Some(wakes) = wakes {
            wakes.wake();
        }
        Ok(Flow::Continue)
    }

    fn run_batch(
        &self,
        writes: Vec<Command>,
        now: Timestamp,
        replies: &mut Vec<Reply>,
        finishes: &mut Vec<Finish>,
    ) -> Result<Committed, rusqlite::Error> {
        let failed = |error: ReadError| match error {
            ReadError::Sqlite(error) => error,
            ReadError::Row(_) | ReadError::Refused(_) => rusqlite::Error::InvalidQuery,
        };
        let mut lost: Option<rusqlite::Error> = None;
        let transaction = match Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate) {
            Ok(transaction) => Some(transaction),
            Err(error) => {
                lost = Some(error);
                None
            }
        };
        let full = self.due == Due::Full;
        let mut batch = Batch::new(&self.connection, &self.shared, self.end, now, full);
        for write in writes {
            match write {
                Command::Record(_, reply) if lost.is_some() => replies.push((reply, Err(LogError::Closed))),
                Command::Record(observation, reply) => {
                    let result = match batch.record(*observation) {
                        Ok(recorded) => Ok(recorded),
                        Err(ReadError::Refused(error)) => {
                            if error == LogError::Full {
                                self.shared.troubles.refused();
                            }
                            Err(error)
                        }
                        Err(ReadError::Row(error)) => Err(LogError::Corrupt { reason: error.to_string() }),
                        Err(ReadError::Sqlite(error)) => {
                            let refused = failure::log_error(&error);
                            if failure::severity(&error) != Severity::Statement || self.connection.is_autocommit() {
                                lost = Some(error);
                            }
                            Err(refused)
                        }
                    };
                    replies.push((reply, result));
                }
                Command::Write(write) if lost.is_none() => finishes.push(write(&self.connection)),
                Command::SaveAnswer(key) if lost.is_none() => {
                    lost = save_answer(&self.connection, &self.shared, &key).err();
                }
                // Dropping it tells whoever waits.
                Command::Write(_) | Command::SaveAnswer(_) => {}
                Command::Maintain(_) | Command::Checkpoint | Command::Fail(_) | Command::Replaced | Command::Close => {}
            }
        }
        if let Some(error) = lost {
            return Err(error);
        }
        let committed = batch.finish().map_err(failed)?;
        if let Some(first) = committed.events.first().filter(|_| now < self.times.last()) {
            super::row::insert_time_step(&self.connection, first.position)?;
        }
        if let Some(transaction) = transaction {
            transaction.commit()?;
        }
        Ok(committed)
    }

    fn tell(&self, replies: Vec<Reply>, finishes: Vec<Finish>, outcome: &Result<(), LogError>) {
        for (reply, result) in replies {
            // Whoever asked may have given up.
            let _ = reply.send(outcome.clone().and(result));
        }
        for finish in finishes {
            finish(outcome.clone());
        }
    }

    fn fail(mut self, error: &rusqlite::Error) {
        tracing::error!(error = failure::reason(error), "the event log's store failed; the log is closed");
        if failure::is_damage(error) {
            self.shared.log_damage(&failure::reason(error));
        }
        self.commands.close();
        self.shared.closed();
    }
}

/// Writes down when Grid was last asked about an entity.
fn save_answer(connection: &Connection, shared: &Shared, key: &EntityKey) -> Result<(), rusqlite::Error> {
    let Ok(cached) = shared.heads.get(key) else { return Ok(()) };
    let head = cached.head();
    let mut statement = connection.prepare_cached(
        "UPDATE heads SET answered_at = ?4, answered_updated_at = ?5 \
         WHERE customer_id = ?1 AND verification_id = ?2 AND position = ?3",
    )?;
    statement.execute((
        key.customer.as_str(),
        super::row::verification_text(key.verification.as_ref()),
        number(head.position),
        head.confirmed.by_answer(),
        head.confirmed.answered_updated_at(),
    ))?;
    Ok(())
}
