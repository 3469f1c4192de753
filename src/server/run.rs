//! From ready to stopped.
//!
//! Stopping: not ready, for health checks and `/readyz`; then, after the drain delay, no new calls and no new webhooks;
//! then those that are under way finish, until the grace period is over and the rest is cut. The admin port and an own
//! sandbox stay to the end: probes ask the one, open calls the other. The event log closes last.

use super::admin::Asked;
use super::grpc::Stops;
use super::own_sandbox::OwnSandbox;
use super::parts::{Part, Parts};
use super::readiness::{Phase, Readiness, until_grid_answers};
use super::{App, RunError, admin};
use crate::config::ShutdownConfig;
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

impl App {
    /// Serves until `shutdown` resolves, and then until calls and webhooks have finished, or the grace period is over.
    ///
    /// Dropping this future ends everything at once.
    ///
    /// # Errors
    /// A part ended by itself, or the event log did: it stops as if it had been told to then. Calls or webhooks had to be cut.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), RunError> {
        let App {
            addresses,
            shutdown: limits,
            stops,
            readiness,
            ready,
            needed,
            grpc,
            service,
            guard,
            reload: _,
            admin,
            certificates,
            events,
            door,
            sandbox,
            observed,
            log_levels,
        } = self;
        let requests = grpc.requests.clone();
        let closing = CancellationToken::new();
        let webhooks = door.as_ref().map(|(door, _)| door.counters());
        let asked = Asked { quarantine: events.quarantine(), webhooks: webhooks.clone(), observed, log_levels };
        let events = Arc::new(events);
        let keeper = {
            let (events, closing) = (Arc::clone(&events), closing.clone());
            async move { events.keep_true(closing).await }
        };
        let door = door.map(|(door, listener)| door.serve(listener, stops.leaving.clone()));
        let mut parts = Parts {
            grpc: Part::start("the gRPC port", grpc.serve(service, stops.leaving.clone())),
            door: Part::start_if_any("the webhook port", door),
            admin: Part::start("the admin port", admin.serve(admin::router(readiness.phase(), asked), closing.clone())),
            sandbox: Part::start_if_any("the sandbox", sandbox.map(|own| serve_sandbox(own, closing.clone()))),
            keeper: Part::start("what keeps the event log true", keeper),
            follower: Part::start_if_any(
                "what follows the policy file",
                guard.map(|guard| guard.follow(closing.clone())),
            ),
            reloader: Part::start_if_any("what reloads certificates", certificates.keep_current(closing.clone())),
        };

        let living = async {
            if let Some(grid) = needed {
                until_grid_answers(&grid).await;
            }
            readiness.enter(Phase::Ready).await;
            ready.cancel();
            tracing::info!(grpc = %addresses.grpc, admin = %addresses.admin, "ready");
            std::future::pending::<()>().await;
        };
        let why = tokio::select! {
            () = shutdown => Ok(()),
            () = living => Ok(()),
            name = parts.one_ends() => Err(RunError::Ended(name)),
            () = events.closed() => Err(RunError::LogClosed),
        };
        if let Err(error) = &why {
            tracing::error!(%error, "stopping");
        }
        let under_way = UnderWay { calls: requests, webhooks };
        let end = Instant::now() + limits.grace_period;
        let drained = drain(limits, end, &readiness, &stops, &mut parts, &under_way).await;
        closing.cancel();
        close(parts, end).await;
        // Last, so that whatever was taken is recorded.
        if timeout_at(end.max(Instant::now() + CLOSING), events.close()).await.is_err() {
            tracing::warn!("the event log did not close in time");
        }
        tracing::info!("stopped");
        why.and(drained)
    }
}

/// What a stop waits for.
struct UnderWay {
    calls: TaskTracker,
    /// None where no webhooks are taken.
    webhooks: Option<Arc<webhook::Counters>>,
}

impl UnderWay {
    fn webhooks(&self) -> u64 {
        self.webhooks.as_ref().map_or(0, |counters| counters.under_way())
    }
}

/// Lets what is under way finish, and cuts it at `end`, when the grace period is over.
async fn drain(
    limits: ShutdownConfig,
    end: Instant,
    readiness: &Readiness,
    stops: &Stops,
    parts: &mut Parts,
    under_way: &UnderWay,
) -> Result<(), RunError> {
    let ShutdownConfig { grace_period, drain_delay } = limits;
    readiness.enter(Phase::Draining).await;
    let open_calls = under_way.calls.len();
    tracing::info!(?drain_delay, ?grace_period, open_calls, "stopping: not ready any more");
    sleep(drain_delay).await;
    stops.leaving.cancel();
    let Parts { grpc, door, .. } = parts;
    let finished = async { tokio::join!(grpc.ended(), door.ended()) };
    if timeout_at(end, finished).await.is_ok() {
        return Ok(());
    }
    let (open_calls, open_webhooks) = (under_way.calls.len(), under_way.webhooks());
    tracing::warn!(open_calls, open_webhooks, "the grace period is over: cutting what is open");
    door.cut();
    stops.cut.cancel();
    if timeout(LAST_WORDS, grpc.ended()).await.is_err() {
        grpc.cut();
        under_way.calls.close();
        let _ = timeout(LAST_WORDS, under_way.calls.wait()).await;
    }
    if open_calls == 0 && open_webhooks == 0 {
        // Only connections were left, with nothing on them, or with what nobody had signed.
        return Ok(());
    }
    Err(RunError::Cut(grace_period))
}

/// Waits for the parts that were told to end, each in its own time. Whatever they still do then ends with them.
async fn close(parts: Parts, end: Instant) {
    let Parts { grpc: _, door: _, mut admin, mut sandbox, mut keeper, mut follower, mut reloader } = parts;
    let others = async { tokio::join!(admin.ended(), sandbox.ended(), follower.ended(), reloader.ended()) };
    let last = Instant::now() + LAST_WORDS;
    let (_, kept) = tokio::join!(timeout_at(last, others), timeout_at(end.max(last), keeper.ended()));
    if kept.is_err() {
        tracing::warn!("what Grid had answered could not all be recorded in time");
    }
}

async fn serve_sandbox(own: OwnSandbox, closing: CancellationToken) {
    let OwnSandbox { sandbox, listener, addr: _, access: _ } = own;
    if let Err(error) = sandbox.serve(listener, closing.cancelled_owned()).await {
        tracing::error!(error = &error as &dyn std::error::Error, "the sandbox failed");
    }
}
