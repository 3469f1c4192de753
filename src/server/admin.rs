//! The admin port: probes, metrics, and the routes that operators' commands use on the running process.
//!
//! Probes and metrics are open to every client that can connect. All other routes are for tools on this machine ([`guard`]):
//! commands that inspect or change the event log use them, since only this process may write to it.

mod answer;
mod guard;
mod log_level;
mod metrics;
mod probes;
mod quarantine;
mod webhooks;

pub(super) use probes::Probed;
pub(super) use quarantine::Quarantine;

use super::observe::Observed;
use crate::telemetry::LogLevels;
use crate::webhook::Counters;
use answer::Refusal;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::from_fn;
use std::sync::Arc;

/// The largest body of a request, in bytes.
const MAX_BODY: usize = 16 * 1024;

/// What is asked for here, beside the probes.
pub(super) struct Asked {
    pub(super) quarantine: Quarantine,
    pub(super) webhooks: Option<Arc<Counters>>,
    pub(super) observed: Arc<Observed>,
    pub(super) log_levels: Option<LogLevels>,
}

/// What the admin port answers. Each subject brings its own routes and what they need.
pub(super) fn router(probed: Probed, asked: Asked) -> Router {
    let Asked { quarantine, webhooks, observed, log_levels } = asked;
    let open = Router::new().merge(probes::router(probed)).merge(metrics::router(observed));
    let guarded = Router::new()
        .merge(quarantine::router(quarantine))
        .merge(webhooks::router(webhooks))
        .merge(log_level::router(log_levels))
        .route_layer(from_fn(guard::tools_on_this_machine));
    open.merge(guarded)
        .fallback(async || Refusal::new(StatusCode::NOT_FOUND, "no_such_path", "there is no such path on this port"))
        .method_not_allowed_fallback(async || {
            Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", "this path does not take that method")
        })
        .layer(DefaultBodyLimit::max(MAX_BODY))
}
