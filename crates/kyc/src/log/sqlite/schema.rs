//! The tables, how they came to be, and how a connection to them is set up.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, TransactionBehavior};

use super::checkpoint::GROWTH;
use super::{OpenError, damage};

/// Marks a file as a gridgate event log (`PRAGMA application_id`): "ggev".
const APPLICATION_ID: i32 = 0x6767_6576;

/// What makes each version of the schema out of the one before; the first makes it out of nothing.
const MIGRATIONS: [&str; 3] =
    [include_str!("schema_v1.sql"), include_str!("schema_v2.sql"), include_str!("schema_v3.sql")];

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
    let mode = set_up(path, role).map_err(|error| damage::unusable(path, &error))?;
    mode.ok_or(OpenError::NoWriteAheadLog)
}

/// None: it has no write-ahead log.
fn set_up(path: &Path, role: Role) -> rusqlite::Result<Option<Connection>> {
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
            return Ok(None);
        }
        connection.pragma_update(None, "synchronous", "FULL")?;
        // On macOS fsync alone does not reach the disk; elsewhere these two change nothing.
        connection.pragma_update(None, "fullfsync", true)?;
        connection.pragma_update(None, "checkpoint_fullfsync", true)?;
        // Checkpoints are the checkpointer's, so that a commit does not wait for one.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "journal_size_limit", i64::try_from(GROWTH).unwrap_or(i64::MAX))?;
    }
    Ok(Some(connection))
}

/// Brings the tables of an event log to this version, in one transaction per version.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let unusable = |error: rusqlite::Error| damage::unusable(path, &error);
    let marks = Marks::read(connection).map_err(unusable)?;
    let Marks { application_id, version: found, tables, own_tables } = marks;
    let damaged = |found: &str| OpenError::Damaged { path: path.to_owned(), found: found.to_owned() };
    if application_id != APPLICATION_ID && (application_id != 0 || found != 0 || tables != 0) {
        return Err(if own_tables == 2 {
            damaged("its header does not say that it is an event log, though it has the tables of one")
        } else {
            OpenError::NotAnEventLog { path: path.to_owned() }
        });
    }
    let known = MIGRATIONS.len();
    let done = usize::try_from(found).ok().filter(|_| damage::is_plausible(found));
    let done = done.ok_or_else(|| damaged("its header names a schema version that does not exist"))?;
    if done > known {
        let known = known.try_into().unwrap_or(i64::MAX);
        return Err(OpenError::NewerSchema { path: path.to_owned(), found, known });
    }
    damage::check(connection, path)?;
    bring_up(connection, done).map_err(unusable)
}

/// The marks that identify a database as an event log.
struct Marks {
    application_id: i32,
    version: i64,
    tables: i64,
    /// How many of two tables are there that only an event log has.
    own_tables: i64,
}

impl Marks {
    fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let count = |condition: &str| {
            connection.query_row(&format!("SELECT count(*) FROM sqlite_schema{condition}"), [], |row| row.get(0))
        };
        Ok(Self {
            application_id: connection.pragma_query_value(None, "application_id", |row| row.get(0))?,
            version: connection.pragma_query_value(None, "user_version", |row| row.get(0))?,
            tables: count("")?,
            own_tables: count(" WHERE type = 'table' AND name IN ('log_info', 'platform_customers')")?,
        })
    }
}

fn bring_up(connection: &mut Connection, done: usize) -> rusqlite::Result<()> {
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
pub(super) fn sealed(connection: &Connection, path: &Path) -> Result<Option<String>, OpenError> {
    let reason = connection.query_row("SELECT reason FROM sealed", [], |row| row.get(0)).optional();
    reason.map_err(|error| damage::unusable(path, &error))
}
