//! What callers hear when there is more to do than can be done.

use tonic::{Code, Status};

use super::details::Details;
use super::{GRIDGATE_DOMAIN, reason};
use crate::rpc::refused::{BufferingError, Shed};

/// The status of a call that is refused because too many are being served. Nothing was begun.
#[must_use]
pub fn overloaded(shed: Shed) -> Status {
    refused(reason::OVERLOADED, shed, ["too many calls are under way", "too many calls of this caller are under way"])
}

/// The status of a stream that is refused because as many as can be are open.
#[must_use]
pub fn too_many_streams(shed: Shed) -> Status {
    refused(reason::TOO_MANY_STREAMS, shed, ["too many streams are open", "too many streams of this caller are open"])
}

/// The status of a call whose message was not taken. Nothing was begun.
#[must_use]
pub fn not_buffered(why: BufferingError) -> Status {
    let (reason, code, message) = match why {
        BufferingError::TooLarge => {
            (reason::MESSAGE_TOO_LARGE, Code::OutOfRange, "the message is larger than one may be")
        }
        BufferingError::TooSlow => {
            (reason::REQUEST_TOO_SLOW, Code::DeadlineExceeded, "the request's next bytes did not come in time")
        }
        BufferingError::BrokenOff => (reason::REQUEST_BROKEN_OFF, Code::Cancelled, "the request was broken off"),
        BufferingError::NotOne => {
            (reason::NOT_ONE_MESSAGE, Code::Unimplemented, "this method takes one message, no more and no less")
        }
        BufferingError::NoMemory => return overloaded(Shed::now()),
    };
    Details::new(GRIDGATE_DOMAIN, reason).status(code, message)
}

fn refused(reason: &str, shed: Shed, [message, of_this_caller]: [&str; 2]) -> Status {
    let Shed { retry_after, has_its_share } = shed;
    let message = if has_its_share { of_this_caller } else { message };
    Details::new(GRIDGATE_DOMAIN, reason).retry(Some(retry_after)).status(Code::ResourceExhausted, message)
}
