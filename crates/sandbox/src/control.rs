//! The control API: what only a sandbox can do. It is JSON, below [`CONTROL_PATH`], and apart from Grid's paths.
//!
//! It has no credentials of its own, and is served on the sandbox's listener: whoever can connect can use it, so the
//! sandbox belongs on a loopback address or a private network. Bodies have to be `application/json`, which no other
//! site's form can send.
//!
//! | | |
//! |---|---|
//! | `POST /control/decisions` | `{id, status, errors?}`: a reviewer's decision about a customer, a beneficial owner or a verification. Any status, also one that Grid does not have yet. |
//! | `POST /control/reset` | Forgets everything, and puts clock and settings back. |
//! | `GET /control/requests?after=N` | The latest requests on Grid's paths, credentials left out. `DELETE` forgets them. |
//! | `GET /control/clock` | `{now, aheadSeconds}`. `POST {advanceSeconds}` moves it forward. |
//! | `GET /control/platform` | `{regulated, approveAtCreation, oldErrorBodies, laggingUpdatedAt}`. `POST` changes what it names. With `approveAtCreation` individuals are decided and with `oldErrorBodies` errors are written as Grid did until September 2026. With `laggingUpdatedAt` a new status leaves `updatedAt` as it was, as in Grid's own examples. |
//! | `GET /control/webhooks` | `{endpoint, mischief, waiting, ended}`: where webhooks go, what goes wrong with them, how many wait, what became of the latest. |
//! | `POST /control/webhooks/endpoint` | `{url}`: sends webhooks there, or nowhere (`null`). |
//! | `POST /control/webhooks/mischief` | A whole [`WebhookMischief`](super::WebhookMischief): duplicates, reorders, delays, drops. |
//! | `POST /control/webhooks/send` | `{type, data?, id?, timestamp?}`: signs and sends any webhook; answers `{id}`. |
//! | `GET /control/webhooks/key` | `{publicKeyPem}`: the key that webhooks are verified with (SPKI PEM). |
//! | `POST /control/faults` | `{faults: [`[`Fault`](super::Fault)`]}`: what goes wrong with answers from now on. `GET` shows what is left of it, `DELETE` ends it. |
//! | `POST /control/wallets` | `{customerId, emailOtp?, smsOtp?, syncFails?}`: ties an embedded wallet to a customer. |
//! | `POST /control/wallets/sign` | `{customerId, payloadToSign}`: signs as the wallet's device would; answers `{stamp}`. |
//! | `GET /control/documents/{id}/file` | The bytes of a document, as they were uploaded. |
//! | `GET /control/state` | How many of each thing there are. |

mod decisions;
mod extract;
mod wallets;
mod webhooks;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

use super::decisions::Rules;
use super::faults::Fault;
use super::query::Params;
use super::shared::App;
use extract::{Body, ControlError};

/// The path that the control API is below.
pub const CONTROL_PATH: &str = "/control";

/// Longest step of the clock: a year.
const MAX_ADVANCE_SECONDS: u64 = 366 * 24 * 60 * 60;

/// The paths of the control API.
pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/decisions", post(decisions::decide))
        .route("/reset", post(reset))
        .route("/requests", get(requests).delete(forget_requests))
        .route("/clock", get(clock).post(advance_clock))
        .route("/platform", get(platform).post(change_platform))
        .route("/wallets", post(wallets::tie))
        .route("/wallets/sign", post(wallets::sign))
        .route("/documents/{id}/file", get(document_file))
        .route("/state", get(state))
        .route("/webhooks", get(webhooks::show))
        .route("/webhooks/endpoint", post(webhooks::change_endpoint))
        .route("/webhooks/mischief", post(webhooks::change_mischief))
        .route("/webhooks/send", post(webhooks::send))
        .route("/webhooks/key", get(webhooks::key))
        .route("/faults", get(faults).post(change_faults).delete(end_faults))
        .fallback(async || ControlError::new(StatusCode::NOT_FOUND, "there is no such path in the control API"))
        .method_not_allowed_fallback(async || {
            ControlError::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not take that method")
        })
}

async fn reset(State(app): State<App>) -> StatusCode {
    app.reset();
    StatusCode::NO_CONTENT
}

async fn requests(State(app): State<App>, params: Params) -> Result<Json<Value>, ControlError> {
    let after = params.get("after").unwrap_or("0").parse().map_err(|_| ControlError::bad("after must be a number"))?;
    Ok(Json(json!({ "requests": app.journal.after(after) })))
}

async fn forget_requests(State(app): State<App>) -> StatusCode {
    app.journal.clear();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Advance {
    advance_seconds: u64,
}

async fn clock(State(app): State<App>) -> Json<Value> {
    Json(json!({ "now": app.clock.now(), "aheadSeconds": app.clock.offset().as_secs() }))
}

async fn advance_clock(State(app): State<App>, Body(advance): Body<Advance>) -> Result<Json<Value>, ControlError> {
    if advance.advance_seconds > MAX_ADVANCE_SECONDS {
        return Err(ControlError::bad("advanceSeconds is over a year"));
    }
    app.clock.advance(Duration::from_secs(advance.advance_seconds));
    Ok(clock(State(app)).await)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Platform {
    regulated: Option<bool>,
    old_error_bodies: Option<bool>,
    approve_at_creation: Option<bool>,
    lagging_updated_at: Option<bool>,
}

async fn platform(State(app): State<App>) -> Json<Value> {
    let store = app.store();
    Json(json!({
        "regulated": store.regulated,
        "oldErrorBodies": store.old_error_bodies,
        "approveAtCreation": store.rules == Rules::AtCreation,
        "laggingUpdatedAt": store.lagging_updated_at,
    }))
}

async fn change_platform(State(app): State<App>, Body(change): Body<Platform>) -> Json<Value> {
    {
        let mut store = app.store();
        store.regulated = change.regulated.unwrap_or(store.regulated);
        store.old_error_bodies = change.old_error_bodies.unwrap_or(store.old_error_bodies);
        store.rules = change.approve_at_creation.map_or(store.rules, Rules::of);
        store.lagging_updated_at = change.lagging_updated_at.unwrap_or(store.lagging_updated_at);
    }
    platform(State(app)).await
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultList {
    faults: Vec<Fault>,
}

async fn faults(State(app): State<App>) -> Json<FaultList> {
    Json(FaultList { faults: app.faults.list().clone() })
}

async fn change_faults(
    State(app): State<App>,
    Body(FaultList { faults }): Body<FaultList>,
) -> Result<StatusCode, ControlError> {
    let bad_status = |fault: &Fault| fault.status.is_some_and(|status| !(200..=599).contains(&status));
    if faults.iter().any(bad_status) {
        return Err(ControlError::bad("status must be from 200 to 599"));
    }
    *app.faults.list() = faults;
    Ok(StatusCode::NO_CONTENT)
}

async fn end_faults(State(app): State<App>) -> StatusCode {
    app.faults.list().clear();
    StatusCode::NO_CONTENT
}

async fn document_file(State(app): State<App>, Path(id): Path<String>) -> Result<Response, ControlError> {
    let file = app.store().documents.get(&id).map(|row| row.file.clone());
    let file = file.ok_or_else(|| ControlError::not_found("document"))?;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], file).into_response())
}

async fn state(State(app): State<App>) -> Json<Value> {
    let store = app.store();
    Json(json!({
        "customers": store.customers.len(),
        "beneficialOwners": store.owners.len(),
        "documents": store.documents.len(),
        "documentBytes": store.document_bytes,
        "verifications": store.verifications.len(),
        "kycLinks": store.links.len(),
        "importJobs": store.jobs.len(),
    }))
}
