//! `/webhooks`: what became of the webhooks that came to this process.

use super::answer::Refusal;
use crate::webhook::{Counters, Snapshot};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Its route. Without counters, webhooks are not taken.
pub(super) fn router(counters: Option<Arc<Counters>>) -> Router {
    Router::new().route("/webhooks", get(show)).with_state(counters)
}

/// Counts since the process began.
#[derive(Serialize)]
struct Shown {
    /// How often what became of a request.
    outcomes: BTreeMap<&'static str, u64>,
    /// What the relay answered, by the class of its status (`2xx`).
    relayed: BTreeMap<String, u64>,
    connections_open: u64,
}

async fn show(State(counters): State<Option<Arc<Counters>>>) -> Result<Json<Shown>, Refusal> {
    let Some(counters) = counters else {
        return Err(Refusal::new(StatusCode::NOT_FOUND, "no_webhooks", "this gridgate takes no webhooks"));
    };
    let Snapshot { outcomes, relayed, connections_open, type_disagreed: _, head_timed_out: _, connections_accepted: _ } =
        counters.snapshot();
    Ok(Json(Shown {
        outcomes: outcomes.into_iter().map(|(outcome, count)| (outcome.word(), count)).collect(),
        relayed: relayed.into_iter().map(|(class, count)| (format!("{class}xx"), count)).collect(),
        connections_open,
    }))
}
