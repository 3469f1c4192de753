//! `POST /control/decisions`: a reviewer's decision.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::extract::{Body, ControlError};
use crate::ids::IdKind;
use crate::shared::App;
use gridgate_grid::model::{KycStatus, VerificationError, VerificationStatus};

/// A decision about a customer, an owner or a verification.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Decision {
    id: String,
    status: String,
    /// Why, for a rejection or for `RESOLVE_ERRORS`.
    #[serde(default)]
    errors: Vec<Value>,
}

/// Decides, and answers the thing as it is then.
pub(super) async fn decide(
    State(app): State<App>,
    Body(decision): Body<Decision>,
) -> Result<Json<Value>, ControlError> {
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
        if error.error_type.is_empty() {
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
