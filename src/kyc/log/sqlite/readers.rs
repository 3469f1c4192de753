//! A few connections for reading, used from blocking threads for one short read at a time.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::OpenError;
use super::failure;
use super::queries::ReadError;
use super::schema::{Role, connect};
use crate::kyc::log::LogError;

/// The connections.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    size: u32,
    /// As many as there may be reads at once.
    permits: Arc<Semaphore>,
    /// Connections nobody uses at the moment; guards nothing else.
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    /// At most `size` connections, opened when they are needed.
    pub(super) fn new(path: PathBuf, size: u32) -> Self {
        let size = size.max(1);
        let permits = Arc::new(Semaphore::new(usize::try_from(size).unwrap_or(1)));
        Self { path, size, permits, idle: Arc::default() }
    }

    /// Runs one read. A caller that gives up leaves it to end by itself; it is short.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, LogError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| LogError::Closed)?;
        let (idle, path) = (Arc::clone(&self.idle), self.path.clone());
        let work = move || {
            let connection = lock(&idle).pop();
            let connection = match connection {
                Some(connection) => connection,
                None => connect(&path, Role::Reader).map_err(unopened)?,
            };
            let result = read(&connection);
            // A connection that failed is not used again.
            if !matches!(result, Err(ReadError::Sqlite(_))) {
                lock(&idle).push(connection);
            }
            drop(permit);
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
        lock(&self.idle).clear();
    }
}

fn lock(idle: &Mutex<Vec<Connection>>) -> std::sync::MutexGuard<'_, Vec<Connection>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unopened(error: OpenError) -> ReadError {
    match error {
        OpenError::Sqlite(error) => ReadError::Sqlite(error),
        other => ReadError::Refused(LogError::Unavailable { reason: other.to_string() }),
    }
}

fn refused(error: ReadError) -> LogError {
    match error {
        ReadError::Refused(error) => error,
        ReadError::Row(error) => LogError::Corrupt { reason: error.to_string() },
        // A read that failed leaves what is durable as it was: the log stays open.
        ReadError::Sqlite(error) => failure::log_error(&error),
    }
}
