//! The admin port: what operators and their machinery ask of the running process.
//!
//! Open to whoever can connect are the probes. Everything else is for tools on this machine ([`guard`]): commands that
//! look into the event log or change it work through here, since only this process may write to it.

mod answer;
mod guard;
mod probes;
mod quarantine;
mod webhooks;

pub(super) use quarantine::Quarantine;

use super::readiness::Phase;
use crate::webhook::Counters;
use answer::Refusal;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::from_fn;
use std::sync::Arc;
use tokio::sync::watch;

/// The largest body of a request, in bytes.
const MAX_BODY: usize = 16 * 1024;

/// What the admin port answers. Each subject brings its own routes and what they need.
pub(super) fn router(phase: watch::Receiver<Phase>, quarantine: Quarantine, webhooks: Option<Arc<Counters>>) -> Router {
    let open = Router::new().merge(probes::router(phase));
    let guarded = Router::new()
        .merge(quarantine::router(quarantine))
        .merge(webhooks::router(webhooks))
        .route_layer(from_fn(guard::tools_on_this_machine));
    open.merge(guarded)
        .fallback(async || Refusal::new(StatusCode::NOT_FOUND, "no_such_path", "there is no such path on this port"))
        .method_not_allowed_fallback(async || {
            Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", "this path does not take that method")
        })
        .layer(DefaultBodyLimit::max(MAX_BODY))
}
