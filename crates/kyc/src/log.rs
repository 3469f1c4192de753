//! The event log: all parts that learn a status record it here, and streams read it from here.
//!
//! An [`EventLog`] is kept in a file by one process ([`sqlite`]), or on JetStream by many ([`jetstream`]). Both keep SQL tables of
//! the same schema, from which they read with the same code; they differ in how they write ([`Store`]). `tests/it/event_log` holds
//! both to one suite.

pub mod copy;
mod event_log;
pub mod jetstream;
mod metrics;
mod obstacle;
mod retention;
pub mod sqlite;
mod states;
mod store;
mod tables;
mod times;
mod trouble;

pub use self::event_log::{EventLog, LateLog, LogParts};
pub use self::metrics::{LogMetrics, TraceLinks};
pub use self::obstacle::Obstacle;
pub use self::retention::{IDS_KEPT, Retention};
pub use self::states::LogStates;
pub use self::store::{
    Bookmark, Bookmarks, Bounds, Duty, HeadFilter, Lease, Leases, LogError, LogReader, Page, Quarantine, Quarantined,
    Recorded, Store,
};
pub use self::trouble::{Condition, Trouble};
pub use crate::id::Scope;
