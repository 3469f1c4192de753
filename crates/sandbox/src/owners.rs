//! `/beneficial-owners`: the people behind a business.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::body::JsonObject;
use super::clock::date_of;
use super::customer_input::Intent;
use super::decisions::status_of_owner;
use super::error::GridError;
use super::fields::Faults;
use super::ids::IdKind;
use super::owner_input::{apply_owner, check_owner, read_owner};
use super::pagination::page;
use super::query::Params;
use super::shared::App;
use gridgate_grid::model::{BeneficialOwner, CustomerType, KycStatus, Page};

/// `POST /beneficial-owners`.
pub(super) async fn create(
    State(app): State<App>,
    JsonObject(body): JsonObject,
) -> Result<(StatusCode, Json<BeneficialOwner>), GridError> {
    let mut faults = Faults::default();
    let input = read_owner(&body, Intent::Create, date_of(app.clock.now()), &mut faults);
    let mut owner = BeneficialOwner { id: IdKind::BeneficialOwner.new_id(), ..BeneficialOwner::default() };
    let customer_id = input.customer_id.clone().unwrap_or_default();
    apply_owner(input, &mut owner);
    if let Some(person) = &owner.personal_info {
        check_owner(person, &mut faults);
    }
    faults.into_result()?;

    let mut store = app.store();
    let business = &store.active_customer(&customer_id)?.customer;
    if business.customer_type != CustomerType::Business {
        return Err(GridError::bad_field("customerId", "is not a business customer"));
    }
    // Owners are resolved when the business is verified; one that is added later is resolved at once.
    let verified = !matches!(business.status(), None | Some(KycStatus::Unverified));
    owner.kyc_status = Some(match (store.regulated, verified) {
        (true, _) => KycStatus::Approved,
        (false, true) => status_of_owner(&owner),
        (false, false) => KycStatus::Unverified,
    });
    let limit = store.limits().owners_per_customer;
    if store.owners.group_len(&customer_id) >= limit {
        return Err(GridError::full("beneficial owners of one customer", limit));
    }
    let now = app.clock.tick();
    owner.customer_id = customer_id.clone();
    owner.created_at = Some(now.into());
    owner.updated_at = Some(now.into());
    store.owners.insert(owner.id.clone(), customer_id, owner.clone());
    Ok((StatusCode::CREATED, Json(owner)))
}

/// `GET /beneficial-owners/{id}`.
pub(super) async fn get(State(app): State<App>, Path(id): Path<String>) -> Result<Json<BeneficialOwner>, GridError> {
    app.store().owners.get(&id).cloned().map(Json).ok_or_else(not_found)
}

/// `PATCH /beneficial-owners/{id}`.
pub(super) async fn update(
    State(app): State<App>,
    Path(id): Path<String>,
    JsonObject(body): JsonObject,
) -> Result<Json<BeneficialOwner>, GridError> {
    let mut store = app.store();
    let owner = store.owners.get_mut(&id).ok_or_else(not_found)?;
    let mut faults = Faults::default();
    let mut changed = owner.clone();
    apply_owner(read_owner(&body, Intent::Update, date_of(app.clock.now()), &mut faults), &mut changed);
    if let Some(person) = &changed.personal_info {
        check_owner(person, &mut faults);
    }
    faults.into_result()?;
    changed.updated_at = Some(app.clock.tick().into());
    *owner = changed.clone();
    Ok(Json(changed))
}

/// `DELETE /beneficial-owners/{id}`, with the owner's documents. An owner that was submitted with the business stays. A
/// regulated platform verifies owners itself, so it can delete any.
pub(super) async fn delete(State(app): State<App>, Path(id): Path<String>) -> Result<StatusCode, GridError> {
    let mut store = app.store();
    let customer_id = store.owners.get(&id).ok_or_else(not_found)?.customer_id.clone();
    let status = store.customer(&customer_id).ok().and_then(|row| row.customer.status());
    if !store.regulated && !matches!(status, None | Some(KycStatus::Unverified)) {
        return Err(GridError::conflict("The business has already been submitted for verification"));
    }
    store.owners.remove(&id, &customer_id);
    let documents: Vec<_> = store.documents.group(&id).map(|(_, row)| row.document.id.clone()).collect();
    documents.iter().for_each(|document| store.remove_document(document, &id));
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /beneficial-owners`.
pub(super) async fn list(State(app): State<App>, params: Params) -> Result<Json<Page<BeneficialOwner>>, GridError> {
    let mut faults = Faults::default();
    let request = params.page("beneficial-owners", &["customerId"], &mut faults);
    let customer_id = params.get("customerId").unwrap_or_default();
    if customer_id.is_empty() {
        faults.add("customerId", "is required");
    }
    faults.into_result()?;
    let store = app.store();
    Ok(Json(page(store.owners.group(customer_id), &request, BeneficialOwner::clone)))
}

fn not_found() -> GridError {
    GridError::not_found("Beneficial owner")
}
