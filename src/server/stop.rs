//! How a server stops: not ready, for health checks and `/readyz`; then, after the drain delay, no new calls and no new
//! webhooks; then those that are under way finish, until the grace period is over and the rest is cut. The admin port and
//! an own sandbox stay to the end: probes ask the one, open calls the other. The event log closes last.

use super::RunError;
use super::events::Events;
use super::parts::Parts;
use super::readiness::{Phase, Readiness};
use crate::config::ShutdownConfig;
use crate::rpc::Stops;
use crate::transport::Runtimes;
use crate::webhook;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long the last words of calls that are cut may take, and the ports that close last.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long the event log may take to close, at least: until the end of the grace period, where that is longer.
const CLOSING: Duration = Duration::from_secs(2);

/// A server that runs.
pub(super) struct Running {
    pub(super) limits: ShutdownConfig,
    pub(super) stops: Stops,
    pub(super) readiness: Readiness,
    pub(super) parts: Parts,
    pub(super) under_way: UnderWay,
    /// Cancelled when what stays to the end is to end.
    pub(super) closing: CancellationToken,
    /// None until the event log is open.
    pub(super) events: Option<Arc<Events>>,
    /// The threads of connections, which must outlive the ports.
    pub(super) runtimes: Runtimes,
}

/// What a stop waits for.
pub(super) struct UnderWay {
    pub(super) calls: TaskTracker,
    /// None where no webhooks are taken.
    pub(super) webhooks: Option<Arc<webhook::Counters>>,
}

impl UnderWay {
    fn webhooks(&self) -> u64 {
        self.webhooks.as_ref().map_or(0, |counters| counters.under_way())
    }
}

impl Running {
    /// Stops, for this reason, which is what comes out; or else that something had to be cut.
    pub(super) async fn stop(mut self, why: Result<(), RunError>) -> Result<(), RunError> {
        let end = Instant::now() + self.limits.grace_period;
        let drained = self.drain(end).await;
        let Running { parts, closing, events, runtimes, .. } = self;
        closing.cancel();
        close(parts, end).await;
        // Close the event log last, so that every accepted webhook is recorded.
        if let Some(events) = events
            && timeout_at(end.max(Instant::now() + CLOSING), events.close()).await.is_err()
        {
            tracing::warn!("the event log did not close in time");
        }
        drop(runtimes);
        tracing::info!("stopped");
        why.and(drained)
    }

    /// Lets what is under way finish, and cuts it at `end`, when the grace period is over.
    async fn drain(&mut self, end: Instant) -> Result<(), RunError> {
        let Running { limits, stops, readiness, parts, under_way, .. } = self;
        let ShutdownConfig { grace_period, drain_delay } = *limits;
        let was_ready = readiness.is(Phase::Ready);
        readiness.enter(Phase::Draining).await;
        let open_calls = under_way.calls.len();
        tracing::info!(?drain_delay, ?grace_period, open_calls, "stopping: not ready any more");
        if was_ready {
            sleep(drain_delay).await;
        }
        stops.leaving.cancel();
        let finished = async { tokio::join!(parts.grpc.ended(), parts.endpoint.ended()) };
        if timeout_at(end, finished).await.is_ok() {
            return Ok(());
        }
        let (open_calls, open_webhooks) = (under_way.calls.len(), under_way.webhooks());
        tracing::warn!(open_calls, open_webhooks, "the grace period is over; closing open connections");
        parts.endpoint.cut();
        stops.cut.cancel();
        if timeout(LAST_WORDS, parts.grpc.ended()).await.is_err() {
            parts.grpc.cut();
            under_way.calls.close();
            let _ = timeout(LAST_WORDS, under_way.calls.wait()).await;
        }
        if open_calls == 0 && open_webhooks == 0 {
            // Only idle connections were left, or connections with unsigned requests.
            return Ok(());
        }
        Err(RunError::Cut(grace_period))
    }
}

/// Waits for the parts that were told to end, each in its own time. Whatever they still do then ends with them.
async fn close(parts: Parts, end: Instant) {
    let Parts { grpc: _, endpoint: _, mut admin, mut sandbox, mut keeper, mut follower, mut reloader } = parts;
    let others = async { tokio::join!(admin.ended(), sandbox.ended(), follower.ended(), reloader.ended()) };
    let last = Instant::now() + LAST_WORDS;
    let (_, kept) = tokio::join!(timeout_at(last, others), timeout_at(end.max(last), keeper.ended()));
    if kept.is_err() {
        tracing::warn!("not every status in Grid's responses was recorded in time");
    }
}
