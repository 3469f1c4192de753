//! What a failed write means for the log.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rusqlite::{Error, ErrorCode, ffi};

use crate::log::tables::error::{reason, with_suffix};
use crate::log::trouble::Trouble;

/// I/O errors that a full disk can cause. SQLite identifies only the most common case.
const OF_WRITING: [i32; 3] = [ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_SHMSIZE, ffi::SQLITE_IOERR_TRUNCATE];
/// How many bytes are written to find out whether there is room.
const PROBED: usize = 4096;

/// How far an error reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    /// SQLite undid the statement, and nothing else.
    Statement,
    /// The transaction is lost.
    Transaction,
    /// What is on the disk is unclear (a failed write or fsync) or untrustworthy: the log has to close.
    Log,
}

pub(super) fn severity(error: &Error) -> Severity {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::SystemIoFailure | ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::CannotOpen,
        ) => Severity::Log,
        Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch) | None => {
            Severity::Statement
        }
        Some(_) => Severity::Transaction,
    }
}

/// Whether a write to the log at `path` failed because the disk is full or a quota used up. Nothing of it was kept then, and the
/// next write may succeed.
pub(super) fn is_for_lack_of_room(error: &Error, path: &Path) -> bool {
    match (error.sqlite_error_code(), error.sqlite_error()) {
        (Some(ErrorCode::DiskFull), _) => true,
        (Some(ErrorCode::SystemIoFailure), Some(code)) => OF_WRITING.contains(&code.extended_code) && lacks_room(path),
        _ => false,
    }
}

/// Whether a file beside the log cannot be written for lack of room.
fn lacks_room(path: &Path) -> bool {
    let probe = with_suffix(path, "-probe");
    let written = File::create(&probe).and_then(|file| {
        file.write_all_at(&[1; PROBED], 0)?;
        file.sync_all()
    });
    // Fails if it was not created.
    let _ = std::fs::remove_file(&probe);
    let full = |kind| matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    written.is_err_and(|error| full(error.kind()))
}

/// The trouble of the store after a failed write that changed nothing.
pub(super) fn trouble(error: &Error, path: &Path) -> Trouble {
    if is_for_lack_of_room(error, path) { Trouble::DiskFull } else { Trouble::Failing { reason: reason(error) } }
}
