//! What callers hear of the event log, and of asking Grid on its behalf.

use tonic::{Code, Status};

use super::details::Details;
use super::{GRIDGATE_DOMAIN, reason};
use crate::kyc::log::LogError;
use crate::kyc::source::SourceError;
use crate::rpc::error::Resource;

fn details(reason: &str) -> Details {
    Details::new(GRIDGATE_DOMAIN, reason)
}

pub(super) fn status(error: &LogError) -> Status {
    match error {
        LogError::Unavailable { .. } | LogError::Full | LogError::Closed => {
            tracing::warn!(%error, "a call needed the event log");
            details(reason::LOG_UNAVAILABLE).status(Code::Unavailable, "the event log is not available now")
        }
        LogError::Corrupt { .. } => {
            tracing::error!(%error, "the event log is damaged");
            details(reason::LOG_CORRUPT).status(Code::DataLoss, "the event log is damaged")
        }
        // Places where it is known which token is the oldest say so: see `Error::Expired`.
        LogError::Expired { oldest: _ } => details(reason::RESUME_TOKEN_EXPIRED)
            .status(Code::OutOfRange, "the log no longer holds what follows that place"),
        LogError::Foreign => foreign("the resume token is not one of this log"),
    }
}

pub(super) fn foreign(message: &str) -> Status {
    details(reason::RESUME_TOKEN_FOREIGN).status(Code::InvalidArgument, message)
}

pub(super) fn expired(oldest_resume_token: String) -> Status {
    details(reason::RESUME_TOKEN_EXPIRED)
        .metadata("oldest_resume_token", oldest_resume_token)
        .status(Code::OutOfRange, "the log no longer holds what follows that place")
}

pub(super) fn behind(resume_token: String) -> Status {
    details(reason::REPLICA_BEHIND)
        .metadata("resume_token", resume_token)
        .status(Code::Unavailable, "this replica has not seen the end of the log for too long: go on at another one")
}

pub(super) fn source(error: &SourceError, about: Resource) -> Status {
    match error {
        SourceError::NotFound | SourceError::Gone => {
            details(reason::CUSTOMER_UNKNOWN).resource(Some(about)).status(Code::NotFound, "Grid has no such customer")
        }
        SourceError::RateLimited { retry_after } => details(reason::GRID_RATE_LIMITED)
            .retry(*retry_after)
            .status(Code::ResourceExhausted, "Grid wants fewer requests"),
        SourceError::Unavailable => {
            details(reason::GRID_UNREACHABLE).status(Code::Unavailable, "Grid could not be asked")
        }
        SourceError::Refused | SourceError::Unusable => {
            details(reason::GRID_REFUSED).status(Code::Internal, "Grid did not say the customer's status")
        }
    }
}
