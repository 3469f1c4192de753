//! `/verifications`: submitting a customer for review, and reading what came of it.

use axum::Json;
use axum::extract::{Path, State};

use super::body::JsonObject;
use super::error::GridError;
use super::fields::{Faults, Fields};
use super::formats::Form;
use super::pagination::page;
use super::query::Params;
use super::shared::App;
use gridgate_grid::model::{Page, Verification, VerificationStatus};

/// `POST /verifications`. Missing data is a result (`RESOLVE_ERRORS`), not an error.
pub(super) async fn create(
    State(app): State<App>,
    JsonObject(body): JsonObject,
) -> Result<Json<Verification>, GridError> {
    let mut faults = Faults::default();
    let fields = Fields::of_body(&body);
    fields.require(&["customerId"], &mut faults);
    let id = fields.text("customerId", Form::Text(None), &mut faults).unwrap_or_default();
    faults.into_result()?;
    let mut store = app.store();
    let (now, decided_at) = (app.clock.tick(), app.clock.tick());
    store.submit(&id, now, decided_at).map(Json)
}

/// `GET /verifications/{id}`.
pub(super) async fn get(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Verification>, GridError> {
    app.store().verifications.get(&id).cloned().map(Json).ok_or_else(|| GridError::not_found("Verification"))
}

/// `GET /verifications`.
pub(super) async fn list(State(app): State<App>, params: Params) -> Result<Json<Page<Verification>>, GridError> {
    let mut faults = Faults::default();
    let request = params.page("verifications", &["customerId", "verificationStatus"], &mut faults);
    let status = params.one_of("verificationStatus", VerificationStatus::KNOWN, &mut faults);
    faults.into_result()?;
    let store = app.store();
    let matches =
        |verification: &Verification| status.is_none_or(|status| verification.verification_status.as_str() == status);
    Ok(Json(match params.get("customerId") {
        Some(id) => {
            let rows = store.verifications.group(id).filter(|(_, row)| matches(row));
            page(rows, &request, Verification::clone)
        }
        None => {
            let rows = store.verifications.iter().filter(|(_, row)| matches(row));
            page(rows, &request, Verification::clone)
        }
    }))
}
