//! Reading the body of `POST /beneficial-owners` and of `PATCH /beneficial-owners/{id}`.

use jiff::civil::Date;
use serde_json::{Map, Value};

use super::customer_input::{Intent, read_address};
use super::customer_record::overwrite;
use super::fields::{Faults, Fields};
use super::formats::Form;
use super::vocabulary as words;
use gridgate_grid::model::{BeneficialOwner, BeneficialOwnerInput, PersonalInfo};

const NAME: Form = Form::Text(Some(250));
const IDENTIFIER: Form = Form::Text(Some(100));

/// Reads an owner's fields (OpenAPI `BeneficialOwnerCreateRequest`, `BeneficialOwnerUpdateRequest`).
pub(super) fn read_owner(
    body: &Map<String, Value>,
    intent: Intent,
    today: Date,
    faults: &mut Faults,
) -> BeneficialOwnerInput {
    let fields = Fields::of_body(body);
    let create = intent == Intent::Create;
    if create {
        fields.require(&["customerId", "roles", "ownershipPercentage", "personalInfo"], faults);
    }
    BeneficialOwnerInput {
        customer_id: if create { fields.text("customerId", NAME, faults) } else { None },
        roles: fields.texts("roles", Form::OneOf(words::OWNER_ROLES), faults),
        ownership_percentage: fields.integer("ownershipPercentage", 0, 100, faults),
        personal_info: read_person(&fields, create, today, faults),
    }
}

fn read_person(fields: &Fields<'_>, create: bool, today: Date, faults: &mut Faults) -> Option<PersonalInfo> {
    let person = fields.object("personalInfo", faults)?;
    if create {
        let required = ["firstName", "lastName", "birthDate", "nationality", "address", "idType", "identifier"];
        person.require(&required, faults);
    }
    Some(PersonalInfo {
        first_name: person.text("firstName", NAME, faults),
        middle_name: person.text("middleName", NAME, faults),
        last_name: person.text("lastName", NAME, faults),
        birth_date: person.text("birthDate", Form::DateUntil(today), faults),
        nationality: person.text("nationality", Form::Country, faults),
        email: person.text("email", Form::Email, faults),
        phone_number: person.text("phoneNumber", Form::Phone, faults),
        address: read_address(&person, faults),
        id_type: person.text("idType", Form::OneOf(words::ID_TYPES), faults),
        identifier: person.text("identifier", IDENTIFIER, faults),
        country_of_issuance: person.text("countryOfIssuance", Form::Country, faults),
    })
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
    overwrite(&mut owner.ownership_percentage, ownership_percentage);
    let Some(said) = personal_info else { return };
    let PersonalInfo {
        first_name,
        middle_name,
        last_name,
        birth_date,
        nationality,
        email,
        phone_number,
        address,
        id_type,
        identifier,
        country_of_issuance,
    } = said;
    let kept = owner.personal_info.get_or_insert_default();
    overwrite(&mut kept.first_name, first_name);
    overwrite(&mut kept.middle_name, middle_name);
    overwrite(&mut kept.last_name, last_name);
    overwrite(&mut kept.birth_date, birth_date);
    overwrite(&mut kept.nationality, nationality);
    overwrite(&mut kept.email, email);
    overwrite(&mut kept.phone_number, phone_number);
    overwrite(&mut kept.address, address);
    overwrite(&mut kept.id_type, id_type);
    overwrite(&mut kept.identifier, identifier);
    overwrite(&mut kept.country_of_issuance, country_of_issuance);
}
