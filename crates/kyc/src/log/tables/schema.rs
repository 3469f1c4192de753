//! The tables: how they came to be, how a connection to them is set up, and what they say about the log itself.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, TransactionBehavior};

use super::error::{OpenError, ReadError};
use super::row::{number, position};
use crate::id::{Epoch, Lineage};
use crate::log::store::LogError;

/// Marks a file as an event log of gridgate (`PRAGMA application_id`): "ggev".
const APPLICATION_ID: i32 = 0x6767_6576;
/// Each makes a version of the schema out of the one before; the first makes it out of nothing.
const MIGRATIONS: [&str; 3] =
    [include_str!("schema_v1.sql"), include_str!("schema_v2.sql"), include_str!("schema_v3.sql")];
/// No gridgate ever wrote a schema version from this one on.
const IMPLAUSIBLE_VERSION: i64 = 1000;
/// Up to this size, in bytes, the integrity of a file is checked when it is opened; that takes less than a second.
const CHECKED_UP_TO: u64 = 64 << 20;
/// How long a statement waits while another process locks the file, such as `sqlite3`.
const BUSY: Duration = Duration::from_secs(2);
/// The write-ahead log is checkpointed each time it has grown by this many bytes.
pub(crate) const WAL_GROWTH: u64 = 16 << 20;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Commits.
    Writer,
    /// Reads pages.
    Reader,
    /// Moves commits from the write-ahead log into the file.
    Checkpointer,
}

/// Opens the file with the settings that durability rests on.
pub(crate) fn connect(path: &Path, role: Role) -> Result<Connection, OpenError> {
    let connection = set_up(path, role).map_err(|error| OpenError::sqlite(path, &error))?;
    connection.ok_or(OpenError::NoWriteAheadLog)
}

/// None: it has no write-ahead log.
fn set_up(path: &Path, role: Role) -> rusqlite::Result<Option<Connection>> {
    let (access, cache_kibibytes) = match role {
        Role::Writer => (OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE, 64 * 1024),
        Role::Checkpointer => (OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE, 1024),
        Role::Reader => (OpenFlags::SQLITE_OPEN_READ_ONLY, 16 * 1024),
    };
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "cache_size", -cache_kibibytes)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    if role != Role::Reader {
        // Only matters for a new file. Smaller than usual, because most of what a commit writes is one row on each of many pages.
        connection.pragma_update(None, "page_size", 2048)?;
        let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        if !mode.eq_ignore_ascii_case("wal") {
            return Ok(None);
        }
        connection.pragma_update(None, "synchronous", "FULL")?;
        // On macOS fsync alone does not reach the disk; elsewhere these two change nothing.
        connection.pragma_update(None, "fullfsync", true)?;
        connection.pragma_update(None, "checkpoint_fullfsync", true)?;
        // The checkpointer moves the write-ahead log, so that no commit waits for that.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "journal_size_limit", i64::try_from(WAL_GROWTH).unwrap_or(i64::MAX))?;
    }
    Ok(Some(connection))
}

/// Brings the tables of an event log to this version, one transaction per version.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let unusable = |error: rusqlite::Error| OpenError::sqlite(path, &error);
    let Marks { application_id, version, tables, own_tables } = Marks::read(connection).map_err(unusable)?;
    let damaged = |found: &str| OpenError::Damaged { path: path.to_owned(), found: found.to_owned() };
    if application_id != APPLICATION_ID && (application_id != 0 || version != 0 || tables != 0) {
        return Err(if own_tables == 2 {
            damaged("its header does not say that it is an event log, though it has the tables of one")
        } else {
            OpenError::NotAnEventLog { path: path.to_owned() }
        });
    }
    let done = usize::try_from(version).ok().filter(|_| version < IMPLAUSIBLE_VERSION);
    let done = done.ok_or_else(|| damaged("its header names a schema version that does not exist"))?;
    if done > MIGRATIONS.len() {
        let known = MIGRATIONS.len().try_into().unwrap_or(i64::MAX);
        return Err(OpenError::NewerSchema { path: path.to_owned(), found: version, known });
    }
    check_integrity(connection, path)?;
    bring_up(connection, done).map_err(unusable)
}

/// What identifies a database as an event log.
struct Marks {
    application_id: i32,
    version: i64,
    tables: i64,
    /// How many of the two tables exist that only an event log has.
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

/// Has SQLite check the file, unless it is large.
fn check_integrity(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    if std::fs::metadata(path).map_or(0, |file| file.len()) > CHECKED_UP_TO {
        return Ok(());
    }
    let check = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    let found = check.map_err(|error| OpenError::sqlite(path, &error))?;
    if found == "ok" {
        return Ok(());
    }
    Err(OpenError::Damaged { path: path.to_owned(), found: format!("its integrity check says: {}", shown(&found)) })
}

/// SQLite's message, unless it may hold content of the file.
fn shown(message: &str) -> &str {
    let message = message.lines().next().unwrap_or_default().trim_start_matches('*').trim();
    let message = if message.is_empty() { "a page is invalid" } else { message };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" _.,:;()+-=".contains(&byte);
    if message.len() <= 160 && message.bytes().all(plain) { message } else { "its tables are inconsistent" }
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

/// Why nothing may be written to the log, if it is sealed.
pub(crate) fn sealed(connection: &Connection, path: &Path) -> Result<Option<String>, OpenError> {
    let reason = connection.query_row("SELECT reason FROM sealed", [], |row| row.get(0)).optional();
    reason.map_err(|error| OpenError::sqlite(path, &error))
}

/// Seals the log for this reason, or unseals it.
pub(crate) fn set_sealed(connection: &Connection, why: Option<&str>) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM sealed", [])?;
    if let Some(why) = why {
        connection.execute("INSERT INTO sealed (only_row, reason) VALUES (1, ?1)", [why])?;
    }
    Ok(())
}

/// The log's epoch and ancestors; none in a new file.
pub(crate) fn lineage(connection: &Connection) -> Result<Option<Lineage>, ReadError> {
    let parse = |text: String| {
        let corrupt = || ReadError::Refused(LogError::Corrupt { reason: "an epoch is no UUID".to_owned() });
        text.parse().map(Epoch::from_uuid).map_err(|_| corrupt())
    };
    let epoch: Option<String> = connection.query_row("SELECT epoch FROM log_info", [], |row| row.get(0)).optional()?;
    let Some(epoch) = epoch.map(parse).transpose()? else { return Ok(None) };
    let mut statement = connection.prepare("SELECT epoch, up_to FROM ancestors")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut ancestors = Vec::new();
    for ancestor in rows {
        let (epoch, up_to): (String, i64) = ancestor?;
        ancestors.push((parse(epoch)?, position(up_to)));
    }
    Ok(Some(Lineage { epoch, ancestors }))
}

/// Makes the log one of this lineage, in a new file.
pub(crate) fn insert_lineage(connection: &Connection, lineage: &Lineage, now: Timestamp) -> rusqlite::Result<()> {
    let Lineage { epoch, ancestors } = lineage;
    connection.execute(
        "INSERT INTO log_info (only_row, epoch, created_at) VALUES (1, ?1, ?2)",
        (epoch.to_string(), now.as_microsecond()),
    )?;
    for (epoch, up_to) in ancestors {
        connection
            .execute("INSERT INTO ancestors (epoch, up_to) VALUES (?1, ?2)", (epoch.to_string(), number(*up_to)))?;
    }
    Ok(())
}
