//! Resume tokens in requests and responses.

use crate::kyc::id::Epoch;
use crate::kyc::log::{EventLog, LogError};
use crate::kyc::token::{Mark, ResumeToken};
use crate::rpc::Error;

/// The token that resumes after `mark`.
pub(super) fn token(epoch: Epoch, mark: Mark) -> String {
    ResumeToken::After { epoch, mark }.encode()
}

/// Reads a token, and waits until this replica has read the log up to there. A token of an unfinished snapshot has no position
/// yet.
pub(super) async fn admit(log: &EventLog, text: &str) -> Result<Mark, Error> {
    match ResumeToken::parse(text)? {
        ResumeToken::After { epoch, mark } => {
            log.admit(epoch, mark).await.map_err(|error| log_error(log, error))?;
            Ok(mark)
        }
        ResumeToken::Snapshot { epoch } if log.lineage().includes(epoch, Mark::START.position) => Ok(Mark::START),
        ResumeToken::Snapshot { epoch: _ } => Err(LogError::Foreign.into()),
    }
}

/// Waits until this replica knows everything up to a token. Events that are no longer kept still count: the heads hold their
/// outcome.
pub(super) async fn contain(log: &EventLog, text: &str) -> Result<(), Error> {
    match admit(log, text).await {
        Ok(_) | Err(Error::Expired { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// An error of the log; for an expired position, with the oldest token that works.
pub(super) fn log_error(log: &EventLog, error: LogError) -> Error {
    match error {
        LogError::Expired { oldest } => Error::Expired { oldest_resume_token: token(log.lineage().epoch, oldest) },
        LogError::Unavailable { .. }
        | LogError::Full
        | LogError::Closed
        | LogError::Corrupt { .. }
        | LogError::Foreign => error.into(),
    }
}
