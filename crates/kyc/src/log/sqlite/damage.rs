//! Detects a damaged log, and describes the file and what to do, without any of its content.

use std::ffi::c_int;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Error, ErrorCode};

use super::{OpenError, failure};

/// Up to which size a file is looked through when it is opened: that takes less than a second.
const CHECKED_UP_TO: u64 = 64 << 20;
/// A schema version beyond this one was never written by gridgate.
const IMPLAUSIBLE_VERSION: i64 = 1000;

/// What to do about a log that is damaged.
pub(super) fn ways_on(path: &Path) -> String {
    let [path, wal, shm] = ["", "-wal", "-shm"].map(|suffix| with_suffix(path, suffix).display().to_string());
    format!(
        "Stop gridgate first, then do one of two things. Restore a backup: put it in the place of {path}, move {wal} and {shm} away, and start. Or \
         move {path}, {wal} and {shm} away together and start with a new log. That loses the events; all resume tokens, so \
         that watchers begin with a snapshot; the ids of webhooks received, so that copies of them count as new; and all \
         statuses until the reconciler has compared every customer with Grid"
    )
}

/// A file that SQLite keeps beside another.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Whether a file is missing or empty whose last commits are there: SQLite would delete those.
pub(super) fn check_files(path: &Path) -> Result<(), OpenError> {
    let wal = with_suffix(path, "-wal");
    let length = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
    if length(path) == 0 && length(&wal) > 0 {
        let found = format!("it is missing or empty, and its write-ahead log {} is there", wal.display());
        return Err(OpenError::Damaged { path: path.to_owned(), found });
    }
    Ok(())
}

/// Whether a file is shorter than its header says, while nothing is under way that would make it longer.
pub(super) fn check_length(path: &Path, file: &File) -> Result<(), OpenError> {
    let wal = with_suffix(path, "-wal");
    let length = file.metadata().map_or(0, |found| found.len());
    let mut header = [0; 100];
    if fs::metadata(wal).is_ok_and(|wal| wal.len() > 0) || file.read_exact_at(&mut header, 0).is_err() {
        return Ok(());
    }
    let number = |at: usize| {
        let bytes = header.get(at..at + 4).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
        u64::from(bytes.map_or(0, u32::from_be_bytes))
    };
    // The number of pages only counts where both counters of changes agree (https://sqlite.org/fileformat2.html#in_header_database_size).
    let (page_size, pages, changed, valid_for) = (number(16) >> 16, number(28), number(24), number(92));
    let page_size = if page_size == 1 { 65_536 } else { page_size };
    if changed == valid_for && page_size.is_power_of_two() && length < pages.saturating_mul(page_size) {
        let missing = pages.saturating_mul(page_size) - length;
        return Err(OpenError::Damaged {
            path: path.to_owned(),
            found: format!("it was cut off, {missing} bytes are missing"),
        });
    }
    Ok(())
}

/// Whether SQLite finds the file sound; a large one is not looked through.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    if fs::metadata(path).map_or(0, |file| file.len()) > CHECKED_UP_TO {
        return Ok(());
    }
    let check = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    let found = check.map_err(|error| unusable(path, &error))?;
    if found == "ok" {
        return Ok(());
    }
    Err(OpenError::Damaged { path: path.to_owned(), found: format!("its integrity check says: {}", shown(&found)) })
}

/// Whether a version of the schema is one that a gridgate has written.
pub(super) fn is_plausible(version: i64) -> bool {
    (0..IMPLAUSIBLE_VERSION).contains(&version)
}

/// SQLite's message, unless it may hold content of the file.
fn shown(said: &str) -> &str {
    let said = said.lines().next().unwrap_or_default().trim_start_matches('*').trim();
    let said = if said.is_empty() { "a page is not what it has to be" } else { said };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" _.,:;()+-=".contains(&byte);
    if said.len() <= 160 && said.bytes().all(plain) { said } else { "its tables are not what they have to be" }
}

/// Why a file cannot be used that SQLite says this of.
pub(super) fn unusable(path: &Path, error: &Error) -> OpenError {
    /// SQL logic error: a table or a column is missing.
    const GENERIC: c_int = 1;
    let path = path.to_owned();
    let found = match (error.sqlite_error_code(), error.sqlite_error()) {
        (Some(ErrorCode::NotADatabase), _) => "it is no SQLite database, or its beginning is damaged",
        (Some(ErrorCode::DatabaseCorrupt), _) => "SQLite says that it is malformed",
        (_, Some(code)) if code.extended_code == GENERIC => "its tables are not those of an event log",
        (Some(_), _) => return OpenError::Sqlite { path, reason: failure::reason(error) },
        (None, _) => "a value in it is not what it has to be",
    };
    OpenError::Damaged { path, found: found.to_owned() }
}
