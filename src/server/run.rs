//! From ready to stopped.
//!
//! Stopping: not ready, for health checks and `/readyz`; then, after the drain delay, no new calls; then the calls
//! that are open finish, until the grace period is over and the rest is cut. The admin port and an own sandbox stay
//! to the end: probes ask the one, open calls the other.

use super::grpc::Stops;
use super::own_sandbox::OwnSandbox;
use super::readiness::{Phase, Readiness};
use super::{App, RunError, admin};
use crate::config::ShutdownConfig;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// How long the last words of calls that are cut may take, and the ports that close last.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A part that runs until the end. Dropping it ends it.
type Part = AbortOnDropHandle<()>;

impl App {
    /// Serves until `shutdown` resolves, and then until calls have finished, or the grace period is over.
    ///
    /// Dropping this future ends everything at once.
    ///
    /// # Errors
    /// Calls had to be cut, or a part ended by itself.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), RunError> {
        let App { addresses, shutdown: limits, stops, readiness, ready, grpc, service, admin, events, door, sandbox } =
            self;
        let requests = grpc.requests.clone();
        let closing = CancellationToken::new();
        let mut grpc = spawn(grpc.serve(service, stops.leaving.clone()));
        let webhooks = door.as_ref().map(|(door, _)| door.counters());
        let asked_of_admin = admin::router(readiness.phase(), events.quarantine(), webhooks);
        let mut admin = spawn(admin.serve(asked_of_admin, closing.clone()));
        let mut door = door.map(|(door, listener)| spawn(door.serve(listener, stops.leaving.clone())));
        let events = Arc::new(events);
        let keeper = {
            let (events, closing) = (Arc::clone(&events), closing.clone());
            spawn(async move { events.keep_true(closing).await })
        };
        let mut sandbox = sandbox.map(|own| spawn(serve_sandbox(own, closing.clone())));

        readiness.enter(Phase::Ready).await;
        ready.cancel();
        tracing::info!(grpc = %addresses.grpc, admin = %addresses.admin, "ready");
        tokio::select! {
            () = shutdown => {}
            _ = &mut grpc => return Err(RunError::Ended("the gRPC port")),
            _ = &mut admin => return Err(RunError::Ended("the admin port")),
            () = ended(door.as_mut()), if door.is_some() => return Err(RunError::Ended("the webhook port")),
            () = ended(sandbox.as_mut()), if sandbox.is_some() => return Err(RunError::Ended("the sandbox")),
        }

        let drained = drain(limits, &readiness, &stops, grpc, &requests).await;
        closing.cancel();
        let last = async {
            let _ = admin.await;
            ended(door.as_mut()).await;
            ended(sandbox.as_mut()).await;
            let _ = keeper.await;
            // Last, so that whatever was taken is recorded.
            events.close().await;
        };
        // Whatever they still do then ends with them.
        let _ = timeout(LAST_WORDS, last).await;
        tracing::info!("stopped");
        drained
    }
}

/// Lets open calls finish, and cuts them when the grace period is over.
async fn drain(
    limits: ShutdownConfig,
    readiness: &Readiness,
    stops: &Stops,
    mut grpc: Part,
    requests: &TaskTracker,
) -> Result<(), RunError> {
    let ShutdownConfig { grace_period, drain_delay } = limits;
    let end = Instant::now() + grace_period;
    readiness.enter(Phase::Draining).await;
    tracing::info!(?drain_delay, ?grace_period, open_calls = requests.len(), "stopping: not ready any more");
    sleep(drain_delay).await;
    stops.leaving.cancel();
    if timeout_at(end, &mut grpc).await.is_ok() {
        return Ok(());
    }
    let open_calls = requests.len();
    tracing::warn!(open_calls, "the grace period is over: cutting what is open");
    stops.cut.cancel();
    if timeout(LAST_WORDS, &mut grpc).await.is_err() {
        drop(grpc);
        requests.close();
        let _ = timeout(LAST_WORDS, requests.wait()).await;
    }
    if open_calls == 0 {
        // Only connections were left, with nothing on them.
        return Ok(());
    }
    Err(RunError::Cut(grace_period))
}

fn spawn(part: impl Future<Output = ()> + Send + 'static) -> Part {
    AbortOnDropHandle::new(tokio::spawn(part))
}

/// Waits for a part, if there is one. How it ended was logged where it ended.
async fn ended(part: Option<&mut Part>) {
    if let Some(part) = part {
        let _ = part.await;
    }
}

async fn serve_sandbox(own: OwnSandbox, closing: CancellationToken) {
    let OwnSandbox { sandbox, listener, addr: _, access: _ } = own;
    if let Err(error) = sandbox.serve(listener, closing.cancelled_owned()).await {
        tracing::error!(error = &error as &dyn std::error::Error, "the sandbox failed");
    }
}
