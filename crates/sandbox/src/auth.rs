//! HTTP Basic: the client id as user, the client secret as password.

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use secrecy::ExposeSecret;

use super::config::SandboxConfig;
use super::error::GridError;
use super::shared::App;

/// Lets a request pass that carries the platform's credentials.
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
