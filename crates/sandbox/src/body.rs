//! Request bodies that are JSON objects.

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use serde_json::{Map, Value};

use super::error::GridError;

/// Most bytes of a JSON body.
pub(super) const MAX_JSON_BYTES: usize = 1024 * 1024;

/// A body that has to be a JSON object.
pub(super) struct JsonObject(pub(super) Map<String, Value>);

/// A body that may be empty, and is a JSON object otherwise.
pub(super) struct OptionalJsonObject(pub(super) Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for JsonObject {
    type Rejection = GridError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, GridError> {
        let (is_json, bytes) = (is_json(&request), read(request).await?);
        parse(&bytes, is_json).map(Self)
    }
}

impl<S: Send + Sync> FromRequest<S> for OptionalJsonObject {
    type Rejection = GridError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, GridError> {
        let (is_json, bytes) = (is_json(&request), read(request).await?);
        if bytes.is_empty() { Ok(Self(Map::new())) } else { parse(&bytes, is_json).map(Self) }
    }
}

pub(super) fn is_json(request: &Request) -> bool {
    let essence =
        |value: &str| value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json");
    request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(essence)
}

async fn read(request: Request) -> Result<bytes::Bytes, GridError> {
    to_bytes(request.into_body(), MAX_JSON_BYTES)
        .await
        .map_err(|_| GridError::invalid_format(format!("The body can't be read, or has over {MAX_JSON_BYTES} bytes")))
}

fn parse(bytes: &[u8], is_json: bool) -> Result<Map<String, Value>, GridError> {
    if !is_json {
        return Err(GridError::invalid_format("The body must be application/json"));
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(GridError::invalid_format("The body must be a JSON object")),
        Err(error) => Err(GridError::invalid_format(format!(
            "The body is not JSON (line {}, column {})",
            error.line(),
            error.column()
        ))),
    }
}
