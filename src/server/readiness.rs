//! Whether calls should be sent here: what `grpc.health.v1` and `/readyz` answer.

use super::customer_source::Denied;
use super::events::Events;
use crate::grid::{self, Call};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

/// How long Grid may take to answer whether it knows us.
const GRID_ANSWER: Duration = Duration::from_secs(10);

/// How often it is looked whether the event log records.
const RECORDING_LOOK: Duration = Duration::from_millis(500);

/// The first pause before Grid is asked again. It doubles up to the maximum.
const GRID_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_GRID_PAUSE: Duration = Duration::from_secs(15);

/// Asks Grid until it has answered with success: it can be reached, and takes our credentials. Says why it has not, once
/// for each reason.
pub(super) async fn until_grid_answers(grid: &grid::Client) {
    let (mut pause, mut told) = (GRID_PAUSE, String::new());
    loop {
        let error = match grid.get_platform_config(&Call::until(Instant::now() + GRID_ANSWER)).await {
            Ok(_) => return,
            Err(error) => error,
        };
        let problem = error.to_string();
        if problem != told {
            let why = Denied::of(&error).map(|denied| denied.why);
            tracing::warn!(%error, why, "not ready: the check of Grid failed");
            told = problem;
        }
        sleep(pause).await;
        pause = pause.saturating_mul(2).min(LONGEST_GRID_PAUSE);
    }
}

/// Where the process is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not everything runs yet.
    Starting,
    /// Calls are welcome.
    Ready,
    /// They would be, if the event log recorded anything.
    NotRecording,
    /// The server is stopping and finishes open calls.
    Draining,
}

impl Phase {
    /// What health checks hear.
    fn status(self) -> ServingStatus {
        match self {
            Phase::Ready => ServingStatus::Serving,
            Phase::Starting | Phase::NotRecording | Phase::Draining => ServingStatus::NotServing,
        }
    }
}

/// Tells everyone who asks about the phase.
pub(super) struct Readiness {
    phase: watch::Sender<Phase>,
    reporter: HealthReporter,
    /// The services whose health is reported, beside that of the whole server.
    services: Vec<String>,
}

impl Readiness {
    /// Starts as not ready. `reporter` is the one whose health service is served.
    pub(super) async fn starting(reporter: HealthReporter, services: Vec<String>) -> Self {
        let readiness = Readiness { phase: watch::Sender::new(Phase::Starting), reporter, services };
        readiness.report(Phase::Starting.status()).await;
        readiness
    }

    /// Enters a phase, and tells those who watch.
    pub(super) async fn enter(&self, phase: Phase) {
        let before = self.phase.send_replace(phase);
        if before.status() != phase.status() {
            self.report(phase.status()).await;
        }
    }

    /// Is ready while the event log records, and not while it does not: for good.
    pub(super) async fn follow(&self, events: &Events) -> Infallible {
        loop {
            let phase = if events.trouble().is_some() { Phase::NotRecording } else { Phase::Ready };
            self.enter(phase).await;
            sleep(RECORDING_LOOK).await;
        }
    }

    async fn report(&self, status: ServingStatus) {
        // The empty name is the server as a whole (grpc.health.v1).
        for service in std::iter::once("").chain(self.services.iter().map(String::as_str)) {
            self.reporter.set_service_status(service, status).await;
        }
    }

    /// Whether this is the phase now.
    pub(super) fn is(&self, phase: Phase) -> bool {
        *self.phase.borrow() == phase
    }

    /// The phase, now and as it changes.
    pub(super) fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }
}
