//! What callers hear when there is more to do than can be done.

use tonic::{Code, Status};

use super::details::Details;
use super::{GRIDGATE_DOMAIN, reason};
use crate::rpc::layer::Shed;

/// The status of a call that is refused because as many as can be are served. Nothing was begun.
#[must_use]
pub fn overloaded(shed: Shed) -> Status {
    refused(reason::OVERLOADED, shed, "too many calls are under way")
}

/// The status of a stream that is refused because as many as can be are open.
#[must_use]
pub fn too_many_streams(shed: Shed) -> Status {
    refused(reason::TOO_MANY_STREAMS, shed, "too many streams are open")
}

fn refused(reason: &str, shed: Shed, message: &str) -> Status {
    let Shed { retry_after } = shed;
    Details::new(GRIDGATE_DOMAIN, reason).retry(Some(retry_after)).status(Code::ResourceExhausted, message)
}
