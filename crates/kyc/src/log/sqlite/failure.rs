//! What SQLite's errors mean for the log.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rusqlite::{Error, ErrorCode, ffi};

use super::damage::with_suffix;
use crate::log::LogError;
use crate::log::trouble::Trouble;

/// Failures of input and output that a lack of room can be behind. SQLite tells only the most common case apart.
const OF_WRITING: [i32; 3] = [ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_SHMSIZE, ffi::SQLITE_IOERR_TRUNCATE];
/// How much is written to see whether there is room.
const PROBED: usize = 4096;

/// How far an error reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    /// The statement was undone, and nothing else.
    Statement,
    /// The transaction is lost.
    Transaction,
    /// What is on the disk is no longer certain (a failed write or fsync), or not to be trusted: the log has to close.
    Log,
}

/// How far an error reaches.
pub(super) fn severity(error: &Error) -> Severity {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::SystemIoFailure | ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::CannotOpen,
        ) => Severity::Log,
        Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch) => Severity::Statement,
        Some(_) => Severity::Transaction,
        None => Severity::Statement,
    }
}

/// The error in the log's own words.
pub(super) fn log_error(error: &Error) -> LogError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => LogError::Full,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => LogError::Corrupt { reason: reason(error) },
        Some(_) | None => LogError::Unavailable { reason: reason(error) },
    }
}

/// Whether a write to the log at `path` failed because its disk is full, or a quota on it used up. Nothing of it was kept
/// then, and the next one may go through.
pub(super) fn is_for_lack_of_room(error: &Error, path: &Path) -> bool {
    match (error.sqlite_error_code(), error.sqlite_error()) {
        (Some(ErrorCode::DiskFull), _) => true,
        (Some(ErrorCode::SystemIoFailure), Some(code)) => OF_WRITING.contains(&code.extended_code) && lacks_room(path),
        _ => false,
    }
}

/// Whether nothing can be written beside the log for lack of room.
fn lacks_room(path: &Path) -> bool {
    let probe = with_suffix(path, "-probe");
    let written = File::create(&probe).and_then(|file| {
        file.write_all_at(&[1; PROBED], 0)?;
        file.sync_all()
    });
    // Where it was not made there is nothing to remove.
    let _ = std::fs::remove_file(&probe);
    let full = |kind| matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    written.is_err_and(|error| full(error.kind()))
}

/// What a write that failed, and left everything as it was, says about the store.
pub(super) fn trouble(error: &Error, path: &Path) -> Trouble {
    if is_for_lack_of_room(error, path) { Trouble::DiskFull } else { Trouble::Failing { reason: reason(error) } }
}

/// Whether it says that the file is damaged.
pub(super) fn is_damage(error: &Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// SQLite's words for the kind of error, without anything from the statement or its values.
pub(super) fn reason(error: &Error) -> String {
    match error {
        Error::SqliteFailure(code, _) => code.to_string(),
        other => match other.sqlite_error() {
            Some(code) => code.to_string(),
            None => "a value was not what was expected".to_owned(),
        },
    }
}
