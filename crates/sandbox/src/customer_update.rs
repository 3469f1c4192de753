//! `PATCH /customers/{id}`: changing the fields that are present, with a wallet's signature where one is needed.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::body::JsonObject;
use super::customer_input::{Intent, check_whole, read_customer};
use super::customer_record::apply;
use super::error::GridError;
use super::fields::Faults;
use super::ids::IdKind;
use super::shared::{App, Shared};
use super::state::{CustomerRow, Store};
use super::wallet::{Challenge, Signed};
use gridgate_grid::model::{ContactVerificationStatus, Customer, CustomerInput, SignedRequestChallenge};

/// `PATCH /customers/{id}`.
pub(super) async fn update(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    JsonObject(body): JsonObject,
) -> Result<Response, GridError> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let signed = Signed { signature: header("grid-wallet-signature"), request_id: header("request-id") };

    let mut store = app.store();
    let input = read_update(&app, store.active_customer(&id)?, &body)?;
    let row = store.active_customer(&id)?;
    if let Some(channel) = signature_needed(row, &input) {
        if signed.signature.is_none() && signed.request_id.is_none() {
            return challenge(&app, &mut store, &id, channel, body).map(IntoResponse::into_response);
        }
        let Some(wallet) = &row.wallet else { return Err(GridError::customer_not_found()) };
        store.challenges.check(wallet, &id, &body, signed, app.clock.now())?;
        signed.request_id.into_iter().for_each(|id| store.challenges.remove(id));
    }
    let customer = change(&mut store, &id, input, app.clock.tick())?;
    Ok(Json(customer).into_response())
}

fn read_update(app: &Shared, row: &CustomerRow, body: &Map<String, Value>) -> Result<CustomerInput, GridError> {
    let mut faults = Faults::default();
    let input = read_customer(body, Intent::Update, app.clock.now(), &mut faults);
    if body.contains_key("email") && body.contains_key("phoneNumber") {
        for field in ["email", "phoneNumber"] {
            faults.add(field, "email and phoneNumber have to be updated in separate requests");
        }
    }
    let actual = &row.customer.customer_type;
    match input {
        Some(input) if input.customer_type == *actual => {
            let mut changed = CustomerRow { customer: row.customer.clone(), identifier: None, wallet: None };
            apply(input.clone(), &mut changed);
            check_whole(&changed.customer, &mut faults);
            faults.into_result()?;
            Ok(input)
        }
        other => {
            if other.is_some() {
                faults.add("customerType", format!("must be {actual}, the type of this customer"));
            }
            faults.into_result()?;
            Err(GridError::bad_field("customerType", "is required"))
        }
    }
}

/// A contact detail that a wallet's one-time codes go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Channel {
    Email,
    Phone,
}

/// The channel whose change the customer's wallet has to sign.
fn signature_needed(row: &CustomerRow, input: &CustomerInput) -> Option<Channel> {
    let wallet = row.wallet.as_ref()?;
    let changes = |said: &Option<String>, kept: &Option<String>| said.is_some() && said != kept;
    if wallet.email_otp && changes(&input.profile.email, &row.customer.profile.email) {
        Some(Channel::Email)
    } else if wallet.sms_otp && changes(&input.profile.phone_number, &row.customer.profile.phone_number) {
        Some(Channel::Phone)
    } else {
        None
    }
}

fn challenge(
    app: &Shared,
    store: &mut Store,
    id: &str,
    channel: Channel,
    body: Map<String, Value>,
) -> Result<(StatusCode, Json<SignedRequestChallenge>), GridError> {
    let (field, parameter, activity) = match channel {
        Channel::Email => ("email", "userEmail", "ACTIVITY_TYPE_UPDATE_USER_EMAIL"),
        Channel::Phone => ("phoneNumber", "userPhoneNumber", "ACTIVITY_TYPE_UPDATE_USER_PHONE_NUMBER"),
    };
    let value = body.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    check_unused(store, id, channel, &value)?;
    let Some(wallet) = &store.active_customer(id)?.wallet else { return Err(GridError::customer_not_found()) };

    let now = app.clock.now();
    let expires_at = now.saturating_add(app.config.challenge_lifetime).unwrap_or(Timestamp::MAX);
    let payload = json!({
        "organizationId": "org_sandbox",
        "parameters": { parameter: value, "userId": id },
        "timestampMs": now.as_millisecond().to_string(),
        "type": activity,
    })
    .to_string();
    let challenge = Challenge {
        customer_id: id.to_owned(),
        body,
        payload: payload.clone(),
        expires_at,
        generation: wallet.generation,
    };
    let request_id = IdKind::Request.new_id();
    store.challenges.insert(request_id.clone(), challenge, now);
    let answer = SignedRequestChallenge { payload_to_sign: payload, request_id, expires_at: Some(expires_at.into()) };
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

/// Refuses a contact detail that another customer's wallet uses already.
fn check_unused(store: &Store, id: &str, channel: Channel, value: &str) -> Result<(), GridError> {
    let used = |row: &CustomerRow| match (&row.wallet, channel) {
        (None, _) => false,
        (Some(wallet), Channel::Email) => wallet.email_otp && row.customer.profile.email.as_deref() == Some(value),
        (Some(wallet), Channel::Phone) => wallet.sms_otp && row.customer.profile.phone_number.as_deref() == Some(value),
    };
    if !store.customers.iter().any(|(_, row)| !row.is_deleted() && row.customer.id != id && used(row)) {
        return Ok(());
    }
    match channel {
        Channel::Email => {
            let message = "Email address is already associated with an EMAIL_OTP credential";
            Err(GridError::conflict_code("EMAIL_OTP_EMAIL_ALREADY_EXISTS", message))
        }
        Channel::Phone => Err(GridError::conflict("Phone number is already associated with an SMS_OTP credential")),
    }
}

fn change(store: &mut Store, id: &str, input: CustomerInput, now: Timestamp) -> Result<Customer, GridError> {
    let before = store.active_customer(id)?.customer.profile.uma_address.clone();
    if let Some(address) = input.profile.uma_address.clone().filter(|address| before.as_ref() != Some(address)) {
        store.take_uma_address(address, id.to_owned())?;
        before.iter().for_each(|old| store.release_uma_address(old));
    }
    let row = store.active_customer_mut(id)?;
    let contact = (row.customer.profile.email.clone(), row.customer.profile.phone_number.clone());
    apply(input, row);
    let customer = &mut row.customer;
    customer.updated_at = Some(now.into());
    if let Some(verification) = &mut customer.contact_verification {
        let pending = Some(ContactVerificationStatus::Pending);
        if contact.0 != customer.profile.email {
            verification.email = pending.clone();
        }
        if contact.1 != customer.profile.phone_number {
            verification.phone = pending;
        }
    }
    store.customer(id).map(|row| store.rendered(row))
}
