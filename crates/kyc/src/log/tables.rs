//! The SQL tables of a log, and reading from them: the tables of a log in a file, of a JetStream replica, and of a copy.

pub(super) mod error;
pub(super) mod head_cache;
pub(super) mod mirror;
pub(super) mod queries;
pub(super) mod reader;
pub(super) mod row;
pub(super) mod schema;
