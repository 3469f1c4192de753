//! What can go wrong with answers on purpose: slow ones, errors, and connections that break, before or after the
//! request was acted on.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::error;
use super::shared::App;
use gridgate_grid::model::ErrorBody;

/// Longest delay of an answer.
const MAX_DELAY: Duration = Duration::from_secs(10 * 60);

/// Something that goes wrong with Grid's answers. Of several that match a request, the first one happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Fault {
    /// Only requests with this method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only requests whose path below the base path begins so, such as `/customers`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// How many requests it happens to; absent: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// How many of a hundred requests it happens to, picked at random.
    pub percent: u8,
    /// Milliseconds, in real time, before anything else happens; at most ten minutes.
    pub delay_millis: u64,
    /// The request is not acted on but answered with this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The `code` of that answer's body; absent: one that goes with the status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The `precheckErrors` of that answer's body: what a 422 says of a document's file, such as `screenshot`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub precheck_errors: Vec<String>,
    /// That answer's body instead of Grid's error, as `text/html`: what a proxy before Grid might say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// That answer's `Retry-After`: seconds, or an HTTP date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<String>,
    /// The connection breaks instead of an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hang_up: Option<HangUp>,
}

/// When a connection breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HangUp {
    /// Before the request is acted on.
    Before,
    /// After the request has been acted on: the caller can't know.
    After,
}

impl Default for Fault {
    fn default() -> Self {
        Self {
            method: None,
            path: None,
            times: None,
            percent: 100,
            delay_millis: 0,
            status: None,
            code: None,
            precheck_errors: Vec::new(),
            body: None,
            retry_after: None,
            hang_up: None,
        }
    }
}

/// The faults in force.
#[derive(Default)]
pub(super) struct Faults {
    /// Guards the list, whose counts go down with each request.
    list: Mutex<Vec<Fault>>,
}

impl Faults {
    pub(super) fn new(list: Vec<Fault>) -> Self {
        Self { list: Mutex::new(list) }
    }

    /// The faults in force, with what is left of their counts.
    pub(super) fn list(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happens to a request.
    fn draw(&self, method: &Method, path: &str) -> Option<Fault> {
        let mut list = self.list();
        let fault = list.iter_mut().find(|fault| {
            fault.method.as_ref().is_none_or(|only| only.eq_ignore_ascii_case(method.as_str()))
                && fault.path.as_ref().is_none_or(|prefix| path.starts_with(prefix.as_str()))
                && fault.times != Some(0)
                && fastrand::u8(0..100) < fault.percent
        })?;
        if let Some(times) = &mut fault.times {
            *times -= 1;
        }
        Some(fault.clone())
    }
}

/// Lets a request pass, or lets something go wrong with it.
pub(super) async fn disturb(State(app): State<App>, request: Request, next: Next) -> Response {
    let Some(fault) = app.faults.draw(request.method(), request.uri().path()) else {
        return next.run(request).await;
    };
    let delay = Duration::from_millis(fault.delay_millis).min(MAX_DELAY);
    tokio::select! {
        () = tokio::time::sleep(delay) => {}
        () = app.stopping.cancelled() => {}
    }
    match (fault.hang_up, fault.status) {
        (Some(HangUp::Before), _) => broken(StatusCode::BAD_GATEWAY.into_response(), HangUp::Before),
        (Some(HangUp::After), _) => broken(next.run(request).await, HangUp::After),
        (None, Some(status)) => answer(&fault, status),
        (None, None) => next.run(request).await,
    }
}

/// Marks a response as one that never reaches the client.
fn broken(mut response: Response, hang_up: HangUp) -> Response {
    response.extensions_mut().insert(hang_up);
    response
}

fn answer(fault: &Fault, status: u16) -> Response {
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = match &fault.body {
        Some(text) => (code, [(CONTENT_TYPE, "text/html; charset=utf-8")], text.clone()).into_response(),
        None => {
            let body = ErrorBody {
                code: Some(fault.code.clone().unwrap_or_else(|| code_of(status).to_owned())),
                reason: Some("The sandbox was told to answer this".to_owned()),
                precheck_errors: fault.precheck_errors.clone(),
                ..ErrorBody::default()
            };
            error::answer(code, body)
        }
    };
    if let Some(Ok(value)) = fault.retry_after.as_deref().map(HeaderValue::from_str) {
        response.headers_mut().insert(RETRY_AFTER, value);
    }
    response
}

/// The code that goes with a status (OpenAPI `Error400` to `Error501`; Grid names none for the others).
fn code_of(status: u16) -> &'static str {
    match status {
        400 => "INVALID_INPUT",
        401 => "UNAUTHORIZED",
        403 => "FORBIDDEN",
        404 => "REFERENCE_NOT_FOUND",
        405 => "METHOD_NOT_ALLOWED",
        409 => "CONFLICT",
        410 => "CUSTOMER_DELETED",
        422 => "DOCUMENT_REJECTED",
        424 => "EMAIL_OTP_CREDENTIAL_SYNC_FAILED",
        429 => "RATE_LIMITED",
        501 => "NOT_IMPLEMENTED",
        _ => "INTERNAL_ERROR",
    }
}
