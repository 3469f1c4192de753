//! What every request on Grid's paths passes, from the outside in: the date, the journal, the form of errors, fault
//! injection, credentials.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures_util::TryStreamExt;
use secrecy::ExposeSecret;

use super::body::{MAX_JSON_BYTES, is_json};
use super::config::{BASE_PATH, SandboxConfig};
use super::error::{self, GridError};
use super::faults::{Fault, HangUp};
use super::journal::Entry;
use super::shared::App;
use gridgate_grid::model::ErrorBody;

/// Longest delay of an answer.
const MAX_DELAY: Duration = Duration::from_secs(10 * 60);

/// Largest JSON body that the journal keeps; of a larger one it keeps only the size.
const MAX_KEPT_BODY: usize = 64 * 1024;

/// Says the sandbox's time in the answer's `Date`, as Grid says its own.
pub(super) async fn date(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let now = httpdate::fmt_http_date(app.clock.now().into());
    if let Ok(now) = HeaderValue::try_from(now) {
        response.headers_mut().insert(DATE, now);
    }
    response
}

/// Records a request, and what was answered.
pub(super) async fn record(State(app): State<App>, request: Request, next: Next) -> Response {
    let started = std::time::Instant::now();
    let json = is_json(&request);
    let (parts, body) = request.into_parts();
    let mut entry = Entry {
        received_at: app.clock.now(),
        method: parts.method.to_string(),
        // The router has taken the base path off.
        path: format!("{BASE_PATH}{}", parts.uri.path()),
        query: parts.uri.query().map(str::to_owned),
        headers: headers(&parts.headers),
        ..Entry::default()
    };
    let counted = Arc::new(AtomicU64::new(0));
    let body = if json {
        match to_bytes(body, MAX_JSON_BYTES).await {
            Ok(bytes) => {
                counted.store(bytes.len() as u64, Ordering::Relaxed);
                entry.body = (bytes.len() <= MAX_KEPT_BODY).then(|| serde_json::from_slice(&bytes).ok()).flatten();
                Body::from(bytes)
            }
            Err(_) => {
                app.store().journal.push(entry);
                let message = format!("The body can't be read, or has over {MAX_JSON_BYTES} bytes");
                return GridError::invalid_format(message).into_response();
            }
        }
    } else {
        let counter = Arc::clone(&counted);
        let count = move |chunk: &bytes::Bytes| {
            counter.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        };
        Body::from_stream(body.into_data_stream().inspect_ok(count))
    };
    entry.body_bytes = counted.load(Ordering::Relaxed);
    let number = app.store().journal.push(entry);

    let method = parts.method.clone();
    let mut request = Request::from_parts(parts, body);
    request.extensions_mut().insert(number);
    let response = next.run(request).await;
    let status = response.status().as_u16();
    if let Some(entry) = app.store().journal.get_mut(number) {
        entry.status = response.extensions().get::<HangUp>().is_none().then_some(status);
        entry.body_bytes = counted.load(Ordering::Relaxed);
    }
    let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::debug!(?number, %method, status, elapsed_ms, "sandbox answered");
    response
}

fn headers(headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::<_, Vec<_>>::new();
    for (name, value) in headers.iter().filter(|(name, _)| **name != AUTHORIZATION) {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        all.entry(name.as_str().to_owned()).or_default().push(value);
    }
    all
}

/// Writes errors as Grid did until September 2026, if the sandbox is set to.
pub(super) async fn write_as_configured(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let status = response.status();
    match response.extensions_mut().remove::<ErrorBody>() {
        Some(body) if app.store().old_error_bodies => {
            let old = (status, Json(body.as_old(status.as_u16()))).into_response();
            let (mut head, _) = response.into_parts();
            // Its length is another.
            head.headers.extend(old.headers().clone());
            Response::from_parts(head, old.into_body())
        }
        Some(_) | None => response,
    }
}

/// Injects the first fault that happens to a request.
pub(super) async fn inject_faults(State(app): State<App>, request: Request, next: Next) -> Response {
    let fault = Fault::draw(&mut app.store().faults, request.method(), request.uri().path());
    let Some(fault) = fault else { return next.run(request).await };
    let delay = Duration::from_millis(fault.delay_millis).min(MAX_DELAY);
    tokio::select! {
        () = tokio::time::sleep(delay) => {}
        () = app.stopping.cancelled() => {}
    }
    match (fault.hang_up, fault.status) {
        (Some(HangUp::Before), _) => broken(StatusCode::BAD_GATEWAY.into_response(), HangUp::Before),
        (Some(HangUp::After), _) => broken(next.run(request).await, HangUp::After),
        (None, Some(status)) => injected(&fault, status),
        (None, None) => next.run(request).await,
    }
}

/// Marks a response as one that never reaches the client.
fn broken(mut response: Response, hang_up: HangUp) -> Response {
    response.extensions_mut().insert(hang_up);
    response
}

fn injected(fault: &Fault, status: u16) -> Response {
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

/// Admits requests with the platform's credentials by HTTP Basic: the client id is the user, the client secret the password.
pub(super) async fn require_credentials(State(app): State<App>, request: Request, next: Next) -> Response {
    if authorized(&app.config, request.headers()) {
        return next.run(request).await;
    }
    let error = GridError::unauthorized("UNAUTHORIZED", "Issue with API credentials");
    let mut response = error.into_response();
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"grid\""));
    response
}

fn authorized(config: &SandboxConfig, headers: &HeaderMap) -> bool {
    let Some((scheme, encoded)) =
        headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| value.split_once(' '))
    else {
        return false;
    };
    let Ok(decoded) = BASE64_STANDARD.decode(encoded.trim()) else { return false };
    let expected = format!("{}:{}", config.client_id, config.client_secret.expose_secret());
    scheme.eq_ignore_ascii_case("basic")
        && aws_lc_rs::constant_time::verify_slices_are_equal(&decoded, expected.as_bytes()).is_ok()
}
