//! What SQLite's errors mean for the log.

use rusqlite::{Error, ErrorCode};

use crate::kyc::log::LogError;

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

/// SQLite's words for the kind of error, without anything from the statement or its values.
fn reason(error: &Error) -> String {
    match error {
        Error::SqliteFailure(code, _) => code.to_string(),
        other => match other.sqlite_error() {
            Some(code) => code.to_string(),
            None => "a value was not what was expected".to_owned(),
        },
    }
}
