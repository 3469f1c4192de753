//! The queue of the writer thread.

use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::mpsc::error::{SendTimeoutError, TrySendError};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::event::Observation;
use crate::id::EntityKey;
use crate::log::store::{LogError, Recorded};
use crate::log::tables::error::log_error;

/// How long a caller waits for its commit before it gets an error.
const COMMIT_WAIT: Duration = Duration::from_secs(30);

/// Called with the result of the commit that a rare write was part of.
pub(super) type Finish = Box<dyn FnOnce(Result<(), LogError>) + Send>;

/// What the writer is asked to do.
pub(super) enum Command {
    /// Record an observation.
    Record(Box<Observation>, oneshot::Sender<Result<Recorded, LogError>>),
    /// A rare write, in the transaction of the observations queued with it.
    Write(Box<dyn FnOnce(&Connection) -> Finish + Send>),
    /// Save when Grid was last asked about an entity, with the next commit.
    SaveAnswer(EntityKey),
    /// Check retention, delete all that is due, and reply.
    Maintain(Option<oneshot::Sender<()>>),
    /// Move the rest of the write-ahead log into the file, so that it can start over.
    Checkpoint,
    /// Close: the store failed elsewhere.
    Fail(rusqlite::Error),
    /// Close: the file of the log or of its write-ahead log was moved, removed or replaced.
    Replaced,
    /// Finish what is queued, and end.
    Close,
}

/// The sending end.
#[derive(Clone)]
pub(super) struct Queue {
    commands: mpsc::Sender<Command>,
    /// How long a command may wait for a place.
    wait: Duration,
}

impl Queue {
    pub(super) fn new(capacity: usize, wait: Duration) -> (Self, mpsc::Receiver<Command>) {
        let (commands, receiver) = mpsc::channel(capacity.max(1));
        (Self { commands, wait }, receiver)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.commands.is_closed()
    }

    pub(super) async fn closed(&self) {
        self.commands.closed().await;
    }

    /// Sends a command if there is a place now. False: the queue is full.
    pub(super) fn try_send(&self, command: Command) -> bool {
        // A closed queue needs no more commands.
        !matches!(self.commands.try_send(command), Err(TrySendError::Full(_)))
    }

    /// Sends a command behind all that is queued, however long that takes.
    pub(super) async fn send_last(&self, command: Command) -> Result<(), LogError> {
        self.commands.send(command).await.map_err(|_| LogError::Closed)
    }

    /// Records an observation.
    pub(super) async fn record(&self, observation: Observation) -> Result<Recorded, LogError> {
        let (reply, result) = oneshot::channel();
        self.request(Command::Record(Box::new(observation), reply), result).await
    }

    /// Does a rare write with the next commit.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, LogError> {
        let (reply, result) = oneshot::channel();
        let command = Command::Write(Box::new(move |connection| -> Finish {
            let result = write(connection).map_err(|error| log_error(&error));
            // The caller may have given up.
            Box::new(move |committed| drop(reply.send(committed.and(result))))
        }));
        self.request(command, result).await
    }

    async fn request<T>(
        &self,
        command: Command,
        result: oneshot::Receiver<Result<T, LogError>>,
    ) -> Result<T, LogError> {
        let unavailable = |reason: &str| LogError::Unavailable { reason: reason.to_owned() };
        match self.commands.send_timeout(command, self.wait).await {
            Ok(()) => {}
            Err(SendTimeoutError::Timeout(_)) => return Err(unavailable("too many observations are waiting")),
            Err(SendTimeoutError::Closed(_)) => return Err(LogError::Closed),
        }
        match timeout(COMMIT_WAIT, result).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(LogError::Closed),
            Err(_) => Err(unavailable("a commit takes too long")),
        }
    }
}

pub(super) type RecordReply = (oneshot::Sender<Result<Recorded, LogError>>, Result<Recorded, LogError>);

/// The callers who wait for a batch.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) records: Vec<RecordReply>,
    pub(super) writes: Vec<Finish>,
}

impl Waiting {
    pub(super) fn len(&self) -> usize {
        self.records.len() + self.writes.len()
    }

    /// Replies to all. Some may have given up.
    pub(super) fn reply(self, committed: &Result<(), LogError>) {
        for (reply, result) in self.records {
            let _ = reply.send(committed.clone().and(result));
        }
        for finish in self.writes {
            finish(committed.clone());
        }
    }
}
