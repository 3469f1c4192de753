//! Reading from the tables: a few connections, used from blocking threads for one short read at a time, and the head cache.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::error::{DamageReport, OpenError, ReadError};
use super::head_cache::HeadCache;
use super::queries;
use super::schema::{Role, connect};
use crate::head::Head;
use crate::id::{EntityKey, ObservationId, Position, Scope};
use crate::log::store::{Bounds, HeadFilter, LogError, LogReader, Page};
use crate::token::Mark;

/// The largest page.
pub(crate) const MOST_PER_PAGE: usize = 4096;

/// What has to stay in place while a connection is open, such as the lock of the file.
type Guard = Arc<dyn std::any::Any + Send + Sync>;

/// The tables, for reading.
pub(crate) struct Tables {
    path: PathBuf,
    size: u32,
    /// As many as reads may run at once.
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Idle>>,
    heads: Arc<HeadCache>,
    /// Where damage that a read meets is to be logged.
    damage: Option<Arc<DamageReport>>,
}

/// Locked as one.
struct Idle {
    connections: Vec<Connection>,
    /// Dropped after the last connection.
    guard: Option<Guard>,
    is_closed: bool,
}

impl Tables {
    /// At most `size` connections, opened when they are needed.
    pub(crate) fn new(path: PathBuf, size: u32, heads: Arc<HeadCache>) -> Self {
        let size = size.max(1);
        let permits = Arc::new(Semaphore::new(usize::try_from(size).unwrap_or(1)));
        let idle = Idle { connections: Vec::new(), guard: None, is_closed: false };
        Self { path, size, permits, idle: Arc::new(Mutex::new(idle)), heads, damage: None }
    }

    /// Of a log's own file: keeps `guard` until the last connection is closed, and logs damage.
    pub(crate) fn of_file(self, guard: Guard, damage: Arc<DamageReport>) -> Self {
        lock(&self.idle).guard = Some(guard);
        Self { damage: Some(damage), ..self }
    }

    pub(crate) fn heads_in_memory(&self) -> &Arc<HeadCache> {
        &self.heads
    }

    /// Runs one read. A caller that gives up leaves it to end by itself; it is short.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, LogError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| LogError::Closed)?;
        let (idle, path) = (Arc::clone(&self.idle), self.path.clone());
        let work = move || {
            // In this order: the connection is dropped before the guard.
            let (_guard, connection) = {
                let mut idle = lock(&idle);
                if idle.is_closed {
                    return Err(ReadError::Refused(LogError::Closed));
                }
                (idle.guard.clone(), idle.connections.pop())
            };
            let connection = match connection {
                Some(connection) => connection,
                None => connect(&path, Role::Reader).map_err(unopened)?,
            };
            let result = read(&connection);
            let mut idle = lock(&idle);
            // A connection that failed is not used again.
            if !idle.is_closed && !matches!(result, Err(ReadError::Sqlite(_))) {
                idle.connections.push(connection);
            }
            drop((idle, permit));
            result
        };
        let result = match tokio::task::spawn_blocking(work).await {
            // A read that failed leaves what is durable as it was: the log stays open.
            Ok(result) => result.map_err(LogError::from),
            Err(_) => Err(LogError::Unavailable { reason: "a read did not finish".to_owned() }),
        };
        if let (Some(damage), Err(LogError::Corrupt { reason })) = (&self.damage, &result) {
            damage.log(reason);
        }
        result
    }

    /// Waits for the reads under way, refuses new ones, and closes the connections.
    pub(crate) async fn close(&self) {
        let all = self.permits.acquire_many(self.size).await;
        self.permits.close();
        drop(all);
        self.close_idle();
    }

    /// Closes the idle connections, and refuses new reads. Those under way end by themselves.
    pub(crate) fn close_idle(&self) {
        let mut idle = lock(&self.idle);
        idle.is_closed = true;
        idle.connections.clear();
        idle.guard = None;
    }
}

fn lock(idle: &Mutex<Idle>) -> MutexGuard<'_, Idle> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unopened(error: OpenError) -> ReadError {
    ReadError::Refused(match error {
        OpenError::Damaged { path: _, found } => LogError::Corrupt { reason: found },
        OpenError::Sqlite { path: _, reason } => LogError::Unavailable { reason },
        other => LogError::Unavailable { reason: other.to_string() },
    })
}

#[async_trait]
impl LogReader for Tables {
    async fn find(&self, id: &ObservationId) -> Result<Option<Position>, LogError> {
        let id = id.clone();
        self.run(move |connection| queries::find(connection, &id)).await
    }

    async fn head(&self, entity: &EntityKey) -> Result<Option<Arc<Head>>, LogError> {
        let miss = match self.heads.get(entity) {
            Ok(cached) => return Ok(Some(Arc::clone(cached.head()))),
            Err(miss) => miss,
        };
        let (key, heads) = (entity.clone(), Arc::clone(&self.heads));
        let read = move |connection: &Connection| heads.read(connection, &key, miss);
        Ok(self.run(read).await?.map(|cached| Arc::clone(cached.head())))
    }

    async fn heads(
        &self,
        filter: HeadFilter<'_>,
        after: Option<&EntityKey>,
        limit: usize,
    ) -> Result<Vec<Arc<Head>>, LogError> {
        let (after, limit) = (after.cloned(), limit.clamp(1, MOST_PER_PAGE));
        let condition = match filter {
            HeadFilter::In(scope) if scope.is_all() => "TRUE",
            HeadFilter::InDoubt => "doubt_position IS NOT NULL",
            HeadFilter::Unsettled => "settled = 0",
            HeadFilter::In(scope) => {
                let scope = scope.clone();
                let read = move |connection: &Connection| queries::heads_in(connection, &scope, after.as_ref(), limit);
                return self.run(read).await;
            }
        };
        self.run(move |connection| queries::heads_where(connection, condition, after.as_ref(), limit)).await
    }

    async fn read(&self, after: Position, scope: &Scope, limit: usize) -> Result<Page, LogError> {
        let (scope, limit) = (scope.clone(), limit.clamp(1, MOST_PER_PAGE));
        self.run(move |connection| queries::page(connection, after, &scope, limit)).await
    }

    async fn bounds(&self) -> Result<Bounds, LogError> {
        self.run(|connection| Ok(queries::bounds(&*connection.unchecked_transaction()?)?.0)).await
    }

    async fn admit(&self, mark: Mark) -> Result<(), LogError> {
        self.run(move |connection| queries::admit(connection, mark)).await
    }

    async fn mark_at(&self, time: Timestamp) -> Result<Mark, LogError> {
        self.run(move |connection| queries::mark_at_time(connection, time)).await
    }
}
