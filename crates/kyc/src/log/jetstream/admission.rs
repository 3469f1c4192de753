//! Whether a place in the log is one of this log, on a replica that may be behind.

use std::time::Duration;

use tokio::time::Instant;

use super::{Shared, streams};
use crate::id::Epoch;
use crate::log::LogError;
use crate::token::Mark;

/// How long a replica that is behind may take to come as far as a mark.
const BEHIND: Duration = Duration::from_secs(10);

impl Shared {
    /// See [`EventLog::admit`](crate::log::EventLog::admit).
    pub(super) async fn admit(&self, epoch: Epoch, mark: Mark) -> Result<(), LogError> {
        self.check_open()?;
        if !self.lineage.includes(epoch, mark.position) {
            return Err(LogError::Foreign);
        }
        if mark.position > self.hub.end().position {
            self.come_as_far_as(mark.position.get()).await?;
        }
        self.view.admit(mark).await
    }

    /// Waits until this replica has come as far as a sequence that the stream has.
    async fn come_as_far_as(&self, sequence: u64) -> Result<(), LogError> {
        let deadline = Instant::now() + BEHIND;
        while Instant::now() < deadline {
            if let Ok(info) = self.streams.events.get_info().await
                && streams::is_certain(&info)
            {
                if info.state.last_sequence < sequence {
                    return Err(LogError::Foreign);
                }
                if self.wait_applied(sequence, deadline).await {
                    return Ok(());
                }
            }
            self.check_open()?;
            if self.wait_applied(sequence, Instant::now() + Duration::from_millis(100)).await {
                return Ok(());
            }
        }
        Err(LogError::Unavailable { reason: "this replica has not come that far yet".to_owned() })
    }
}
