//! The admin port: `/livez` (the process answers), `/readyz` (calls should be sent here), `/metrics`, and `/log-level`.

use super::observe::{Observed, log_level_router, metrics_router};
use super::readiness::Phase;
use crate::telemetry::LogLevels;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use std::sync::Arc;
use tokio::sync::watch;

/// What the admin port answers.
pub(super) fn router(phase: watch::Receiver<Phase>, observed: Observed, log_levels: Option<LogLevels>) -> Router {
    let probes = Router::new().route("/livez", get(async || "alive\n")).route("/readyz", get(readyz)).with_state(phase);
    probes.merge(metrics_router(Arc::new(observed))).merge(log_level_router(log_levels))
}

async fn readyz(State(phase): State<watch::Receiver<Phase>>) -> (StatusCode, &'static str) {
    match *phase.borrow() {
        Phase::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting\n"),
        Phase::Ready => (StatusCode::OK, "ready\n"),
        Phase::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
    }
}
