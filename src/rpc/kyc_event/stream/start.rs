//! Where a stream starts.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::kyc::id::Position;
use crate::kyc::log::{EventLog, LogError};
use crate::kyc::token::{Mark, ResumeToken};
use crate::rpc::kyc_event::request::{Start, Watch};
use crate::rpc::kyc_event::{WatchConfig, log_error};
use crate::rpc::{Error, Violations};

/// How long a replica that leaves still waits to come as far as a token.
const WHEN_LEAVING: Duration = Duration::from_millis(500);

/// A place to start from.
pub(super) struct Place {
    /// After this.
    pub(super) after: Mark,
    /// Whether with a snapshot of that position.
    pub(super) snapshot: bool,
}

/// Finds the place.
pub(super) async fn place(log: &dyn EventLog, watch: &Watch, config: &WatchConfig) -> Result<Place, Error> {
    match &watch.start {
        Start::Token(text) => from_token(log, watch, config, text).await,
        Start::Time(time) => {
            let after = log.mark_at(*time).await.map_err(|error| log_error(log, error))?;
            Ok(Place { after, snapshot: false })
        }
        Start::Earliest => Ok(Place { after: log.bounds().await?.oldest, snapshot: false }),
        // The position is fixed before the snapshot is read, so that nothing falls between the two.
        Start::Now => Ok(Place { after: log.bounds().await?.end, snapshot: watch.with_snapshot }),
    }
}

async fn from_token(log: &dyn EventLog, watch: &Watch, config: &WatchConfig, text: &str) -> Result<Place, Error> {
    match ResumeToken::parse(text)? {
        ResumeToken::After { epoch, mark } => {
            // A replica that is behind waits until it has come that far: as long as a running stream would.
            let left = async {
                config.leaving.cancelled().await;
                sleep(WHEN_LEAVING).await;
            };
            let admitted = tokio::select! {
                admitted = timeout(config.max_lag, log.admit(epoch, mark)) => admitted.ok(),
                () = left => None,
            };
            match admitted {
                Some(admitted) => admitted.map_err(|error| log_error(log, error))?,
                None => return Err(Error::Behind { resume_token: text.to_owned() }),
            }
            Ok(Place { after: mark, snapshot: false })
        }
        ResumeToken::Snapshot { epoch } if !log.lineage().includes(epoch, Position::START) => {
            Err(LogError::Foreign.into())
        }
        ResumeToken::Snapshot { epoch: _ } if watch.with_snapshot => {
            Ok(Place { after: log.bounds().await?.end, snapshot: true })
        }
        ResumeToken::Snapshot { epoch: _ } => Err(Violations::of(
            "resume_token",
            "was given before the snapshot was complete, and means that it begins again: set with_snapshot",
        )),
    }
}
