//! Where a stream starts, and the settings of streams.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::kyc::id::Position;
use crate::kyc::log::{EventLog, LogError};
use crate::kyc::token::{Mark, ResumeToken};
use crate::rpc::kyc_event::request::{Start, Watch};
use crate::rpc::kyc_event::resume::log_error;
use crate::rpc::{Error, Violations};

/// How long a replica that shuts down still waits until it has read the log up to a token.
const WHEN_LEAVING: Duration = Duration::from_millis(500);

/// Settings of streams.
#[derive(Debug, Clone)]
pub struct WatchConfig {
    /// The greatest age of a stream; each gets one between this and a tenth less.
    pub max_age: Duration,
    /// A stream ends when this replica has not known the end of the log for longer.
    pub max_lag: Duration,
    /// Cancelled at shutdown: streams say goodbye and end.
    pub leaving: CancellationToken,
}

/// The start of a stream.
pub(super) struct StartPoint {
    pub(super) after: Mark,
    /// Whether with a snapshot of that position.
    pub(super) snapshot: bool,
}

pub(super) async fn start_point(log: &EventLog, watch: &Watch, config: &WatchConfig) -> Result<StartPoint, Error> {
    match &watch.start {
        Start::Token(text) => from_token(log, watch, config, text).await,
        Start::Time(time) => {
            let after = log.mark_at(*time).await.map_err(|error| log_error(log, error))?;
            Ok(StartPoint { after, snapshot: false })
        }
        Start::Earliest => Ok(StartPoint { after: log.bounds().await?.oldest, snapshot: false }),
        // The position is fixed before the snapshot is read, so that no event falls between the two.
        Start::Now => Ok(StartPoint { after: log.bounds().await?.end, snapshot: watch.with_snapshot }),
    }
}

async fn from_token(log: &EventLog, watch: &Watch, config: &WatchConfig, text: &str) -> Result<StartPoint, Error> {
    match ResumeToken::parse(text)? {
        ResumeToken::After { epoch, mark } => {
            // A replica that is behind waits until it has read that far, as long as a running stream may lag.
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
            Ok(StartPoint { after: mark, snapshot: false })
        }
        ResumeToken::Snapshot { epoch } if !log.lineage().includes(epoch, Position::START) => {
            Err(LogError::Foreign.into())
        }
        ResumeToken::Snapshot { epoch: _ } if watch.with_snapshot => {
            Ok(StartPoint { after: log.bounds().await?.end, snapshot: true })
        }
        ResumeToken::Snapshot { epoch: _ } => Err(Violations::of(
            "resume_token",
            "was given before the snapshot was complete, and means that it begins again: set with_snapshot",
        )),
    }
}
