//! From bound to ready, and on until something ends it.
//!
//! Everything that needs no event log runs first: the admin port, health, what is passed on of webhooks. Opening the log may
//! take as long as reading it, and the probes meanwhile answer that it lives and is not ready.

use super::admin::{self, Asked, Probed};
use super::events::EventsToCome;
use super::grpc::Grpc;
use super::observe::Observed;
use super::own_sandbox::OwnSandbox;
use super::parts::{Part, Parts};
use super::readiness::{Phase, until_grid_answers};
use super::services::Api;
use super::stop::{Running, UnderWay};
use super::{Addresses, App, RunError};
use crate::grid;
use crate::rpc::Later;
use std::future::pending;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What a server becomes ready with.
struct ToCome {
    addresses: Addresses,
    events: EventsToCome,
    observed: Arc<Observed>,
    api: Api,
    /// Where the API goes.
    later: Later,
    /// Who has to answer first.
    needed: Option<grid::Client>,
    /// Whether it is ready only while the event log records.
    needs_recording: bool,
    /// Cancelled when ready.
    ready: CancellationToken,
}

impl App {
    /// Serves until `shutdown` resolves, and then until calls and webhooks have finished, or the grace period is over. Before
    /// the event log is open there is nothing to wait for, and it ends at once.
    ///
    /// Dropping this future ends everything at once.
    ///
    /// # Errors
    /// The event log cannot be opened. A part ended by itself, or the event log did: it stops as if it had been told to
    /// then. Calls or webhooks had to be cut.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), RunError> {
        let (mut running, to_come) = self.start();
        let why = tokio::select! {
            () = shutdown => Ok(()),
            error = serve(&mut running, to_come) => Err(error),
        };
        running.stop(why).await
    }

    /// Starts everything that needs no event log.
    fn start(self) -> (Running, ToCome) {
        let App {
            addresses,
            shutdown: limits,
            ready,
            needed,
            needs_recording,
            grpc: Grpc { port: grpc, service, api, later, stops, readiness },
            runtimes,
            guard,
            reload: _,
            admin,
            certificates,
            events,
            endpoint,
            sandbox,
            observed,
            log_levels,
        } = self;
        let closing = CancellationToken::new();
        let webhooks = endpoint.as_ref().map(|(endpoint, _)| endpoint.counters());
        let under_way = UnderWay { calls: grpc.requests.clone(), webhooks: webhooks.clone() };
        let asked = Asked { quarantine: events.quarantine(), webhooks, observed: Arc::clone(&observed), log_levels };
        let probed = Probed { phase: readiness.phase(), obstacle: events.obstacle(), log: events.late() };
        let asked = admin::router(probed, asked);
        let endpoint = endpoint.map(|(endpoint, listener)| endpoint.serve(listener, stops.leaving.clone()));
        let sandbox = sandbox.map(|own| serve_sandbox(own, closing.clone()));
        let parts = Parts {
            grpc: Part::start("the gRPC port", grpc.serve(service, stops.leaving.clone())),
            endpoint: Part::start_if_any("the webhook port", endpoint),
            admin: Part::start("the admin port", admin.serve(asked, closing.clone())),
            sandbox: Part::start_if_any("the sandbox", sandbox),
            keeper: Part::none(),
            follower: Part::start_if_any(
                "what follows the policy file",
                guard.map(|guard| guard.follow(closing.clone())),
            ),
            reloader: Part::start_if_any("what reloads certificates", certificates.keep_current(closing.clone())),
        };
        let running = Running { limits, stops, readiness, parts, under_way, closing, events: None, runtimes };
        (running, ToCome { addresses, events, observed, api, later, needed, needs_recording, ready })
    }
}

/// Opens the event log, becomes ready, and goes on until something is broken: it says what.
async fn serve(running: &mut Running, to_come: ToCome) -> RunError {
    let ToCome { addresses, events, observed, api, later, needed, needs_recording, ready } = to_come;
    let Running { readiness, parts, closing, events: opened, .. } = running;
    let events = tokio::select! {
        opened = events.open(&observed) => match opened {
            Ok(events) => Arc::new(events),
            Err(error) => return error.into(),
        },
        name = parts.one_ends() => return RunError::Ended(name),
    };
    *opened = Some(Arc::clone(&events));
    later.set(api.routes(&events));
    let (kept, until) = (Arc::clone(&events), closing.clone());
    parts.keeper = Part::start("what keeps the event log true", async move { kept.keep_current(until).await });

    let living = async {
        if let Some(grid) = needed {
            until_grid_answers(&grid).await;
        }
        readiness.enter(Phase::Ready).await;
        ready.cancel();
        tracing::info!(grpc = %addresses.grpc, admin = %addresses.admin, "ready");
        if needs_recording {
            match readiness.follow(&events).await {}
        }
        pending::<RunError>().await
    };
    let broken = tokio::select! {
        error = living => error,
        name = parts.one_ends() => RunError::Ended(name),
        () = events.closed() => RunError::LogClosed,
    };
    tracing::error!(error = %broken, "stopping");
    broken
}

async fn serve_sandbox(own: OwnSandbox, closing: CancellationToken) {
    let OwnSandbox { sandbox, listener, addr: _, access: _ } = own;
    if let Err(error) = sandbox.serve(listener, closing.cancelled_owned()).await {
        tracing::error!(error = &error as &dyn std::error::Error, "the sandbox failed");
    }
}
