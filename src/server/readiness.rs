//! Whether calls should be sent here: what `grpc.health.v1` and `/readyz` answer.

use tokio::sync::watch;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

/// Where the process is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not everything runs yet.
    Starting,
    /// Calls are welcome.
    Ready,
    /// It was told to stop, and finishes what it has.
    Draining,
}

/// Tells everyone who asks about the phase.
pub(super) struct Readiness {
    phase: watch::Sender<Phase>,
    reporter: HealthReporter,
    /// The services whose health is reported, beside that of the whole server.
    services: Vec<&'static str>,
}

impl Readiness {
    /// Starts as not ready. `reporter` is the one whose health service is served.
    pub(super) async fn starting(reporter: HealthReporter, services: Vec<&'static str>) -> Self {
        let readiness = Readiness { phase: watch::Sender::new(Phase::Starting), reporter, services };
        readiness.enter(Phase::Starting).await;
        readiness
    }

    /// Enters a phase, and tells those who watch.
    pub(super) async fn enter(&self, phase: Phase) {
        let status = match phase {
            Phase::Ready => ServingStatus::Serving,
            Phase::Starting | Phase::Draining => ServingStatus::NotServing,
        };
        self.phase.send_replace(phase);
        // The empty name is the server as a whole (grpc.health.v1).
        for service in std::iter::once("").chain(self.services.iter().copied()) {
            self.reporter.set_service_status(service, status).await;
        }
    }

    /// The phase, now and as it changes.
    pub(super) fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }
}
