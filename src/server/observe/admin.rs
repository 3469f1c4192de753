//! The admin port's paths for metrics and log levels.

use super::Observed;
use crate::telemetry::LogLevels;
use axum::Router;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use std::sync::Arc;

/// `GET /metrics`: what Prometheus reads.
pub(in crate::server) fn metrics_router(observed: Arc<Observed>) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(observed)
}

async fn metrics(State(observed): State<Arc<Observed>>, headers: HeaderMap) -> impl IntoResponse {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (media_type, text) = observed.text(accept).await;
    ([(CONTENT_TYPE, media_type)], text)
}

/// `GET` and `PUT /log-level`: which log lines are written, in the notation of the setting `log.level`. Without
/// `levels`, which only the program has, there is no such path.
pub(in crate::server) fn log_level_router(levels: Option<LogLevels>) -> Router {
    match levels {
        Some(levels) => Router::new().route("/log-level", get(log_level).put(set_log_level)).with_state(levels),
        None => Router::new(),
    }
}

async fn log_level(State(levels): State<LogLevels>) -> String {
    format!("{}\n", levels.current())
}

async fn set_log_level(State(levels): State<LogLevels>, text: String) -> (StatusCode, String) {
    match levels.set(&text) {
        Ok(()) => (StatusCode::OK, format!("{}\n", levels.current())),
        Err(invalid) => (StatusCode::BAD_REQUEST, format!("{invalid}\n")),
    }
}
