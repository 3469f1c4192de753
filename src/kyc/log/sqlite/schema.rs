//! The tables, how they came to be, and how a connection to them is set up.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, TransactionBehavior};

use super::OpenError;
use super::checkpoint::GROWTH;

/// Marks a file as a gridgate event log (`PRAGMA application_id`): "ggev".
const APPLICATION_ID: i32 = 0x6767_6576;

/// What makes each version of the schema out of the one before; the first makes it out of nothing.
const MIGRATIONS: [&str; 2] = [include_str!("schema_v1.sql"), include_str!("schema_v2.sql")];

/// How long a statement waits for somebody who has the file locked, such as a person with `sqlite3`.
const BUSY: Duration = Duration::from_secs(2);

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Commits events.
    Writer,
    /// Reads pages.
    Reader,
    /// Moves what was committed from the write-ahead log into the file.
    Checkpointer,
}

/// Opens the file with the settings that durability rests on.
pub(super) fn connect(path: &Path, role: Role) -> Result<Connection, OpenError> {
    let access = match role {
        Role::Writer | Role::Checkpointer => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        Role::Reader => OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(64);
    let cache_kibibytes = match role {
        Role::Writer => 64 * 1024,
        Role::Reader => 16 * 1024,
        Role::Checkpointer => 1024,
    };
    connection.pragma_update(None, "cache_size", -cache_kibibytes)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    if role != Role::Reader {
        // Only matters for a new file. Smaller pages than usual, because most of what a commit writes is one row on each of many.
        connection.pragma_update(None, "page_size", 2048)?;
        let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        if !mode.eq_ignore_ascii_case("wal") {
            return Err(OpenError::NoWriteAheadLog);
        }
        connection.pragma_update(None, "synchronous", "FULL")?;
        // On macOS fsync alone does not reach the disk; elsewhere these two change nothing.
        connection.pragma_update(None, "fullfsync", true)?;
        connection.pragma_update(None, "checkpoint_fullfsync", true)?;
        // Checkpoints are the checkpointer's, so that a commit does not wait for one.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "journal_size_limit", i64::try_from(GROWTH).unwrap_or(i64::MAX))?;
    }
    Ok(connection)
}

/// Brings the tables of an event log to this version, in one transaction per version.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let application_id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application_id != APPLICATION_ID && (application_id != 0 || found != 0 || tables != 0) {
        return Err(OpenError::NotAnEventLog);
    }
    let known = MIGRATIONS.len();
    let done = usize::try_from(found).map_err(|_| OpenError::NotAnEventLog)?;
    if done > known {
        return Err(OpenError::NewerSchema { found, known: known.try_into().unwrap_or(i64::MAX) });
    }
    for (version, migration) in MIGRATIONS.iter().enumerate().skip(done) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", i64::try_from(version + 1).unwrap_or(i64::MAX))?;
        transaction.commit()?;
    }
    Ok(())
}

/// Why nothing may be written to the log, if that is so.
pub(super) fn sealed(connection: &Connection) -> Result<Option<String>, OpenError> {
    Ok(connection.query_row("SELECT reason FROM sealed", [], |row| row.get(0)).optional()?)
}
