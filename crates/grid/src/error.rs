//! How a call to Grid can fail.
//!
//! The variants tell apart what a caller has to know: whether Grid answered, and if not, whether it may have acted. No
//! variant carries personal data: Grid's words are scrubbed of what was sent before they get here, and the transport's
//! errors are reduced to their cause, without the URL.

use std::time::Duration;

use jiff::Timestamp;

use super::Operation;
use super::model::FieldError;

/// Why a call to Grid failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Grid answered with an error status: any 4xx or 5xx but 408, 502, 503 and 504, which say nothing about the
    /// call.
    #[error(transparent)]
    Answered(Box<Refusal>),

    /// Grid answered with a redirect, which is never followed: credentials stay with the host they are meant for.
    #[error("{operation}: redirected ({status}), which is never followed")]
    Redirected {
        /// The call.
        operation: Operation,
        /// The HTTP status, 300 to 399.
        status: u16,
    },

    /// The request never left, for want of a connection. Grid certainly did not act.
    #[error("{operation}: Grid can't be reached ({cause})")]
    Unreachable {
        /// The call.
        operation: Operation,
        /// The transport's reason, such as `connection refused`.
        cause: String,
    },

    /// The circuit breaker holds requests back, since Grid failed time and again. Nothing was sent.
    #[error("{operation}: held back, Grid has been failing; next try in {retry_after:?}")]
    CircuitOpen {
        /// The call.
        operation: Operation,
        /// When the breaker lets a request through again.
        retry_after: Duration,
    },

    /// Too many requests are under way, and none ended in time. Nothing was sent.
    #[error("{operation}: too many requests to Grid are under way")]
    Saturated {
        /// The call.
        operation: Operation,
    },

    /// A read was answered with 408, 502, 503 or 504, or not at all, also when it was repeated.
    #[error("{operation}: no answer from Grid ({cause})")]
    ReadLost {
        /// The call.
        operation: Operation,
        /// What came instead, such as `status 503` or `connection closed before message completed`.
        cause: String,
        /// When Grid wants to be asked again, if it said so.
        retry_after: Option<Duration>,
    },

    /// A mutation was sent, and its answer was lost, unreadable, or 408, 502, 503 or 504: whether Grid acted is not
    /// known.
    ///
    /// `UpdateCustomer`, `DeleteCustomer`, `ReplaceDocument` and the like end here only after they were repeated.
    #[error("{operation}: sent, but whether Grid acted is not known ({cause})")]
    OutcomeUnknown {
        /// The call.
        operation: Operation,
        /// What came instead of an answer.
        cause: String,
        /// The status of an answer that came, says that it was carried out, and can't be understood.
        answered: Option<u16>,
    },

    /// Grid answered a read with JSON that is not what it documents.
    #[error("{operation}: Grid's answer can't be read ({cause})")]
    Unreadable {
        /// The call.
        operation: Operation,
        /// Where the JSON differs: line and column, no content.
        cause: String,
    },

    /// The source of an upload failed before its end, so the upload was broken off. Grid has no complete file.
    #[error("{operation}: the upload's source ended early")]
    UploadBrokenOff {
        /// The call.
        operation: Operation,
    },

    /// The caller's deadline passed.
    #[error("{operation}: the deadline passed")]
    DeadlineExceeded {
        /// The call.
        operation: Operation,
        /// Whether a mutation had been sent by then, so that Grid may have acted. Never for a read.
        may_have_acted: bool,
    },
}

impl Error {
    /// The call that failed.
    #[must_use]
    pub fn operation(&self) -> Operation {
        match self {
            Self::Answered(refusal) => refusal.operation,
            Self::Redirected { operation, .. }
            | Self::Unreachable { operation, .. }
            | Self::CircuitOpen { operation, .. }
            | Self::Saturated { operation }
            | Self::ReadLost { operation, .. }
            | Self::OutcomeUnknown { operation, .. }
            | Self::Unreadable { operation, .. }
            | Self::UploadBrokenOff { operation }
            | Self::DeadlineExceeded { operation, .. } => *operation,
        }
    }

    /// When it is worth trying again, where Grid or the circuit breaker said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Answered(refusal) => refusal.retry_after,
            Self::CircuitOpen { retry_after, .. } => Some(*retry_after),
            Self::ReadLost { retry_after, .. } => *retry_after,
            Self::Redirected { .. }
            | Self::Unreachable { .. }
            | Self::Saturated { .. }
            | Self::OutcomeUnknown { .. }
            | Self::Unreadable { .. }
            | Self::UploadBrokenOff { .. }
            | Self::DeadlineExceeded { .. } => None,
        }
    }
}

/// Grid's answer to a call it did not carry out.
///
/// Strings of the request that Grid repeated are replaced by `…`, and lengths are bounded. Grid's words may still name
/// what it has stored, so Display and Debug leave them out: they are for the caller, who may read that anyway.
#[derive(Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The call.
    pub operation: Operation,
    /// The HTTP status, 400 or more.
    pub status: u16,
    /// Grid's code, such as `INVALID_INPUT`; absent where the body held none, or nothing that looks like one.
    pub code: Option<String>,
    /// Grid's words, scrubbed, at most 1024 characters.
    pub message: Option<String>,
    /// Every bad field (`details.errors[]`), in Grid's field paths; messages scrubbed, at most 512
    /// characters each. At most 100.
    pub field_errors: Vec<FieldError>,
    /// What is wrong with an uploaded file (`precheckErrors[]`), in Grid's words such as `screenshot`. At most 20.
    pub precheck_errors: Vec<String>,
    /// When Grid wants to be asked again (`Retry-After`, RFC 9110 section 10.2.3).
    pub retry_after: Option<Duration>,
    /// With 423: until when the resource is locked (`details.lockedUntil`).
    pub locked_until: Option<Timestamp>,
    /// What else `details` has that says nothing of a person (numbers, truth values, codes, ids, times), by its name there;
    /// scrubbed, at most 16 of 64 characters each.
    pub more: Vec<(String, String)>,
}

impl std::fmt::Debug for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            operation,
            status,
            code,
            message: _,
            field_errors,
            precheck_errors,
            retry_after,
            locked_until,
            more: _,
        } = self;
        f.debug_struct("Refusal")
            .field("operation", operation)
            .field("status", status)
            .field("code", code)
            .field("field_errors", field_errors)
            .field("precheck_errors", precheck_errors)
            .field("retry_after", retry_after)
            .field("locked_until", locked_until)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: Grid answered {}", self.operation, self.status)?;
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}
