//! The log's promises, kept by the parts of this module.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::mpsc::error::{SendTimeoutError, TrySendError};
use tokio::sync::oneshot;

use super::heads::Cached;
use super::queries::{self, ReadError, Which};
use super::writer::{Command, Finish};
use super::{SqliteLog, failure, row};
use crate::event::{Basis, Observation};
use crate::head::Head;
use crate::hub::Hub;
use crate::id::{EntityKey, Epoch, Lineage, ObservationId, Position};
use crate::log::{Bookmark, Bounds, Condition, Duty, EventLog, Lease, LogError, Page, Quarantined, Recorded, Scope};
use crate::record::{decide, is_redundant};
use crate::token::Mark;

/// How long a commit may take before whoever waits for it is told that it is not known.
const COMMIT_WAIT: Duration = Duration::from_secs(30);
/// How far the time of asking in the table may lag behind, in microseconds: a minute.
const ANSWER_LAG: i64 = 60 * 1_000_000;
/// The largest page.
const MOST_PER_PAGE: usize = 4096;

fn busy() -> LogError {
    LogError::Unavailable { reason: "too many observations are waiting".to_owned() }
}

impl SqliteLog {
    /// Runs one read. Where it meets damage, that is said.
    async fn ask<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, LogError> {
        self.readers.run(read).await.map_err(|error| self.note_damage(error))
    }

    async fn send(&self, command: Command) -> Result<(), LogError> {
        match self.commands.try_send(command) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(_)) => Err(LogError::Closed),
            Err(TrySendError::Full(command)) => match self.commands.send_timeout(command, self.queue_wait).await {
                Ok(()) => Ok(()),
                Err(SendTimeoutError::Timeout(_)) => Err(busy()),
                Err(SendTimeoutError::Closed(_)) => Err(LogError::Closed),
            },
        }
    }

    async fn wait<T>(&self, reply: oneshot::Receiver<Result<T, LogError>>) -> Result<T, LogError> {
        match tokio::time::timeout(COMMIT_WAIT, reply).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(LogError::Closed),
            Err(_) => Err(LogError::Unavailable { reason: "a commit takes too long".to_owned() }),
        }
    }

    /// Does a rare write in the next commit.
    async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, LogError> {
        let (reply, receiver) = oneshot::channel();
        let command = Command::Write(Box::new(move |connection| -> Finish {
            let result = write(connection).map_err(|error| failure::log_error(&error));
            // Whoever asked may have given up.
            Box::new(move |committed| drop(reply.send(committed.and(result))))
        }));
        self.send(command).await?;
        self.wait(receiver).await
    }

    /// Takes note of an answer that says nothing new, without troubling the writer. False: that is for the writer to say,
    /// who may have decided otherwise about the head already.
    fn note_if_redundant(&self, observation: &Observation) -> bool {
        let Some(basis) = observation.origin.basis() else { return false };
        let key = observation.entity();
        let noted = self.shared.heads.note(&key, |cached| {
            let head = cached.head();
            is_redundant(observation, &decide(Some(head), observation)).then(|| {
                let updated_at = observation.updated_at.map(Timestamp::as_microsecond);
                head.confirmed.answered(basis.at.as_microsecond(), updated_at);
                cached.needs_saving(ANSWER_LAG)
            })
        });
        if noted == Some(true) {
            // Only saves a question after a restart: it may be lost when the queue is full.
            let _ = self.commands.try_send(Command::SaveAnswer(key));
        }
        noted.is_some()
    }

    async fn list(&self, which: Which, after: Option<&EntityKey>, limit: usize) -> Result<Vec<Arc<Head>>, LogError> {
        let (after, limit) = (after.cloned(), limit.clamp(1, MOST_PER_PAGE));
        self.ask(move |connection| queries::heads(connection, which, after.as_ref(), limit)).await
    }
}

#[async_trait]
impl EventLog for SqliteLog {
    async fn record(&self, observation: Observation) -> Result<Recorded, LogError> {
        if self.note_if_redundant(&observation) {
            return if self.commands.is_closed() { Err(LogError::Closed) } else { Ok(Recorded::Redundant) };
        }
        let (reply, receiver) = oneshot::channel();
        self.send(Command::Record(Box::new(observation), reply)).await?;
        self.wait(receiver).await
    }

    async fn find(&self, id: &ObservationId) -> Result<Option<Position>, LogError> {
        let id = id.clone();
        self.ask(move |connection| queries::find(connection, &id)).await
    }

    async fn head(&self, entity: &EntityKey) -> Result<Option<Arc<Head>>, LogError> {
        let missed = match self.shared.heads.get(entity) {
            Ok(cached) => return Ok(Some(Arc::clone(cached.head()))),
            Err(missed) => missed,
        };
        let (key, shared) = (entity.clone(), Arc::clone(&self.shared));
        self.ask(move |connection| {
            let found = queries::head(connection, &key)?.map(|head| Cached::saved(Arc::new(head)));
            if let Some(cached) = &found {
                shared.heads.fill(&key, cached, missed);
            }
            Ok(found.map(|cached| Arc::clone(cached.head())))
        })
        .await
    }

    async fn heads(&self, scope: &Scope, after: Option<&EntityKey>, limit: usize) -> Result<Vec<Arc<Head>>, LogError> {
        if scope.is_all() {
            return self.list(Which::All, after, limit).await;
        }
        let (scope, after, limit) = (scope.clone(), after.cloned(), limit.clamp(1, MOST_PER_PAGE));
        self.ask(move |connection| queries::heads_in(connection, &scope, after.as_ref(), limit)).await
    }

    async fn read(&self, after: Position, scope: &Scope, limit: usize) -> Result<Page, LogError> {
        let (scope, limit) = (scope.clone(), limit.clamp(1, MOST_PER_PAGE));
        self.ask(move |connection| queries::page(connection, after, &scope, limit)).await
    }

    async fn bounds(&self) -> Result<Bounds, LogError> {
        self.ask(|connection| {
            let transaction = connection.unchecked_transaction()?;
            Ok(queries::bounds(&transaction)?.0)
        })
        .await
    }

    async fn admit(&self, epoch: Epoch, mark: Mark) -> Result<(), LogError> {
        if !self.lineage.includes(epoch, mark.position) {
            return Err(LogError::Foreign);
        }
        self.ask(move |connection| queries::admit(connection, mark)).await
    }

    async fn mark_at(&self, time: Timestamp) -> Result<Mark, LogError> {
        self.ask(move |connection| queries::mark_at_time(connection, time)).await
    }

    async fn unresolved(&self, after: Option<&EntityKey>, limit: usize) -> Result<Vec<Arc<Head>>, LogError> {
        self.list(Which::InDoubt, after, limit).await
    }

    async fn unsettled(&self, after: Option<&EntityKey>, limit: usize) -> Result<Vec<Arc<Head>>, LogError> {
        self.list(Which::Unsettled, after, limit).await
    }

    async fn quarantine(&self, webhook: Quarantined) -> Result<bool, LogError> {
        if self.is_full() {
            self.shared.troubles.refused();
            return Err(LogError::Full);
        }
        self.write(move |connection| row::insert_quarantined(connection, webhook)).await
    }

    async fn quarantined(&self, after: Option<&ObservationId>, limit: usize) -> Result<Vec<Quarantined>, LogError> {
        let (after, limit) = (after.cloned(), limit.clamp(1, MOST_PER_PAGE));
        self.ask(move |connection| queries::quarantined(connection, after.as_ref(), limit)).await
    }

    async fn find_quarantined(&self, id: &ObservationId) -> Result<Option<Quarantined>, LogError> {
        let id = id.clone();
        self.ask(move |connection| queries::find_quarantined(connection, &id)).await
    }

    async fn count_quarantined(&self, most: usize) -> Result<usize, LogError> {
        self.ask(move |connection| queries::count_quarantined(connection, most)).await
    }

    async fn release(&self, id: &ObservationId) -> Result<bool, LogError> {
        let id = id.clone();
        self.write(move |connection| Ok(connection.execute("DELETE FROM quarantine WHERE id = ?1", [id.as_str()])? > 0))
            .await
    }

    async fn lease(&self, duty: Duty, _ttl: Duration) -> Result<Option<Lease>, LogError> {
        if self.commands.is_closed() {
            return Err(LogError::Closed);
        }
        // The lock on the file is the lease: nobody else can have this log open.
        Ok(Some(Lease { duty, until: None, revision: 0 }))
    }

    async fn renew(&self, lease: Lease, _ttl: Duration) -> Result<Option<Lease>, LogError> {
        Ok(Some(lease))
    }

    async fn hand_back(&self, _lease: Lease) -> Result<(), LogError> {
        Ok(())
    }

    async fn bookmark(&self, bookmark: Bookmark) -> Result<Option<Timestamp>, LogError> {
        self.ask(move |connection| queries::bookmark(connection, bookmark)).await
    }

    async fn set_bookmark(&self, bookmark: Bookmark, at: Timestamp) -> Result<(), LogError> {
        self.write(move |connection| row::set_bookmark(connection, bookmark, at)).await
    }

    fn hub(&self) -> &Arc<Hub> {
        &self.shared.hub
    }

    fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    fn as_of(&self) -> Timestamp {
        self.shared.known_until()
    }

    fn basis(&self) -> Basis {
        Basis { knowing: self.shared.hub.end().position, at: self.shared.clock.now() }
    }

    fn condition(&self) -> Condition {
        self.condition_now()
    }

    async fn closed(&self) {
        self.commands.closed().await;
    }

    async fn close(&self) {
        // Waits for its place behind what is queued; a writer that is gone already needs no telling.
        let _ = self.commands.send(Command::Close).await;
        self.readers.close().await;
        if let Some(threads) = self.take_threads() {
            // Joining is bounded by what is queued, which the writer finishes.
            let _ = tokio::task::spawn_blocking(move || threads.join()).await;
        }
    }
}

#[cfg(test)]
mod tests;
