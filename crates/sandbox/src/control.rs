//! The control API: what only a sandbox can do. It is JSON, below [`CONTROL_PATH`], apart from Grid's paths.
//!
//! It has no credentials of its own, and is served on the sandbox's listener: any client that can connect can use it, so the
//! sandbox belongs on a loopback address or a private network. Bodies have to be `application/json`, which no other
//! site's form can send.
//!
//! `docs/SANDBOX.md` lists its paths.

mod extract;
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
use super::ids::IdKind;
use super::query::Params;
use super::shared::App;
use super::wallet::Wallet;
use extract::{Body, ControlError};
use gridgate_grid::model::{KycStatus, VerificationError, VerificationStatus};

/// The path that the control API is below.
pub const CONTROL_PATH: &str = "/control";

/// Longest step of the clock: a year.
const MAX_ADVANCE_SECONDS: u64 = 366 * 24 * 60 * 60;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/decisions", post(decide))
        .route("/reset", post(reset))
        .route("/requests", get(requests).delete(forget_requests))
        .route("/clock", get(clock).post(advance_clock))
        .route("/platform", get(platform).post(change_platform))
        .route("/wallets", post(tie_wallet))
        .route("/wallets/sign", post(sign_with_wallet))
        .route("/documents/{id}/file", get(document_file))
        .route("/state", get(state))
        .route("/webhooks", get(webhooks::show))
        .route("/webhooks/endpoint", post(webhooks::change_endpoint))
        .route("/webhooks/mischief", post(webhooks::change_faults))
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
    Ok(Json(json!({ "requests": app.store().journal.after(after) })))
}

async fn forget_requests(State(app): State<App>) -> StatusCode {
    app.store().journal.clear();
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
    Json(FaultList { faults: app.store().faults.clone() })
}

async fn change_faults(
    State(app): State<App>,
    Body(FaultList { faults }): Body<FaultList>,
) -> Result<StatusCode, ControlError> {
    let bad_status = |fault: &Fault| fault.status.is_some_and(|status| !(200..=599).contains(&status));
    if faults.iter().any(bad_status) {
        return Err(ControlError::bad("status must be from 200 to 599"));
    }
    app.store().faults = faults;
    Ok(StatusCode::NO_CONTENT)
}

async fn end_faults(State(app): State<App>) -> StatusCode {
    app.store().faults.clear();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Decision {
    id: String,
    status: String,
    /// Why, for a rejection or for `RESOLVE_ERRORS`.
    #[serde(default)]
    errors: Vec<Value>,
}

/// Decides, and answers the thing as it is then.
async fn decide(State(app): State<App>, Body(decision): Body<Decision>) -> Result<Json<Value>, ControlError> {
    let Decision { id, status, errors } = decision;
    if status.is_empty() {
        return Err(ControlError::bad("status must not be empty"));
    }
    let now = app.clock.tick();
    let mut store = app.store();
    if IdKind::Customer.names(&id) {
        let errors = read_errors(errors, &id)?;
        store.decide_customer(&id, KycStatus::from(status.as_str()), errors, now)?;
        let customer = store.customer(&id).map(|row| store.rendered(row))?;
        Ok(Json(json!(customer)))
    } else if IdKind::BeneficialOwner.names(&id) {
        store.move_owner(&id, KycStatus::from(status.as_str()), now)?;
        Ok(Json(json!(store.owners.get(&id))))
    } else if IdKind::Verification.names(&id) {
        let customer_id = store.verifications.get(&id).map(|row| row.customer_id.clone()).unwrap_or_default();
        let errors = read_errors(errors, &customer_id)?;
        store.decide_verification(&id, VerificationStatus::from(status.as_str()), errors, now)?;
        Ok(Json(json!(store.verifications.get(&id))))
    } else {
        Err(ControlError::bad("id must be that of a customer, a beneficial owner or a verification"))
    }
}

/// Reads the errors; each is about the customer where it does not say otherwise.
fn read_errors(errors: Vec<Value>, customer_id: &str) -> Result<Vec<VerificationError>, ControlError> {
    let read = |value| {
        let mut error: VerificationError =
            serde_json::from_value(value).map_err(|error| ControlError::bad(format!("errors: {error}")))?;
        if error.r#type.is_empty() {
            return Err(ControlError::bad("errors: each needs a type"));
        }
        if error.resource_id.is_empty() {
            customer_id.clone_into(&mut error.resource_id);
        }
        if error.reason.is_empty() {
            "The reviewer found a problem".clone_into(&mut error.reason);
        }
        Ok(error)
    };
    errors.into_iter().map(read).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Tie {
    customer_id: String,
    #[serde(default)]
    email_otp: bool,
    #[serde(default)]
    sms_otp: bool,
    #[serde(default)]
    sync_fails: bool,
}

/// Ties a wallet to a customer, or changes its credentials: challenges under way no longer fit them then.
async fn tie_wallet(State(app): State<App>, Body(tie): Body<Tie>) -> Result<StatusCode, ControlError> {
    let mut store = app.store();
    let row = store.active_customer_mut(&tie.customer_id)?;
    match &mut row.wallet {
        Some(wallet) => {
            wallet.email_otp = tie.email_otp;
            wallet.sms_otp = tie.sms_otp;
            wallet.sync_fails = tie.sync_fails;
            wallet.generation += 1;
        }
        none => {
            let wallet = Wallet::new(tie.email_otp, tie.sms_otp, tie.sync_fails, 1);
            let failed = || ControlError::new(StatusCode::INTERNAL_SERVER_ERROR, "no key could be made");
            *none = Some(wallet.ok_or_else(failed)?);
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Sign {
    customer_id: String,
    payload_to_sign: String,
}

/// Signs as the wallet's device would.
async fn sign_with_wallet(State(app): State<App>, Body(sign): Body<Sign>) -> Result<Json<Value>, ControlError> {
    let store = app.store();
    let wallet = store.active_customer(&sign.customer_id)?.wallet.as_ref();
    let stamp = wallet.and_then(|wallet| wallet.sign(&sign.payload_to_sign));
    stamp.map(|stamp| Json(json!({ "stamp": stamp }))).ok_or_else(|| ControlError::not_found("wallet"))
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
