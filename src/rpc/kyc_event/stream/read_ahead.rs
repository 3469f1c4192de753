//! A page of the log that is read while the one before it is being sent.

use std::sync::Arc;

use tokio_util::task::AbortOnDropHandle;

use crate::kyc::id::Position;
use crate::kyc::log::{EventLog, LogError, Page, Scope};

/// Events read from the log at once, by a stream that is behind: its own, some hundred bytes each. It has two such pages at
/// most, the one it sends and the one it reads.
const READ: usize = 512;

/// A page that is being read, by a task of its own: a stream whose reader is slow is not polled for long, and a read that
/// waited with it would keep its place among those that the log allows. Dropped, it is not read any further.
#[derive(Debug)]
pub(super) struct ReadAhead {
    after: Position,
    page: AbortOnDropHandle<Result<Page, LogError>>,
}

impl ReadAhead {
    /// Begins to read what follows `after`; of everyone, without a scope.
    pub(super) fn start(log: &Arc<dyn EventLog>, after: Position, scope: Option<&Arc<Scope>>) -> Self {
        let (log, scope) = (Arc::clone(log), scope.cloned());
        let read = async move { log.read(after, scope.as_deref().unwrap_or(&Scope::ALL), READ).await };
        Self { after, page: AbortOnDropHandle::new(tokio::spawn(read)) }
    }

    /// Whether it reads what follows `after`.
    pub(super) fn is_after(&self, after: Position) -> bool {
        self.after == after
    }

    /// The page, once it is read.
    pub(super) async fn page(self) -> Result<Page, LogError> {
        match self.page.await {
            Ok(page) => page,
            Err(_) => Err(LogError::Unavailable { reason: "a read did not finish".to_owned() }),
        }
    }
}
