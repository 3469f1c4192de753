//! `/customers` and `/customers/{id}`: creating, reading, listing and deleting customers.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::body::JsonObject;
use super::customer_input::{Intent, check_whole, read_customer};
use super::customer_record::{apply, blank_row};
use super::decisions::status_at_creation;
use super::error::GridError;
use super::fields::Faults;
use super::ids::IdKind;
use super::pagination::page;
use super::platform::uma_domain;
use super::query::Params;
use super::shared::{App, Shared};
use super::state::{CustomerRow, Store};
use super::transitions::set_status;
use super::vocabulary as words;
use gridgate_grid::model::{
    ContactVerification, ContactVerificationStatus, Customer, CustomerInput, CustomerType, Page, Time,
};

/// `POST /customers`.
pub(super) async fn create(
    State(app): State<App>,
    JsonObject(body): JsonObject,
) -> Result<(StatusCode, Json<Customer>), GridError> {
    let mut faults = Faults::default();
    let input = read_customer(&body, Intent::Create, app.clock.now(), &mut faults);
    let Some(input) = input else {
        faults.into_result()?;
        return Err(GridError::bad_field("customerType", "is required"));
    };
    let mut store = app.store();
    let customer = create_customer(&app, &mut store, input, faults)?;
    Ok((StatusCode::CREATED, Json(customer)))
}

/// Makes a customer of an input that was read with these faults.
pub(super) fn create_customer(
    app: &Shared,
    store: &mut Store,
    input: CustomerInput,
    mut faults: Faults,
) -> Result<Customer, GridError> {
    let uma_address_given = input.profile.uma_address.is_some();
    let platform_id = input.platform_customer_id.clone();
    let id = IdKind::Customer.new_id();
    let generated = || format!("sandbox-{}", uuid::Uuid::now_v7().simple());
    let mut row = blank_row(id.clone(), platform_id.clone().unwrap_or_else(generated), input.customer_type.clone());
    apply(input, &mut row);
    check_whole(&row.customer, &mut faults);
    faults.into_result()?;

    // Several customers can share a platformCustomerId, each with a UMA address of its own.
    if platform_id.is_some_and(|id| !uma_address_given && store.active_with_platform_id(&id)) {
        return Err(GridError::conflict("An active customer with this platformCustomerId already exists"));
    }
    complete(app, store, &mut row);
    let now = row.customer.created_at.map(Time::clamped).unwrap_or_default();
    store.add_customer(row)?;
    store.announce_customer(&id, now)?;
    store.customer(&id).map(|row| store.rendered(row))
}

/// Adds what Grid decides itself.
fn complete(app: &Shared, store: &Store, row: &mut CustomerRow) {
    let now = app.clock.tick();
    let customer = &mut row.customer;
    customer.created_at = Some(now.into());
    customer.updated_at = Some(now.into());
    if customer.profile.uma_address.is_none() {
        let (_, unique) = customer.id.split_once(':').unwrap_or_default();
        customer.profile.uma_address = Some(format!("${}@{}", unique, uma_domain(app, store)));
    }
    if let (None, Some(region)) = (&customer.profile.currencies, &customer.profile.region) {
        let inferred = words::currencies_of_region(region);
        customer.profile.currencies = inferred.map(|codes| codes.iter().map(|code| (*code).to_owned()).collect());
    }
    if customer.profile.region.as_deref().is_some_and(words::requires_contact_verification) {
        let pending = Some(ContactVerificationStatus::Pending);
        customer.contact_verification = Some(ContactVerification { email: pending.clone(), phone: pending });
    }
    if customer.customer_type == CustomerType::Individual
        && row.identifier.is_some()
        && customer.individual.country_of_issuance.is_none()
    {
        customer.individual.country_of_issuance = Some("US".to_owned());
    }
    let status = status_at_creation(customer, store.regulated, store.rules);
    set_status(customer, status);
}

/// `GET /customers/{id}`. A deleted customer can still be read.
pub(super) async fn get(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Customer>, GridError> {
    let store = app.store();
    store.customer(&id).map(|row| Json(store.rendered(row)))
}

/// `DELETE /customers/{id}`.
pub(super) async fn delete(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Customer>, GridError> {
    let now = app.clock.tick();
    app.store().delete_customer(&id, now).map(Json)
}

/// The filters of `GET /customers`, which its cursors are bound to.
const FILTERS: &[&str] = &[
    "platformCustomerId",
    "customerType",
    "createdAfter",
    "createdBefore",
    "updatedAfter",
    "updatedBefore",
    "region",
    "currency",
    "umaAddress",
    "isIncludingDeleted",
];

/// `GET /customers`.
pub(super) async fn list(State(app): State<App>, params: Params) -> Result<Json<Page<Customer>>, GridError> {
    let mut faults = Faults::default();
    let request = params.page("customers", FILTERS, &mut faults);
    let customer_type = params.one_of("customerType", words::CUSTOMER_TYPES, &mut faults);
    let created = (params.time("createdAfter", &mut faults), params.time("createdBefore", &mut faults));
    let updated = (params.time("updatedAfter", &mut faults), params.time("updatedBefore", &mut faults));
    let deleted_too = params.flag("isIncludingDeleted", &mut faults).unwrap_or(false);
    faults.into_result()?;

    // Both bounds are inclusive.
    let within = |time: Option<jiff::Timestamp>,
                  (after, before): (Option<jiff::Timestamp>, Option<jiff::Timestamp>)| {
        after.is_none_or(|after| time.is_some_and(|time| time >= after))
            && before.is_none_or(|before| time.is_some_and(|time| time <= before))
    };
    let equals = |name: &str, value: Option<&str>| params.get(name).is_none_or(|wanted| value == Some(wanted));
    let matches = |row: &CustomerRow| {
        let customer = &row.customer;
        (deleted_too || !row.is_deleted())
            && equals("platformCustomerId", Some(&customer.platform_customer_id))
            && customer_type.is_none_or(|wanted| customer.customer_type.as_str() == wanted)
            && within(customer.created_at.map(Time::clamped), created)
            && within(customer.updated_at.map(Time::clamped), updated)
            && equals("region", customer.profile.region.as_deref())
            && equals("umaAddress", customer.profile.uma_address.as_deref())
            && params.get("currency").is_none_or(|code| customer.profile.currencies.iter().flatten().any(|c| c == code))
    };
    let store = app.store();
    let rows = store.customers.iter().filter(|(_, row)| matches(row));
    Ok(Json(page(rows, &request, |row| store.rendered(row))))
}
