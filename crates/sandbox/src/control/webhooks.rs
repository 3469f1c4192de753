//! `/control/webhooks`: where webhooks go, what goes wrong with them, what became of them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::extract::{Body, ControlError};
use crate::shared::App;
use crate::webhooks::event::Event;
use crate::webhooks::mischief::WebhookMischief;

/// What waits, and what became of the latest webhooks.
pub(super) async fn show(State(app): State<App>) -> Json<Value> {
    let state = app.webhooks.state();
    Json(json!({
        "endpoint": state.endpoint,
        "mischief": state.mischief,
        "waiting": state.queue.waiting(),
        "ended": state.queue.ended().collect::<Vec<_>>(),
    }))
}

/// A new endpoint, or none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Endpoint {
    url: Option<String>,
}

/// Changes where webhooks go.
pub(super) async fn change_endpoint(
    State(app): State<App>,
    Body(endpoint): Body<Endpoint>,
) -> Result<StatusCode, ControlError> {
    if let Some(url) = &endpoint.url {
        crate::formats::Form::WebAddress
            .check(url)
            .map_err(|refusal| ControlError::bad(format!("url {}", refusal.message)))?;
    }
    app.webhooks.state().endpoint = endpoint.url;
    app.webhooks.wake.notify_one();
    Ok(StatusCode::NO_CONTENT)
}

/// Changes what goes wrong with webhooks from now on.
pub(super) async fn change_mischief(
    State(app): State<App>,
    Body(mischief): Body<WebhookMischief>,
) -> Json<WebhookMischief> {
    app.webhooks.state().mischief = mischief.clone();
    app.webhooks.wake.notify_one();
    Json(mischief)
}

/// A webhook of the caller's making.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Send {
    /// An id that was sent already makes a duplicate.
    id: Option<String>,
    #[serde(rename = "type")]
    webhook_type: String,
    timestamp: Option<jiff::Timestamp>,
    #[serde(default)]
    data: Value,
}

/// The id of a webhook that was put in.
#[derive(Serialize)]
pub(super) struct Sent {
    id: String,
}

/// Signs any webhook and sends it like the others: of any type, with any data, as old as wanted.
pub(super) async fn send(
    State(app): State<App>,
    Body(send): Body<Send>,
) -> Result<(StatusCode, Json<Sent>), ControlError> {
    let Send { id, webhook_type, timestamp, data } = send;
    let now = app.clock.tick();
    let mut event = Event::new(webhook_type, timestamp.unwrap_or(now), data, String::new());
    if let Some(id) = id {
        event.id = id;
    }
    event.subject.clone_from(&event.id);
    let id = event.id.clone();
    let mut state = app.webhooks.state();
    if state.endpoint.is_none() {
        return Err(ControlError::new(StatusCode::CONFLICT, "there is no webhook endpoint"));
    }
    let crate::webhooks::State { mischief, queue, .. } = &mut *state;
    queue.add(event, mischief, now);
    drop(state);
    app.webhooks.wake.notify_one();
    Ok((StatusCode::ACCEPTED, Json(Sent { id })))
}

/// The public key that webhooks are verified with.
pub(super) async fn key(State(app): State<App>) -> Result<Json<Value>, ControlError> {
    let state = app.webhooks.state();
    let key = state.key.as_ref().ok_or_else(|| ControlError::not_found("key"))?;
    Ok(Json(json!({ "publicKeyPem": key.public_pem() })))
}
