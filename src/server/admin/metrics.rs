//! `GET /metrics`.

use crate::server::observe::Observed;
use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::routing::get;
use std::sync::Arc;

/// The metrics, for Prometheus.
pub(super) fn router(observed: Arc<Observed>) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(observed)
}

async fn metrics(State(observed): State<Arc<Observed>>, headers: HeaderMap) -> impl IntoResponse {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (media_type, text) = observed.text(accept).await;
    ([(CONTENT_TYPE, media_type)], text)
}
