//! `/control/webhooks`: where webhooks go, what goes wrong with them, what became of them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::extract::{Body, ControlError};
use crate::faults::WebhookFaults;
use crate::shared::App;
use crate::webhooks::Webhooks;
use crate::webhooks::event::Event;

/// What waits, and what became of the latest webhooks.
pub(super) async fn show(State(app): State<App>) -> Json<Value> {
    let webhooks = &app.store().webhooks;
    Json(json!({
        "endpoint": webhooks.endpoint,
        "mischief": webhooks.faults,
        "waiting": webhooks.queue.waiting(),
        "ended": webhooks.queue.ended().collect::<Vec<_>>(),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Endpoint {
    url: Option<String>,
}

pub(super) async fn change_endpoint(
    State(app): State<App>,
    Body(endpoint): Body<Endpoint>,
) -> Result<StatusCode, ControlError> {
    if let Some(url) = &endpoint.url {
        crate::formats::Form::WebAddress
            .check(url)
            .map_err(|refusal| ControlError::bad(format!("url {}", refusal.message)))?;
    }
    app.store().webhooks.endpoint = endpoint.url;
    app.wake.notify_one();
    Ok(StatusCode::NO_CONTENT)
}

/// Changes what goes wrong with webhooks from now on.
pub(super) async fn change_faults(State(app): State<App>, Body(faults): Body<WebhookFaults>) -> Json<WebhookFaults> {
    app.store().webhooks.faults = faults.clone();
    app.wake.notify_one();
    Json(faults)
}

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
    let mut store = app.store();
    if store.webhooks.endpoint.is_none() {
        return Err(ControlError::new(StatusCode::CONFLICT, "there is no webhook endpoint"));
    }
    let Webhooks { faults, queue, .. } = &mut store.webhooks;
    queue.add(event, faults, now);
    app.wake.notify_one();
    Ok((StatusCode::ACCEPTED, Json(Sent { id })))
}

pub(super) async fn key(State(app): State<App>) -> Result<Json<Value>, ControlError> {
    let store = app.store();
    let key = store.webhooks.key.as_ref().ok_or_else(|| ControlError::not_found("key"))?;
    Ok(Json(json!({ "publicKeyPem": key.public_pem() })))
}
