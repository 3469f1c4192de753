//! Work that one replica at a time does: done while the log's lease for it is held.
//!
//! Two may overlap when a process was paused. That does no harm: what is recorded of an answer says what it was based on.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::log::{Duty, EventLog, Lease, LogError};

/// Does `work` whenever the duty is this process's, until `stop`. The work gets a token of its own that is cancelled when
/// the duty is lost, and has to end soon after; it may also end by itself, and is then begun again at the next occasion.
pub(super) async fn on_duty<W: Future<Output = ()>>(
    log: &Arc<dyn EventLog>,
    duty: Duty,
    ttl: Duration,
    stop: &CancellationToken,
    mut work: impl FnMut(CancellationToken) -> W,
) {
    while !stop.is_cancelled() {
        match log.lease(duty, ttl).await {
            Ok(Some(lease)) => {
                let token = stop.child_token();
                let (held, ()) = tokio::join!(hold(log, lease, ttl, &token), work_until(&token, work(token.clone())));
                give_back(log, held, ttl).await;
            }
            Ok(None) => {}
            Err(LogError::Closed) => return,
            Err(error) => tracing::warn!(%error, duty = duty.name(), "the duty could not be taken; trying again"),
        }
        tokio::select! {
            () = sleep(ttl / 3) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Does the work, and ends the holding with it.
async fn work_until(token: &CancellationToken, work: impl Future<Output = ()>) {
    work.await;
    token.cancel();
}

/// Renews the lease until it is lost, or not needed any more: then it is answered.
async fn hold(log: &Arc<dyn EventLog>, lease: Lease, ttl: Duration, token: &CancellationToken) -> Option<Lease> {
    let duty = lease.duty;
    let mut lease = lease;
    loop {
        tokio::select! {
            () = sleep(ttl / 3) => {}
            () = token.cancelled() => return Some(lease),
        }
        match log.renew(lease.clone(), ttl).await {
            Ok(Some(renewed)) => lease = renewed,
            Ok(None) => {
                tracing::info!(duty = duty.name(), "another process has taken the duty over");
                token.cancel();
                return None;
            }
            // It may still be ours; it is let go of before it ends.
            Err(error) => {
                let ending = lease.until.is_some_and(|until| until <= Instant::now() + ttl / 3);
                if ending || error == LogError::Closed {
                    tracing::warn!(%error, duty = duty.name(), "the duty could not be kept");
                    token.cancel();
                    return None;
                }
            }
        }
    }
}

async fn give_back(log: &Arc<dyn EventLog>, lease: Option<Lease>, ttl: Duration) {
    let Some(lease) = lease else { return };
    // Where it cannot be given back, it ends by itself.
    let _ = tokio::time::timeout(ttl / 3, log.hand_back(lease)).await;
}
