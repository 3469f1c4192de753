//! The event log in one SQLite file, for one process.
//!
//! One thread writes, and commits all that is queued; a few connections read short pages; a third thread checkpoints the
//! write-ahead log. A lock beside the file keeps a second process out. `sqlite3` can look at any time: the tables, and the views
//! `events_readable` and `heads_readable`, are made to be read.

mod batch;
mod failure;
pub(super) mod lock;
mod queue;
mod retention;
mod store;
mod wal;
mod writer;

pub use self::store::{SqliteOptions, open};
pub use super::tables::error::OpenError;
