//! `GET` and `PUT /log-level`: which log lines are written, in the notation of the setting `log.level`.

use crate::telemetry::LogLevels;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

/// Reads and changes the levels. Without `levels`, which only the program has, there is no such path.
pub(super) fn router(levels: Option<LogLevels>) -> Router {
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
