//! A customer as callers create and change it: what of it is sent to Grid.

use crate::grid::SignedRetry;
use crate::grid::model::{CustomerInput, CustomerType, Individual};
use crate::pb;
use crate::rpc::Violations;
use crate::rpc::field_mask::{self, Masked};
use crate::rpc::mapping::{At, FromApi, Reading};
use crate::rpc::open_enum::RequestWord as _;

/// Most consents in one request: Grid has an agreement of seven types, and takes one consent for each.
const MOST_CONSENTS: usize = 7;

/// What a customer has as a person, or as a business.
enum Details {
    Individual(pb::IndividualInput),
    Business(pb::BusinessInput),
}

/// Reads a `CreateCustomerRequest`, but for its `request_id`.
pub(super) fn create(mut request: pb::CreateCustomerRequest, violations: &mut Violations) -> Option<CustomerInput> {
    use pb::create_customer_request::Details as Branch;
    let details = request.details.take().map(|details| match details {
        Branch::Individual(person) => Details::Individual(person),
        Branch::Business(company) => Details::Business(company),
    });
    let said = details.as_ref().map(|details| match details {
        Details::Individual(_) => CustomerType::Individual,
        Details::Business(_) => CustomerType::Business,
    });
    let customer_type = customer_type_of(request.customer_type, said, "details", violations);
    let mut reading = Reading::new(violations);
    limit_consents(&mut request.agreement_consents, &mut reading);
    read(request, customer_type, details, &mut reading)
}

/// Reads the type and the fields of an `UpdateCustomerRequest`.
pub(super) fn update(
    customer_type: i32,
    customer: Option<pb::CustomerUpdate>,
    mask: Option<prost_types::FieldMask>,
    violations: &mut Violations,
) -> Option<CustomerInput> {
    use pb::customer_update::Details as Branch;
    let customer = customer.unwrap_or_default();
    let said = customer.details.as_ref().map(|details| match details {
        Branch::Individual(_) => CustomerType::Individual,
        Branch::Business(_) => CustomerType::Business,
    });
    let customer_type = customer_type_of(customer_type, said, "customer.details", violations);
    // Without details it is the type that says which of the two branches can be meant.
    let branch = customer_type.as_ref().and_then(|customer_type| match customer_type {
        CustomerType::Individual => Some("individual"),
        CustomerType::Business => Some("business"),
        CustomerType::Other(_) => None,
    });
    let Masked { message: mut customer, emptied } =
        field_mask::apply_to("gridgate.v1.CustomerUpdate", branch, customer, mask, violations);
    let details = customer.details.take().map(|details| match details {
        Branch::Individual(person) => Details::Individual(person),
        Branch::Business(company) => Details::Business(company),
    });
    let mut reading = Reading { within: "customer.", emptied, violations };
    limit_consents(&mut customer.agreement_consents, &mut reading);
    read(customer, customer_type, details, &mut reading)
}

/// Reads a request without its details, and the details.
fn read<P>(
    request: P,
    customer_type: Option<CustomerType>,
    details: Option<Details>,
    reading: &mut Reading<'_>,
) -> Option<CustomerInput>
where
    CustomerInput: FromApi<P>,
{
    let mut input = CustomerInput::from_api(request, At::TOP, reading);
    let profile = &input.profile;
    if profile.end_user_terms_consent.is_some() && profile.agreement_consents.is_some() {
        let names = ["agreement_consents", "end_user_terms_consent"];
        for (name, other) in names.into_iter().zip(names.into_iter().rev()) {
            let description = format!("can't be sent together with {}{other}", reading.within);
            reading.add(At::TOP.field(name), &description);
        }
    }
    input.customer_type = customer_type?;
    match details {
        Some(Details::Individual(person)) => {
            input.individual = Individual::from_api(person, At::TOP.field("individual"), reading);
        }
        Some(Details::Business(pb::BusinessInput { business_info })) => {
            let at = At::TOP.field("business");
            input.business_info = FromApi::from_api(business_info, at.field("business_info"), reading);
        }
        None => {}
    }
    Some(input)
}

fn limit_consents(consents: &mut Vec<pb::AgreementConsent>, reading: &mut Reading<'_>) {
    if consents.len() > MOST_CONSENTS {
        reading.add(At::TOP.field("agreement_consents"), &format!("must have at most {MOST_CONSENTS} entries"));
        consents.truncate(MOST_CONSENTS);
    }
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

/// The type of a customer, from the field that names it and from the details that imply it.
fn customer_type_of(
    number: i32,
    details: Option<CustomerType>,
    details_field: &str,
    violations: &mut Violations,
) -> Option<CustomerType> {
    let Ok(named) = pb::CustomerType::try_from(number) else {
        violations.add("customer_type", "is not a value of this enum");
        return None;
    };
    match (CustomerType::of(named), details) {
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
