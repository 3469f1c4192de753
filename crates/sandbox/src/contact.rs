//! `/customers/{id}/verify-email` and `/verify-phone`: proving that the contact details are the customer's own, in
//! regions that require it.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Map, Value};

use super::body::JsonObject;
use super::error::GridError;
use super::fields::{Faults, Fields};
use super::formats::Form;
use super::shared::{App, Shared};
use gridgate_grid::model::{ContactVerification, ContactVerificationStatus, Customer, Individual, Profile};

const CODE: &str = "123456";

#[derive(Debug, Clone, Copy)]
enum Channel {
    Email,
    Phone,
}

/// `POST /customers/{id}/verify-email`.
pub(super) async fn send_email(State(app): State<App>, Path(id): Path<String>) -> Result<StatusCode, GridError> {
    send(&app, &id, Channel::Email)
}

/// `POST /customers/{id}/verify-phone`.
pub(super) async fn send_phone(State(app): State<App>, Path(id): Path<String>) -> Result<StatusCode, GridError> {
    send(&app, &id, Channel::Phone)
}

/// `POST /customers/{id}/verify-email/confirm`.
pub(super) async fn confirm_email(
    State(app): State<App>,
    Path(id): Path<String>,
    JsonObject(body): JsonObject,
) -> Result<Json<Customer>, GridError> {
    confirm(&app, &id, Channel::Email, &body).map(Json)
}

/// `POST /customers/{id}/verify-phone/confirm`.
pub(super) async fn confirm_phone(
    State(app): State<App>,
    Path(id): Path<String>,
    JsonObject(body): JsonObject,
) -> Result<Json<Customer>, GridError> {
    confirm(&app, &id, Channel::Phone, &body).map(Json)
}

fn send(app: &Shared, id: &str, channel: Channel) -> Result<StatusCode, GridError> {
    let mut store = app.store();
    let row = store.active_customer_mut(id)?;
    pending(&mut row.customer.contact_verification, channel)?;
    Ok(StatusCode::NO_CONTENT)
}

fn confirm(app: &Shared, id: &str, channel: Channel, body: &Map<String, Value>) -> Result<Customer, GridError> {
    let mut store = app.store();
    let row = store.active_customer_mut(id)?;
    let status = pending(&mut row.customer.contact_verification, channel)?;

    let mut faults = Faults::default();
    let fields = Fields::of_body(body);
    fields.require(&["code"], &mut faults);
    let code = fields.text("code", Form::Text(None), &mut faults);
    faults.into_result()?;
    if code.as_deref() != Some(CODE) {
        return Err(GridError::bad_field("code", "is invalid or expired"));
    }
    *status = Some(ContactVerificationStatus::Verified);
    row.customer.updated_at = Some(app.clock.tick().into());
    Ok(base(row.customer.clone()))
}

/// The status of a channel that is required and not verified yet.
fn pending(
    verification: &mut Option<ContactVerification>,
    channel: Channel,
) -> Result<&mut Option<ContactVerificationStatus>, GridError> {
    let status = verification.as_mut().map(|verification| match channel {
        Channel::Email => &mut verification.email,
        Channel::Phone => &mut verification.phone,
    });
    match status {
        Some(status) if *status == Some(ContactVerificationStatus::Verified) => {
            Err(GridError::conflict("This contact detail is already verified"))
        }
        Some(status) if status.is_some() => Ok(status),
        _ => Err(GridError::conflict("The customer's payment provider does not require contact verification")),
    }
}

/// The base customer (OpenAPI `Customer`), which is all that the confirm calls answer.
fn base(customer: Customer) -> Customer {
    Customer {
        kyc_status: None,
        kyb_status: None,
        individual: Individual::default(),
        business_info: None,
        beneficial_owners: None,
        profile: Profile { address: None, ..customer.profile },
        ..customer
    }
}
