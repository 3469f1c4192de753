//! `/livez` (the process answers) and `/readyz` (calls should be sent here).

use crate::kyc::log::{LateLog, Obstacle};
use crate::server::readiness::Phase;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::sync::watch;

/// What is answered from.
#[derive(Clone)]
pub(in crate::server) struct Probed {
    pub(in crate::server) phase: watch::Receiver<Phase>,
    /// What is in the way of opening the event log.
    pub(in crate::server) obstacle: Obstacle,
    pub(in crate::server) log: LateLog,
}

/// Their routes.
pub(super) fn router(probed: Probed) -> Router {
    Router::new().route("/livez", get(async || "alive\n")).route("/readyz", get(readyz)).with_state(probed)
}

async fn readyz(State(probed): State<Probed>) -> (StatusCode, String) {
    let Probed { phase, obstacle, log } = probed;
    let phase = *phase.borrow();
    let trouble = log.get().and_then(|log| log.condition().trouble);
    let blocked = trouble.map(|trouble| format!("the event log records nothing: {trouble}"));
    let (status, text) = match phase {
        Phase::Starting => {
            let obstacle = obstacle.current().map(|what| format!(": the event log is not open: {what}"));
            (StatusCode::SERVICE_UNAVAILABLE, format!("starting{}", obstacle.unwrap_or_default()))
        }
        Phase::Ready => {
            let but = blocked.map(|blocked| format!(", but {blocked}"));
            (StatusCode::OK, format!("ready{}", but.unwrap_or_default()))
        }
        Phase::NotRecording => {
            let blocked = blocked.unwrap_or_else(|| "the event log recorded nothing a moment ago".to_owned());
            (StatusCode::SERVICE_UNAVAILABLE, blocked)
        }
        Phase::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining".to_owned()),
    };
    (status, format!("{text}\n"))
}
