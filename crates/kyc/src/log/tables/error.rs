//! The errors of SQLite: what they mean for a log, and what to tell the operator, without any content of the file.

use std::ffi::c_int;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::{Error, ErrorCode};

use crate::log::store::LogError;

/// The folder of the default log. It is created; any other has to exist: otherwise a misspelt path, or a volume that is not
/// mounted, would go unnoticed until the events are missed.
pub(crate) const OWN_FOLDER: &str = "gridgate-data";

/// Why a log in a file could not be opened.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages document the variants")]
pub enum OpenError {
    #[error("another process has this event log open (it holds the lock {path})", path = path.display())]
    InUse { path: PathBuf },
    #[error(
        "the event log {path} has {names} names (hard links): what was recorded last is in a file beside one of them, and would \
         be missed under the others; remove all but the one that has a file ending with -wal beside it, if any has, or make a \
         copy with sqlite3 and .backup",
        path = path.display()
    )]
    HardLinks { path: PathBuf, names: u64 },
    #[error("the event log {path} is damaged: {found}. {ways}", path = path.display(), ways = recovery(path))]
    Damaged { path: PathBuf, found: String },
    #[error(
        "{path}: there is no such folder; make it or mount it first (gridgate creates no folder but {own})",
        path = path.display(),
        own = OWN_FOLDER
    )]
    NoFolder { path: PathBuf },
    #[error("{path} is not a folder", path = path.display())]
    NotAFolder { path: PathBuf },
    #[error("{path} cannot be opened", path = path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error(
        "the event log {path} was written by a newer gridgate: its schema version is {found}, and this one knows only up to \
         {known}; start the newer one, or restore a backup from before it",
        path = path.display()
    )]
    NewerSchema { path: PathBuf, found: i64, known: i64 },
    #[error("{path} is an SQLite database, but no event log of gridgate", path = path.display())]
    NotAnEventLog { path: PathBuf },
    #[error("the event log is sealed: {0}")]
    Sealed(String),
    #[error("the file system of the event log does not support a write-ahead log; a local disk is needed")]
    NoWriteAheadLog,
    #[error(
        "SQLite cannot use {path}, or a file beside it (-wal, -shm): {reason}; see who may write there, and whether there is room",
        path = path.display()
    )]
    Sqlite { path: PathBuf, reason: String },
    #[error(transparent)]
    Content(LogError),
    #[error("a thread could not be started")]
    Thread(#[source] std::io::Error),
}

impl OpenError {
    /// What an error of SQLite means for the file at `path`.
    pub(crate) fn sqlite(path: &Path, error: &Error) -> Self {
        /// SQL logic error: a table or a column is missing.
        const GENERIC: c_int = 1;
        let path = path.to_owned();
        let found = match (error.sqlite_error_code(), error.sqlite_error()) {
            (Some(ErrorCode::NotADatabase), _) => "it is no SQLite database, or its beginning is damaged",
            (Some(ErrorCode::DatabaseCorrupt), _) => "SQLite says that it is malformed",
            (_, Some(code)) if code.extended_code == GENERIC => "its tables are not those of an event log",
            (Some(_), _) => return Self::Sqlite { path, reason: reason(error) },
            (None, _) => "a value in it is invalid",
        };
        Self::Damaged { path, found: found.to_owned() }
    }

    /// What an error of reading means for the file at `path`.
    pub(crate) fn reading(path: &Path, error: ReadError) -> Self {
        match error {
            ReadError::Sqlite(error) => Self::sqlite(path, &error),
            error @ ReadError::Column(_) => Self::Damaged { path: path.to_owned(), found: error.to_string() },
            ReadError::Refused(LogError::Corrupt { reason }) => Self::Damaged { path: path.to_owned(), found: reason },
            ReadError::Refused(error) => Self::Content(error),
        }
    }
}

/// Why a read from the tables failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error(transparent)]
    Sqlite(#[from] Error),
    #[error("column {0} of an event or head holds what this version does not know")]
    Column(&'static str),
    /// The request cannot be fulfilled.
    #[error(transparent)]
    Refused(LogError),
}

impl From<ReadError> for LogError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Refused(error) => error,
            error @ ReadError::Column(_) => Self::Corrupt { reason: error.to_string() },
            ReadError::Sqlite(error) => log_error(&error),
        }
    }
}

/// An error of SQLite as an error of the log.
pub(crate) fn log_error(error: &Error) -> LogError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => LogError::Full,
        Some(_) if is_damage(error) => LogError::Corrupt { reason: reason(error) },
        Some(_) | None => LogError::Unavailable { reason: reason(error) },
    }
}

/// Whether the error says that the file is damaged.
pub(crate) fn is_damage(error: &Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// SQLite's message for the kind of error, without anything of the statement or its values.
pub(crate) fn reason(error: &Error) -> String {
    match error {
        Error::SqliteFailure(code, _) => code.to_string(),
        other => other.sqlite_error().map_or_else(|| "a value was invalid".to_owned(), ToString::to_string),
    }
}

/// A file that SQLite keeps beside another.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// What to do about a damaged log.
fn recovery(path: &Path) -> String {
    let [path, wal, shm] = ["", "-wal", "-shm"].map(|suffix| with_suffix(path, suffix).display().to_string());
    format!(
        "Stop gridgate first, then do one of two things. Restore a backup: put it in the place of {path}, move {wal} and {shm} away, and start. Or \
         move {path}, {wal} and {shm} away together and start with a new log. That loses the events; all resume tokens, so \
         that watchers begin with a snapshot; the ids of webhooks received, so that copies of them count as new; and all \
         statuses until the reconciler has compared every customer with Grid"
    )
}

/// Logs that a file is damaged: once, with what to do.
#[derive(Debug)]
pub(crate) struct DamageReport {
    path: PathBuf,
    is_logged: AtomicBool,
}

impl DamageReport {
    pub(crate) fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), is_logged: AtomicBool::new(false) }
    }

    pub(crate) fn log(&self, found: &str) {
        if !self.is_logged.swap(true, Ordering::Relaxed) {
            let (path, ways) = (self.path.display(), recovery(&self.path));
            tracing::error!("the event log {path} is damaged: {found}. {ways}");
        }
    }
}
