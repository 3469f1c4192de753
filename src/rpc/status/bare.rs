//! Statuses that come without details: those that the gRPC library makes, and the services that came with it.

use tonic::{Code, Status};

use super::details::Details;
use super::{GRIDGATE_DOMAIN, reason};
use crate::rpc::layer::{Methods, NotArrived, code_name};

/// The direction of the message that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the caller.
    Request,
    /// To the caller.
    Response,
}

/// Adds a reason to a status, so that one kind of fault has one answer, from any layer. `path` is the method's.
///
/// The library's codes identify its faults; its messages may change.
#[must_use]
pub fn explained(bare: &Status, path: &str, direction: Direction) -> Status {
    let (reason, code, message) = match (bare.code(), direction) {
        (Code::OutOfRange | Code::ResourceExhausted, Direction::Request) => {
            return super::not_arrived(NotArrived::TooLarge);
        }
        (Code::OutOfRange | Code::ResourceExhausted, Direction::Response) => (
            reason::RESPONSE_TOO_LARGE,
            Code::OutOfRange,
            "the answer is larger than one may be; the call was carried out",
        ),
        (Code::Internal, Direction::Request) => (reason::MESSAGE_UNDECODABLE, Code::Internal, bare.message()),
        (Code::Unimplemented, Direction::Request) => (reason::ENCODING_UNKNOWN, Code::Unimplemented, bare.message()),
        (Code::Cancelled, Direction::Request) => return super::not_arrived(NotArrived::BrokenOff),
        (Code::NotFound, _) if Methods::is_health(path) => {
            (reason::SERVICE_UNKNOWN, Code::NotFound, "there is no such service")
        }
        // Of reflection, or what nobody has seen yet.
        (code, _) => (code_name(code), code, bare.message()),
    };
    Details::new(GRIDGATE_DOMAIN, reason).status(code, message)
}
