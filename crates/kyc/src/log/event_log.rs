//! The event log.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::metrics::LogMetrics;
use super::store::{Bookmarks, Bounds, HeadFilter, Leases, LogError, LogReader, Page, Quarantine, Recorded, Store};
use super::trouble::{Condition, Trouble};
use crate::clock::Clock;
use crate::event::{Basis, Observation};
use crate::head::Head;
use crate::hub::Hub;
use crate::id::{EntityKey, Epoch, Lineage, ObservationId, Position, Scope};
use crate::token::Mark;

/// What an event log consists of.
#[allow(missing_docs, reason = "their types say it")]
pub struct LogParts {
    pub reader: Arc<dyn LogReader>,
    pub store: Arc<dyn Store>,
    pub quarantine: Arc<dyn Quarantine>,
    pub leases: Arc<dyn Leases>,
    pub bookmarks: Arc<dyn Bookmarks>,
    pub hub: Arc<Hub>,
    pub lineage: Lineage,
    pub clock: Arc<dyn Clock>,
    pub metrics: LogMetrics,
}

/// A log of events, and the heads they add up to.
///
/// The log bounds every call in time where it waits for its own queue or store; a caller with a deadline may drop the future at
/// any time. A dropped [`record`](Self::record) may still be recorded.
pub struct EventLog(LogParts);

impl std::fmt::Debug for EventLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventLog").field("lineage", &self.0.lineage).finish_non_exhaustive()
    }
}

impl EventLog {
    /// Puts a log together.
    #[must_use]
    pub fn new(parts: LogParts) -> Self {
        Self(parts)
    }

    /// Records an observation by the rule of [`record`](crate::record), in one atomic step. The result is durable on return,
    /// [`Recorded::Duplicate`] too. Never waits for Grid.
    ///
    /// # Errors
    /// [`LogError::Unavailable`], [`LogError::Full`], [`LogError::Closed`]: not recorded, as far as is known.
    pub async fn record(&self, observation: Observation) -> Result<Recorded, LogError> {
        self.0.metrics.observe(observation, async |observation| self.0.store.record(observation).await).await
    }

    /// Notes an answer that repeats what is known, if that can be told at once; [`record`](Self::record) would return
    /// [`Recorded::Redundant`] for it. False: record it.
    #[must_use]
    pub fn note_if_redundant(&self, observation: &Observation) -> bool {
        let began = Instant::now();
        let is_noted = self.0.store.note_if_redundant(observation);
        if is_noted {
            self.0.metrics.noted(observation, began.elapsed());
        }
        is_noted
    }

    /// The position of the observation with this id, if it is durable.
    pub async fn find(&self, id: &ObservationId) -> Result<Option<Position>, LogError> {
        self.0.reader.find(id).await
    }

    /// The head of an entity; takes microseconds if it was used lately.
    pub async fn head(&self, entity: &EntityKey) -> Result<Option<Arc<Head>>, LogError> {
        self.0.reader.head(entity).await
    }

    /// The heads in `scope` in the order of their keys, after `after`, at most `limit`. Each is at least as new as the end of the
    /// log was at this call. Fewer than `limit`: the last page.
    pub async fn heads(
        &self,
        scope: &Scope,
        after: Option<&EntityKey>,
        limit: usize,
    ) -> Result<Vec<Arc<Head>>, LogError> {
        self.0.reader.heads(HeadFilter::In(scope), after, limit).await
    }

    /// The heads in doubt; see [`heads`](Self::heads).
    pub async fn unresolved(&self, after: Option<&EntityKey>, limit: usize) -> Result<Vec<Arc<Head>>, LogError> {
        self.0.reader.heads(HeadFilter::InDoubt, after, limit).await
    }

    /// The heads that are not settled; see [`heads`](Self::heads).
    pub async fn unsettled(&self, after: Option<&EntityKey>, limit: usize) -> Result<Vec<Arc<Head>>, LogError> {
        self.0.reader.heads(HeadFilter::Unsettled, after, limit).await
    }

    /// The events in `scope` after `after`, at most `limit`. A page can be empty and not the last.
    ///
    /// # Errors
    /// [`LogError::Expired`]: some events after `after` were deleted. [`LogError::Foreign`]: `after` is beyond the end.
    pub async fn read(&self, after: Position, scope: &Scope, limit: usize) -> Result<Page, LogError> {
        self.0.reader.read(after, scope, limit).await
    }

    /// What is kept.
    pub async fn bounds(&self) -> Result<Bounds, LogError> {
        self.0.reader.bounds().await
    }

    /// Checks that `mark`, of a log of this epoch, is a position of this log, and that everything after it is kept. A replica
    /// that is behind waits until it has read that far.
    ///
    /// # Errors
    /// [`LogError::Foreign`], [`LogError::Expired`].
    pub async fn admit(&self, epoch: Epoch, mark: Mark) -> Result<(), LogError> {
        if !self.0.lineage.includes(epoch, mark.position) {
            return Err(LogError::Foreign);
        }
        self.0.store.wait_until_read(mark.position).await?;
        self.0.reader.admit(mark).await
    }

    /// The mark before the first event recorded at `time` or later. Where the clock was ahead for a while, some events after it
    /// may have been recorded earlier.
    ///
    /// # Errors
    /// [`LogError::Expired`]: some of those events were deleted.
    pub async fn mark_at(&self, time: Timestamp) -> Result<Mark, LogError> {
        self.0.reader.mark_at(time).await
    }

    /// Webhooks that could not be understood.
    pub fn quarantine(&self) -> &dyn Quarantine {
        self.0.quarantine.as_ref()
    }

    /// Leader leases.
    pub fn leases(&self) -> &dyn Leases {
        self.0.leases.as_ref()
    }

    /// Remembered times.
    pub fn bookmarks(&self) -> &dyn Bookmarks {
        self.0.bookmarks.as_ref()
    }

    /// Wakes watchers, and knows the end of the log as far as this process does.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.0.hub
    }

    /// The log's epoch and ancestors.
    pub fn lineage(&self) -> &Lineage {
        &self.0.lineage
    }

    /// When this process last knew the end of the log.
    pub fn as_of(&self) -> Timestamp {
        self.0.store.as_of()
    }

    /// What is known now. To be read before Grid is asked.
    pub fn basis(&self) -> Basis {
        Basis { knowing: self.0.hub.end().position, at: self.0.clock.now() }
    }

    /// How long this process has not known the end of the log.
    pub fn lag(&self) -> Duration {
        Duration::try_from(self.0.clock.now().duration_since(self.as_of())).unwrap_or_default()
    }

    /// What is wrong, as far as known without asking the store.
    pub fn condition(&self) -> Condition {
        self.0.store.condition()
    }

    /// Whether the size limit is reached, so that nothing new is accepted.
    pub fn is_full(&self) -> bool {
        self.condition().trouble == Some(Trouble::SizeLimit)
    }

    /// Deletes all events that retention lets go now. The log also does so by itself.
    pub async fn maintain(&self) -> Result<(), LogError> {
        self.0.store.maintain().await
    }

    /// Waits until the log accepts nothing any more: it was closed, or it closed itself because its store failed in a way that
    /// leaves unclear what is durable. Then only opening it again helps.
    pub async fn closed(&self) {
        self.0.store.closed().await;
    }

    /// Refuses new observations, finishes those accepted, and releases the store. Idempotent.
    pub async fn close(&self) {
        self.0.store.close().await;
    }
}

/// A log that may not be open yet: opening can take as long as reading it. Clones share the log.
#[derive(Debug, Clone, Default)]
pub struct LateLog(Arc<OnceLock<Arc<EventLog>>>);

impl LateLog {
    /// The log, once it is open.
    pub fn get(&self) -> Option<&Arc<EventLog>> {
        self.0.get()
    }

    /// Sets the open log. Only the first call counts.
    pub fn set(&self, log: Arc<EventLog>) {
        let _ = self.0.set(log);
    }
}

impl From<Arc<EventLog>> for LateLog {
    fn from(log: Arc<EventLog>) -> Self {
        let late = Self::default();
        late.set(log);
        late
    }
}
