//! A few connections for reading, used from blocking threads for one short read at a time.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::OpenError;
use super::failure;
use super::lock::LockFile;
use super::queries::ReadError;
use super::schema::{Role, connect};
use crate::log::LogError;

/// The connections.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    size: u32,
    /// As many as there may be reads at once.
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Idle>>,
}

/// Guarded as one thing.
#[derive(Debug)]
struct Idle {
    /// Connections nobody uses at the moment.
    connections: Vec<Connection>,
    /// Kept at least as long as there is a connection.
    lock: Option<Arc<LockFile>>,
    is_closed: bool,
}

impl Readers {
    /// At most `size` connections, opened when they are needed.
    pub(super) fn new(path: PathBuf, size: u32) -> Self {
        Self::with(path, size, None)
    }

    /// The same, of a file that is kept locked until the last of them is closed.
    pub(super) fn of_log(path: PathBuf, size: u32, lock: Arc<LockFile>) -> Self {
        Self::with(path, size, Some(lock))
    }

    fn with(path: PathBuf, size: u32, lock: Option<Arc<LockFile>>) -> Self {
        let size = size.max(1);
        let permits = Arc::new(Semaphore::new(usize::try_from(size).unwrap_or(1)));
        let idle = Idle { connections: Vec::new(), lock, is_closed: false };
        Self { path, size, permits, idle: Arc::new(Mutex::new(idle)) }
    }

    /// Runs one read. A caller that gives up leaves it to end by itself; it is short.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, LogError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| LogError::Closed)?;
        let (idle, path) = (Arc::clone(&self.idle), self.path.clone());
        let work = move || {
            // In this order: the connection is closed before the lock is let go of.
            let (_file, connection) = {
                let mut idle = lock(&idle);
                if idle.is_closed {
                    return Err(ReadError::Refused(LogError::Closed));
                }
                (idle.lock.clone(), idle.connections.pop())
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
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result.map_err(refused),
            Err(_) => Err(LogError::Unavailable { reason: "a read did not finish".to_owned() }),
        }
    }

    /// Waits for the reads that are under way, refuses new ones, and closes the connections.
    pub(super) async fn close(&self) {
        let all = self.permits.acquire_many(self.size).await;
        self.permits.close();
        drop(all);
        self.let_go();
    }

    /// Closes the connections that nobody uses, and refuses new reads. Those under way end by themselves.
    pub(super) fn let_go(&self) {
        let mut idle = lock(&self.idle);
        idle.is_closed = true;
        idle.connections.clear();
        idle.lock = None;
    }
}

fn lock(idle: &Mutex<Idle>) -> std::sync::MutexGuard<'_, Idle> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unopened(error: OpenError) -> ReadError {
    ReadError::Refused(match error {
        OpenError::Damaged { path: _, found } => LogError::Corrupt { reason: found },
        OpenError::Sqlite { path: _, reason } => LogError::Unavailable { reason },
        other => LogError::Unavailable { reason: other.to_string() },
    })
}

fn refused(error: ReadError) -> LogError {
    match error {
        ReadError::Refused(error) => error,
        ReadError::Row(error) => LogError::Corrupt { reason: error.to_string() },
        // A read that failed leaves what is durable as it was: the log stays open.
        ReadError::Sqlite(error) => failure::log_error(&error),
    }
}
