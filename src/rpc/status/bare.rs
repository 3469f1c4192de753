//! Statuses that come without details: those that the gRPC library makes, and the services that came with it.

use tonic::{Code, Status};

use super::details::Details;
use super::{GRIDGATE_DOMAIN, reason};
use crate::rpc::refused::BufferingError;

/// The direction of the message that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the caller.
    Request,
    /// To the caller.
    Response,
}

/// Adds a reason to a status, so that one kind of fault has one answer, from any layer.
///
/// The library's codes identify its faults; its messages may change.
#[must_use]
pub fn explained(bare: &Status, is_health: bool, direction: Direction) -> Status {
    let (reason, code, message) = match (bare.code(), direction) {
        (Code::OutOfRange | Code::ResourceExhausted, Direction::Request) => {
            return super::not_buffered(BufferingError::TooLarge);
        }
        (Code::OutOfRange | Code::ResourceExhausted, Direction::Response) => (
            reason::RESPONSE_TOO_LARGE,
            Code::OutOfRange,
            "the answer is larger than one may be; the call was carried out",
        ),
        (Code::Internal, Direction::Request) => (reason::MESSAGE_UNDECODABLE, Code::Internal, bare.message()),
        (Code::Unimplemented, Direction::Request) => (reason::ENCODING_UNKNOWN, Code::Unimplemented, bare.message()),
        (Code::Cancelled, Direction::Request) => return super::not_buffered(BufferingError::BrokenOff),
        (Code::NotFound, _) if is_health => (reason::SERVICE_UNKNOWN, Code::NotFound, "there is no such service"),
        // From reflection, or of an unknown origin.
        (code, _) => (code_name(code), code, bare.message()),
    };
    Details::new(GRIDGATE_DOMAIN, reason).status(code, message)
}

/// The name of a code as gRPC's documentation writes it.
#[must_use]
pub fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_names_of_the_documentation() {
        for code in (0..=16).map(Code::from) {
            assert_eq!(code_name(code).replace('_', "").to_lowercase(), format!("{code:?}").to_lowercase());
        }
    }
}
