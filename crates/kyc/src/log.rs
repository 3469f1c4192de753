//! The event log: the one door that everything which learns a status goes through, and the truth that streams read.
//!
//! The trait is made for two: SQLite in the process ([`sqlite`]), and a JetStream shared by many replicas ([`jetstream`]). What both
//! promise is tested by one suite, `tests/it/event_log`.

pub mod copy;
pub mod jetstream;
mod late;
mod obstacle;
pub mod sqlite;
mod times;
mod trouble;

pub use self::late::LateLog;
pub use self::obstacle::Obstacle;
pub use self::trouble::{Condition, Trouble};
pub use super::id::Scope;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::event::{Basis, Event, Observation, Outcome};
use super::head::Head;
use super::hub::Hub;
use super::id::{CustomerId, EntityKey, Epoch, Lineage, ObservationId, Position};
use super::token::Mark;

/// What became of an observation that was handed to [`EventLog::record`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It is in the log now, for certain.
    New {
        /// Where.
        position: Position,
        /// What it meant.
        outcome: Outcome,
    },
    /// A copy of it was in the log already, for certain; nothing changed.
    Duplicate {
        /// Where the first copy is.
        position: Position,
    },
    /// Grid was asked and said what the head says, with no doubt to settle: only the head's `confirmed_at` moved.
    Redundant,
}

/// Why the log did not do what was asked. Nothing is recorded when `record` fails, as far as is known: the same
/// observation may be handed in again, and comes out as a duplicate if it was recorded after all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// It cannot do it now, and may soon: the store is away or busy, or the queue is full.
    #[error("the event log is unavailable: {reason}")]
    Unavailable {
        /// What is wrong, without personal data.
        reason: String,
    },
    /// Its size limit is reached, and nothing in it is old enough to be let go.
    #[error("the event log is full")]
    Full,
    /// It was closed: at shutdown, or because the store failed in a way that leaves what is durable uncertain.
    #[error("the event log is closed")]
    Closed,
    /// The store holds what cannot be understood.
    #[error("the event log is corrupt: {reason}")]
    Corrupt {
        /// What is wrong, without personal data.
        reason: String,
    },
    /// What follows that position is no longer kept in full.
    #[error("the event log no longer keeps what follows that position")]
    Expired {
        /// The oldest place that can be read on from.
        oldest: Mark,
    },
    /// That place is not one of this log: another epoch, beyond the end, or another event stands there.
    #[error("that position is of another event log")]
    Foreign,
}

/// A stretch of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The events in it that were asked for, in the order of the log.
    pub events: Vec<Arc<Event>>,
    /// Everything up to here was considered: the next page starts after it. It is the end of the log if it has not moved
    /// since it was given.
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

/// A webhook about KYC whose data could not be understood. Its body is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// The webhook's id.
    pub id: ObservationId,
    /// Its type, such as `CUSTOMER.KYC_APPROVED`.
    pub kind: String,
    /// When Grid sent it.
    pub timestamp: Option<Timestamp>,
    /// When it was put here.
    pub quarantined_at: Timestamp,
    /// What could not be understood.
    pub reason: String,
    /// The names of the fields its data has, without their values.
    pub field_names: Vec<String>,
    /// The customer it is about, where that much could be read.
    pub customer: Option<CustomerId>,
}

/// A piece of work that one replica at a time does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Duty {
    /// Asking Grid about what is in doubt.
    Resolve,
    /// Looking for what no webhook said.
    Reconcile,
}

impl Duty {
    /// Its name in the store.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Reconcile => "reconcile",
        }
    }
}

/// A duty that is this process's for a while. Two may overlap when a process is paused; that does no harm, since what is
/// recorded of an answer says what it was based on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What it is for.
    pub duty: Duty,
    /// When it ends, unless it is renewed; none when nobody else can take it.
    pub until: Option<tokio::time::Instant>,
    /// The store's own mark for renewing it.
    pub revision: u64,
}

/// A time that is remembered across restarts, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bookmark {
    /// The reconciler has seen every customer that Grid updated before this time.
    RecentSeenTo,
    /// The reconciler last finished a sweep of all customers that began at this time.
    SweptAt,
}

impl Bookmark {
    /// Every one of them.
    pub const ALL: [Self; 2] = [Self::RecentSeenTo, Self::SweptAt];

    /// Its name in the store.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RecentSeenTo => "recent_seen_to",
            Self::SweptAt => "swept_at",
        }
    }
}

/// A log of events, and the heads they add up to.
///
/// Every method is bounded in time by the log itself where it waits for its own queue or store; a caller with a deadline
/// may drop the future at any time. A dropped `record` may still be recorded.
#[async_trait]
pub trait EventLog: Send + Sync + 'static {
    /// Records what was seen, by the rule of [`record`](super::record), in one atomic step.
    ///
    /// It is durable when this returns, whatever the outcome; [`Recorded::Duplicate`] too is only said of what is
    /// durable. It never waits for Grid.
    ///
    /// # Errors
    /// [`LogError::Unavailable`], [`LogError::Full`], [`LogError::Closed`]: not recorded as far as is known.
    async fn record(&self, observation: Observation) -> Result<Recorded, LogError>;

    /// Where the observation with this id is, if it is in the log for certain.
    async fn find(&self, id: &ObservationId) -> Result<Option<Position>, LogError>;

    /// What is held to be so now of one entity; microseconds where it was used lately.
    async fn head(&self, entity: &EntityKey) -> Result<Option<Arc<Head>>, LogError>;

    /// Heads in the order of their keys, those in `scope`, after `after`, at most `limit` of them. Each says its own
    /// position, and is at least as new as the end of the log was when this was called. Fewer than `limit`: the last page.
    async fn heads(&self, scope: &Scope, after: Option<&EntityKey>, limit: usize) -> Result<Vec<Arc<Head>>, LogError>;

    /// Events after `after`, those in `scope`, in the order of the log, at most `limit` of them. A page can be empty and
    /// not the last.
    ///
    /// # Errors
    /// [`LogError::Expired`] when the log no longer held everything after `after` as the page was read;
    /// [`LogError::Foreign`] when `after` is beyond its end.
    async fn read(&self, after: Position, scope: &Scope, limit: usize) -> Result<Page, LogError>;

    /// What is kept.
    async fn bounds(&self) -> Result<Bounds, LogError>;

    /// Whether a log of this epoch has this mark at the same place as this log, and everything after it is kept. Waits,
    /// on a replica that is merely behind, until it has come that far.
    ///
    /// # Errors
    /// [`LogError::Foreign`], [`LogError::Expired`].
    async fn admit(&self, epoch: Epoch, mark: Mark) -> Result<(), LogError>;

    /// The place before the first event that was recorded at `time` or later. Where the clock was ahead for a while, some
    /// that follow may have been recorded before.
    ///
    /// # Errors
    /// [`LogError::Expired`] when part of that is no longer kept.
    async fn mark_at(&self, time: Timestamp) -> Result<Mark, LogError>;

    /// Heads in doubt, in the order of their keys, after `after`, at most `limit`.
    async fn unresolved(&self, after: Option<&EntityKey>, limit: usize) -> Result<Vec<Arc<Head>>, LogError>;

    /// Heads that are not settled (see [`Subject::is_settled`](super::event::Subject::is_settled)), in the order of their
    /// keys, after `after`, at most `limit`.
    async fn unsettled(&self, after: Option<&EntityKey>, limit: usize) -> Result<Vec<Arc<Head>>, LogError>;

    /// Keeps a webhook that could not be understood; durable when it returns. False: it is there already.
    async fn quarantine(&self, webhook: Quarantined) -> Result<bool, LogError>;

    /// What is in quarantine, in the order of ids, after `after`, at most `limit`.
    async fn quarantined(&self, after: Option<&ObservationId>, limit: usize) -> Result<Vec<Quarantined>, LogError>;

    /// The webhook with this id, if it is in quarantine.
    async fn find_quarantined(&self, id: &ObservationId) -> Result<Option<Quarantined>, LogError>;

    /// How many webhooks are in quarantine; counting ends at `most`.
    async fn count_quarantined(&self, most: usize) -> Result<usize, LogError>;

    /// Takes a webhook out of quarantine. False: it was not there.
    async fn release(&self, id: &ObservationId) -> Result<bool, LogError>;

    /// Takes a duty for `ttl`; none when another process has it.
    async fn lease(&self, duty: Duty, ttl: Duration) -> Result<Option<Lease>, LogError>;

    /// Keeps a duty for another `ttl`; none when it is lost.
    async fn renew(&self, lease: Lease, ttl: Duration) -> Result<Option<Lease>, LogError>;

    /// Gives a duty back before its time.
    async fn hand_back(&self, lease: Lease) -> Result<(), LogError>;

    /// A remembered time.
    async fn bookmark(&self, bookmark: Bookmark) -> Result<Option<Timestamp>, LogError>;

    /// Remembers a time; durable when it returns.
    async fn set_bookmark(&self, bookmark: Bookmark, at: Timestamp) -> Result<(), LogError>;

    /// Wakes readers; knows the end of the log as far as this process has heard.
    fn hub(&self) -> &Arc<Hub>;

    /// The log's epoch and ancestors.
    fn lineage(&self) -> &Lineage;

    /// When this process last knew the end of the log.
    fn as_of(&self) -> Timestamp;

    /// What is known now, to be read before Grid is asked.
    fn basis(&self) -> Basis;

    /// For how long this process has not known the end of the log.
    fn lag(&self) -> Duration {
        Duration::try_from(self.basis().at.duration_since(self.as_of())).unwrap_or_default()
    }

    /// How it is doing, as far as is known without asking its store.
    fn condition(&self) -> Condition {
        Condition::default()
    }

    /// Waits until it takes nothing any more: it was closed, or closed itself because its store failed in a way that leaves
    /// what is durable uncertain. Opening it anew is all that helps then, and finds out.
    async fn closed(&self);

    /// Stops taking observations, finishes what was taken, and lets go of the store. Idempotent.
    async fn close(&self);
}
