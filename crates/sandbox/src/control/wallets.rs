//! `/control/wallets`: embedded wallets, which are made outside of the API that the sandbox covers.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::extract::{Body, ControlError};
use crate::shared::App;
use crate::wallet::Wallet;

/// A wallet to tie to a customer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Tie {
    customer_id: String,
    #[serde(default)]
    email_otp: bool,
    #[serde(default)]
    sms_otp: bool,
    #[serde(default)]
    sync_fails: bool,
}

/// Ties a wallet to a customer, or changes its credentials: challenges under way no longer fit them then.
pub(super) async fn tie(State(app): State<App>, Body(tie): Body<Tie>) -> Result<StatusCode, ControlError> {
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

/// What the wallet's device is to sign.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Sign {
    customer_id: String,
    payload_to_sign: String,
}

/// Signs as the wallet's device would.
pub(super) async fn sign(State(app): State<App>, Body(sign): Body<Sign>) -> Result<Json<Value>, ControlError> {
    let store = app.store();
    let wallet = store.active_customer(&sign.customer_id)?.wallet.as_ref();
    let stamp = wallet.and_then(|wallet| wallet.sign(&sign.payload_to_sign));
    stamp.map(|stamp| Json(json!({ "stamp": stamp }))).ok_or_else(|| ControlError::not_found("wallet"))
}
