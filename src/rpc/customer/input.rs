//! A customer as callers create and change it: what of it is sent to Grid.

use crate::grid::model;
use crate::grid::{CustomerFilter, SignedRetry};
use crate::pb;
use crate::rpc::field_mask::{self, Emptied, Masked};
use crate::rpc::{Violations, business_info, open_enum, timestamp};

use super::agreement;

/// Reads a `CreateCustomerRequest`, but for its `request_id`.
pub(super) fn create(request: pb::CreateCustomerRequest, violations: &mut Violations) -> Option<model::CustomerInput> {
    let pb::CreateCustomerRequest {
        request_id: _,
        customer_type,
        platform_customer_id,
        region,
        currencies,
        email,
        phone_number,
        uma_address,
        end_user_terms_consent,
        agreement_consents,
        address,
        details,
    } = request;
    let said = details.as_ref().map(|details| match details {
        pb::create_customer_request::Details::Individual(_) => model::CustomerType::Individual,
        pb::create_customer_request::Details::Business(_) => model::CustomerType::Business,
    });
    let customer_type = customer_type_of(customer_type, said, "details", violations);
    let emptied = Emptied::default();
    let consents = agreement::read(end_user_terms_consent, agreement_consents, &emptied, "", violations);
    let mut input = empty(customer_type?);
    input.platform_customer_id = platform_customer_id;
    input.region = region;
    input.currencies = emptied.list("currencies", currencies);
    input.email = email;
    input.phone_number = phone_number;
    input.uma_address = uma_address;
    input.end_user_terms_consent = consents.end_user_terms;
    input.agreement_consents = consents.agreements;
    input.address = address.map(Into::into);
    match details {
        Some(pb::create_customer_request::Details::Individual(person)) => individual(person, &emptied, &mut input),
        Some(pb::create_customer_request::Details::Business(company)) => business(company, &emptied, &mut input),
        None => {}
    }
    Some(input)
}

/// Reads the type and the fields of an `UpdateCustomerRequest`.
pub(super) fn update(
    customer_type: i32,
    customer: Option<pb::CustomerUpdate>,
    mask: Option<prost_types::FieldMask>,
    violations: &mut Violations,
) -> Option<model::CustomerInput> {
    let customer = customer.unwrap_or_default();
    let said = customer.details.as_ref().map(|details| match details {
        pb::customer_update::Details::Individual(_) => model::CustomerType::Individual,
        pb::customer_update::Details::Business(_) => model::CustomerType::Business,
    });
    let customer_type = customer_type_of(customer_type, said, "customer.details", violations);
    // Without details it is the type that says which of the two branches can be meant.
    let branch = customer_type.as_ref().and_then(|customer_type| match customer_type {
        model::CustomerType::Individual => Some("individual"),
        model::CustomerType::Business => Some("business"),
        model::CustomerType::Other(_) => None,
    });
    let Masked { message, emptied } =
        field_mask::apply_to("gridgate.v1.CustomerUpdate", branch, customer, mask, violations);
    let pb::CustomerUpdate {
        currencies,
        email,
        phone_number,
        uma_address,
        end_user_terms_consent,
        agreement_consents,
        address,
        details,
    } = message;
    let consents = agreement::read(end_user_terms_consent, agreement_consents, &emptied, "customer.", violations);
    let mut input = empty(customer_type?);
    input.currencies = emptied.list("currencies", currencies);
    input.email = email;
    input.phone_number = phone_number;
    input.uma_address = uma_address;
    input.end_user_terms_consent = consents.end_user_terms;
    input.agreement_consents = consents.agreements;
    input.address = address.map(Into::into);
    match details {
        Some(pb::customer_update::Details::Individual(person)) => individual(person, &emptied, &mut input),
        Some(pb::customer_update::Details::Business(company)) => business(company, &emptied, &mut input),
        None => {}
    }
    Some(input)
}

/// Reads the two fields of the signed second step, which come together or not at all.
pub(super) fn signed_retry(
    challenge_id: Option<String>,
    wallet_signature: Option<String>,
    violations: &mut Violations,
) -> Option<SignedRetry> {
    let mut header = |field: &str, value: Option<String>| {
        let read = value
            .as_deref()
            .and_then(|value| http::HeaderValue::from_str(value).ok())
            .filter(|value| !value.is_empty());
        if value.is_some() && read.is_none() {
            violations.add(field, "must be visible ASCII characters");
        }
        (value.is_some(), read)
    };
    let (has_id, challenge_id) = header("challenge_id", challenge_id);
    let (has_signature, wallet_signature) = header("wallet_signature", wallet_signature);
    if has_id && !has_signature {
        violations.add("wallet_signature", "is required beside challenge_id");
    }
    if has_signature && !has_id {
        violations.add("challenge_id", "is required beside wallet_signature");
    }
    Some(SignedRetry { challenge_id: challenge_id?, wallet_signature: wallet_signature? })
}

/// Reads the filters of a `ListCustomersRequest`.
pub(super) fn filter(request: pb::ListCustomersRequest, violations: &mut Violations) -> CustomerFilter {
    let pb::ListCustomersRequest {
        page_size: _,
        page_token: _,
        platform_customer_id,
        customer_type,
        created_after,
        created_before,
        updated_after,
        updated_before,
        region,
        currency,
        uma_address,
        include_deleted,
    } = request;
    CustomerFilter {
        platform_customer_id,
        customer_type: open_enum::read::<pb::CustomerType>("customer_type", customer_type, violations).word(),
        created_after: timestamp::from_pb("created_after", created_after, violations),
        created_before: timestamp::from_pb("created_before", created_before, violations),
        updated_after: timestamp::from_pb("updated_after", updated_after, violations),
        updated_before: timestamp::from_pb("updated_before", updated_before, violations),
        region,
        currency,
        uma_address,
        is_including_deleted: include_deleted,
    }
}

/// The type of a customer, from the field that names it and from the details that imply it.
fn customer_type_of(
    number: i32,
    details: Option<model::CustomerType>,
    details_field: &str,
    violations: &mut Violations,
) -> Option<model::CustomerType> {
    let Ok(named) = pb::CustomerType::try_from(number) else {
        violations.add("customer_type", "is not a value of this enum");
        return None;
    };
    match (named.word(), details) {
        (Some(named), Some(implied)) if named != implied => {
            violations.add("customer_type", format!("contradicts {details_field}"));
            None
        }
        (Some(said), _) | (None, Some(said)) => Some(said),
        (None, None) => {
            violations.add("customer_type", format!("is required where {details_field} does not say it"));
            None
        }
    }
}

fn individual(person: pb::IndividualInput, emptied: &Emptied, input: &mut model::CustomerInput) {
    let pb::IndividualInput { full_name, birth_date, nationality, id_type, identifier, country_of_issuance, edd } =
        person;
    input.full_name = full_name;
    input.birth_date = birth_date;
    input.nationality = nationality;
    input.id_type = id_type;
    input.identifier = identifier;
    input.country_of_issuance = country_of_issuance;
    let Some(edd) = edd else { return };
    let pb::CustomerEdd {
        source_of_funds_categories,
        source_of_funds_other_description,
        source_of_wealth_categories,
        source_of_wealth_other_description,
        purpose_of_account,
        purpose_of_account_other_description,
        expected_monthly_transaction_count,
        expected_monthly_transaction_volume,
        annual_income_range,
        net_worth_range,
        pep_status,
    } = edd;
    let list = |field: &str, list: Vec<String>| emptied.list(&format!("individual.edd.{field}"), list);
    input.source_of_funds_categories = list("source_of_funds_categories", source_of_funds_categories);
    input.source_of_funds_other_description = source_of_funds_other_description;
    input.source_of_wealth_categories = list("source_of_wealth_categories", source_of_wealth_categories);
    input.source_of_wealth_other_description = source_of_wealth_other_description;
    input.purpose_of_account = purpose_of_account;
    input.purpose_of_account_other_description = purpose_of_account_other_description;
    input.expected_monthly_transaction_count = expected_monthly_transaction_count;
    input.expected_monthly_transaction_volume = expected_monthly_transaction_volume;
    input.annual_income_range = annual_income_range;
    input.net_worth_range = net_worth_range;
    input.pep_status = pep_status;
}

fn business(company: pb::BusinessInput, emptied: &Emptied, input: &mut model::CustomerInput) {
    let pb::BusinessInput { business_info: info } = company;
    input.business_info = info.map(|info| business_info::to_grid(info, "business.business_info", emptied));
}

impl From<pb::Address> for model::Address {
    fn from(address: pb::Address) -> Self {
        let pb::Address { line1, line2, city, state, postal_code, country } = address;
        Self { line1, line2, city, state, postal_code, country }
    }
}

fn empty(customer_type: model::CustomerType) -> model::CustomerInput {
    model::CustomerInput {
        customer_type,
        platform_customer_id: None,
        region: None,
        currencies: None,
        email: None,
        phone_number: None,
        uma_address: None,
        end_user_terms_consent: None,
        agreement_consents: None,
        address: None,
        full_name: None,
        birth_date: None,
        nationality: None,
        id_type: None,
        identifier: None,
        country_of_issuance: None,
        source_of_funds_categories: None,
        source_of_funds_other_description: None,
        source_of_wealth_categories: None,
        source_of_wealth_other_description: None,
        purpose_of_account: None,
        purpose_of_account_other_description: None,
        expected_monthly_transaction_count: None,
        expected_monthly_transaction_volume: None,
        annual_income_range: None,
        net_worth_range: None,
        pep_status: None,
        business_info: None,
    }
}
