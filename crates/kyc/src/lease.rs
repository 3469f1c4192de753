//! Leader election: runs work on one replica at a time, while it holds the log's lease for it.
//!
//! Two replicas may overlap when a process was paused. That is harmless: a recorded answer says what it was based on.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::log::{Duty, EventLog, Lease, LogError};

/// Runs `work` whenever this process holds the lease, until `stop` or until the log closes. The work's token is cancelled when
/// the lease is lost; the work has to end soon after. Work that ends by itself is started again later.
pub(super) async fn while_leader<W: Future<Output = ()>>(
    log: &Arc<EventLog>,
    duty: Duty,
    ttl: Duration,
    stop: &CancellationToken,
    mut work: impl FnMut(CancellationToken) -> W,
) {
    while !stop.is_cancelled() {
        match log.leases().acquire(duty, ttl).await {
            Ok(Some(lease)) => {
                let token = stop.child_token();
                let work = async {
                    work(token.clone()).await;
                    token.cancel();
                };
                let (held, ()) = tokio::join!(hold(log, lease, ttl, &token), work);
                if let Some(lease) = held {
                    // A lease that cannot be handed back expires.
                    let _ = tokio::time::timeout(ttl / 3, log.leases().release(lease)).await;
                }
            }
            Ok(None) => {}
            Err(LogError::Closed) => return,
            Err(error) => {
                tracing::warn!(%error, lease = duty.as_str(), "the leader lease cannot be acquired; retrying")
            }
        }
        tokio::select! {
            () = sleep(ttl / 3) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Renews the lease until it is lost (none) or `token` is cancelled (the lease, to be handed back).
async fn hold(log: &Arc<EventLog>, mut lease: Lease, ttl: Duration, token: &CancellationToken) -> Option<Lease> {
    let duty = lease.duty;
    loop {
        tokio::select! {
            () = sleep(ttl / 3) => {}
            () = token.cancelled() => return Some(lease),
        }
        match log.leases().renew(lease.clone(), ttl).await {
            Ok(Some(renewed)) => lease = renewed,
            Ok(None) => {
                tracing::info!(lease = duty.as_str(), "another process took over the leader lease");
                break;
            }
            // It may still be ours, so it is given up only shortly before it expires.
            Err(error) => {
                let ending = lease.until.is_some_and(|until| until <= Instant::now() + ttl / 3);
                if ending || error == LogError::Closed {
                    tracing::warn!(%error, lease = duty.as_str(), "the leader lease cannot be renewed");
                    break;
                }
            }
        }
    }
    token.cancel();
    None
}
