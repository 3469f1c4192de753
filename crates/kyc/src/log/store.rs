//! What a log is kept in: the traits by which stores differ, and the types that go in and out.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::trouble::Condition;
use crate::event::{Event, Observation, Outcome};
use crate::head::Head;
use crate::id::{CustomerId, EntityKey, ObservationId, Position, Scope};
use crate::token::Mark;

/// The result of recording an observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It is durable now.
    New {
        /// Its position.
        position: Position,
        /// What it meant.
        outcome: Outcome,
    },
    /// A copy of it was durable already; nothing changed.
    Duplicate {
        /// The position of the first copy.
        position: Position,
    },
    /// An answer that the head has already, with no doubt to settle: only the head's `confirmed_at` moved.
    Redundant,
}

/// Why the log did not do what was asked. An observation whose recording failed is not recorded, as far as is known: it may
/// be recorded again, and comes out as a duplicate if it was recorded after all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// Temporary: the store is away or busy, or the queue is full.
    #[error("the event log is unavailable: {reason}")]
    Unavailable {
        /// Without personal data.
        reason: String,
    },
    /// Its size limit is reached, and no event is old enough to be deleted.
    #[error("the event log is full")]
    Full,
    /// At shutdown, or because the store failed in a way that leaves unclear what is durable.
    #[error("the event log is closed")]
    Closed,
    /// The store holds something unreadable.
    #[error("the event log is corrupt: {reason}")]
    Corrupt {
        /// Without personal data.
        reason: String,
    },
    /// Some of the events after that position were deleted.
    #[error("the event log no longer keeps what follows that position")]
    Expired {
        /// The oldest position from which everything is kept.
        oldest: Mark,
    },
    /// The position is of another epoch, beyond the end, or of another event.
    #[error("that position is of another event log")]
    Foreign,
}

/// A stretch of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The events in scope, in the order of the log.
    pub events: Vec<Arc<Event>>,
    /// Everything up to here was considered: the next page starts after it.
    pub considered: Mark,
    /// Whether the log ended here when the page was read.
    pub at_end: bool,
}

/// What a log keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Everything after this is kept.
    pub oldest: Mark,
    /// The last event.
    pub end: Mark,
}

/// Which heads to list.
#[derive(Debug, Clone, Copy)]
pub enum HeadFilter<'a> {
    /// Those of some customers.
    In(&'a Scope),
    /// Those in doubt.
    InDoubt,
    /// Those that are not settled; see [`Subject::is_settled`](crate::event::Subject::is_settled).
    Unsettled,
}

/// Reads a log. Both stores read through the same SQL tables; tests have a reader of their own. The methods of the same names
/// of [`EventLog`](super::EventLog) say what each does.
#[async_trait]
#[allow(missing_docs, reason = "EventLog documents them")]
pub trait LogReader: Send + Sync + 'static {
    async fn find(&self, id: &ObservationId) -> Result<Option<Position>, LogError>;
    async fn head(&self, entity: &EntityKey) -> Result<Option<Arc<Head>>, LogError>;
    async fn heads(
        &self,
        filter: HeadFilter<'_>,
        after: Option<&EntityKey>,
        limit: usize,
    ) -> Result<Vec<Arc<Head>>, LogError>;
    async fn read(&self, after: Position, scope: &Scope, limit: usize) -> Result<Page, LogError>;
    async fn bounds(&self) -> Result<Bounds, LogError>;
    async fn admit(&self, mark: Mark) -> Result<(), LogError>;
    async fn mark_at(&self, time: Timestamp) -> Result<Mark, LogError>;
}

/// Writes a log.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// See [`EventLog::record`](super::EventLog::record).
    async fn record(&self, observation: Observation) -> Result<Recorded, LogError>;

    /// See [`EventLog::note_if_redundant`](super::EventLog::note_if_redundant).
    fn note_if_redundant(&self, observation: &Observation) -> bool {
        let _ = observation;
        false
    }

    /// Waits until this process has read the log up to `position`, where it may be behind.
    ///
    /// # Errors
    /// [`LogError::Foreign`]: the log ends before.
    async fn wait_until_read(&self, position: Position) -> Result<(), LogError>;

    /// When this process last knew the end of the log.
    fn as_of(&self) -> Timestamp;

    /// What is wrong, as far as known without asking the store.
    fn condition(&self) -> Condition;

    /// Deletes all events that retention lets go now.
    async fn maintain(&self) -> Result<(), LogError>;

    /// Waits until the log accepts nothing any more.
    async fn closed(&self);

    /// Refuses new observations, finishes those accepted, and releases the store. Idempotent.
    async fn close(&self);
}

/// A webhook about KYC that could not be understood. Its body is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// The webhook's id.
    pub id: ObservationId,
    /// Its type, such as `CUSTOMER.KYC_APPROVED`.
    pub kind: String,
    /// When Grid sent it.
    pub timestamp: Option<Timestamp>,
    /// When it was quarantined.
    pub quarantined_at: Timestamp,
    /// What could not be understood.
    pub reason: String,
    /// The names of its data's fields, without their values.
    pub field_names: Vec<String>,
    /// The customer, if that much could be read.
    pub customer: Option<CustomerId>,
}

/// Webhooks that could not be understood.
#[async_trait]
pub trait Quarantine: Send + Sync + 'static {
    /// Adds a webhook; durable on return. False: it is there already.
    async fn add(&self, webhook: Quarantined) -> Result<bool, LogError>;

    /// The webhooks in the order of ids, after `after`, at most `limit`.
    async fn page(&self, after: Option<&ObservationId>, limit: usize) -> Result<Vec<Quarantined>, LogError>;

    /// The webhook with this id.
    async fn find(&self, id: &ObservationId) -> Result<Option<Quarantined>, LogError>;

    /// The number of webhooks; counting stops at `most`.
    async fn count(&self, most: usize) -> Result<usize, LogError>;

    /// Removes a webhook. False: it was not there.
    async fn remove(&self, id: &ObservationId) -> Result<bool, LogError>;
}

/// Work that one replica at a time does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Duty {
    /// The resolver's.
    Resolve,
    /// The reconciler's.
    Reconcile,
}

impl Duty {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Reconcile => "reconcile",
        }
    }
}

/// A leader lease. Two may overlap when a process was paused. That is harmless: a recorded answer says what it was based on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The work.
    pub duty: Duty,
    /// When it expires unless renewed; none when no other process can take it.
    pub until: Option<tokio::time::Instant>,
    /// The store's revision, for renewing.
    pub revision: u64,
}

/// Leader leases.
#[async_trait]
pub trait Leases: Send + Sync + 'static {
    /// Acquires a lease for `ttl`; none when another process holds it.
    async fn acquire(&self, duty: Duty, ttl: Duration) -> Result<Option<Lease>, LogError>;

    /// Renews a lease for another `ttl`; none when it is lost.
    async fn renew(&self, lease: Lease, ttl: Duration) -> Result<Option<Lease>, LogError>;

    /// Releases a lease before it expires.
    async fn release(&self, lease: Lease) -> Result<(), LogError>;
}

/// A time that is remembered across restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bookmark {
    /// The reconciler has compared every customer that Grid updated before this time.
    RecentSeenTo,
    /// The reconciler's last complete sweep began at this time.
    SweptAt,
}

impl Bookmark {
    pub(crate) const ALL: [Self; 2] = [Self::RecentSeenTo, Self::SweptAt];

    /// Stored.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::RecentSeenTo => "recent_seen_to",
            Self::SweptAt => "swept_at",
        }
    }
}

/// Remembered times.
#[async_trait]
pub trait Bookmarks: Send + Sync + 'static {
    /// A remembered time.
    async fn get(&self, bookmark: Bookmark) -> Result<Option<Timestamp>, LogError>;

    /// Remembers a time; durable on return.
    async fn set(&self, bookmark: Bookmark, at: Timestamp) -> Result<(), LogError>;
}
