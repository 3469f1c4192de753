//! Reading the body of `POST /beneficial-owners` and of `PATCH /beneficial-owners/{id}`.

use jiff::civil::Date;
use serde_json::{Map, Value};

use super::customer_input::{COUNTRY, Intent, NAME, check_address};
use super::fields::{Faults, Fields, Shape};
use super::formats::Form;
use super::vocabulary as words;
use gridgate_grid::model::{BeneficialOwner, BeneficialOwnerInput, PersonalInfo};

const IDENTIFIER: Form = Form::Text(Some(100));

/// Reads an owner's fields (OpenAPI `BeneficialOwnerCreateRequest`, `BeneficialOwnerUpdateRequest`).
pub(super) fn read_owner(
    body: &Map<String, Value>,
    intent: Intent,
    today: Date,
    faults: &mut Faults,
) -> BeneficialOwnerInput {
    let fields = Fields::of_body(body);
    let mut input: BeneficialOwnerInput = serde_json::from_value(Value::Object(body.clone())).unwrap_or_default();
    if intent == Intent::Create {
        fields.require(&["customerId", "roles", "ownershipPercentage", "personalInfo"], faults);
        fields.check(&[("customerId", NAME)], faults);
    } else {
        input.customer_id = None;
    }
    let roles = Shape::Texts(Form::OneOf(words::OWNER_ROLES));
    fields.check(&[("roles", roles), ("ownershipPercentage", Shape::Integer(0, 100))], faults);
    if let Some(person) = fields.object("personalInfo", faults) {
        check_person(&person, intent, today, faults);
    }
    input
}

fn check_person(person: &Fields<'_>, intent: Intent, today: Date, faults: &mut Faults) {
    if intent == Intent::Create {
        let required = ["firstName", "lastName", "birthDate", "nationality", "address", "idType", "identifier"];
        person.require(&required, faults);
    }
    let before_address = [
        ("firstName", NAME),
        ("middleName", NAME),
        ("lastName", NAME),
        ("birthDate", Shape::Text(Form::DateUntil(today))),
        ("nationality", COUNTRY),
        ("email", Shape::Text(Form::Email)),
        ("phoneNumber", Shape::Text(Form::Phone)),
    ];
    person.check(&before_address, faults);
    check_address(person, faults);
    let after_address = [
        ("idType", Shape::Text(Form::OneOf(words::ID_TYPES))),
        ("identifier", Shape::Text(IDENTIFIER)),
        ("countryOfIssuance", COUNTRY),
    ];
    person.check(&after_address, faults);
}

/// What holds for an owner as a whole: the number has the form of its type.
pub(super) fn check_owner(person: &PersonalInfo, faults: &mut Faults) {
    let form = match person.id_type.as_deref() {
        Some("SSN" | "ITIN") => Form::UsPersonTaxNumber,
        Some("EIN") => Form::Ein,
        _ => IDENTIFIER,
    };
    let field = "personalInfo.identifier";
    let Some(identifier) = person.identifier.as_deref().filter(|_| !faults.has(field)) else { return };
    if let Err(refusal) = form.check(identifier) {
        faults.add_coded("INVALID_INPUT", field, refusal.message, Some(refusal.constraint));
    }
}

/// Changes the fields of an owner that the input says something about.
pub(super) fn apply_owner(input: BeneficialOwnerInput, owner: &mut BeneficialOwner) {
    let BeneficialOwnerInput { customer_id: _, roles, ownership_percentage, personal_info } = input;
    if let Some(roles) = roles {
        owner.roles = roles;
    }
    owner.ownership_percentage = ownership_percentage.or(owner.ownership_percentage);
    if let Some(person) = personal_info {
        owner.personal_info.get_or_insert_default().merge(person);
    }
}
