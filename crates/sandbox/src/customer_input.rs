//! Reading the body of `POST /customers` and of `PATCH /customers/{id}` (OpenAPI `CustomerCreateRequestOneOf` and
//! `CustomerUpdateRequestOneOf`), and what holds for a customer as a whole.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value};

use super::agreements::read_consents;
use super::clock::date_of;
use super::fields::{Faults, Fields, Shape};
use super::formats::Form;
use super::platform::CURRENCY_CODES;
use super::vocabulary as words;
use gridgate_grid::model::{BusinessInfo, Customer, CustomerInput, CustomerType, Edd, Individual};

/// Longest `platformCustomerId` and names.
pub(super) const NAME: Shape = Shape::Text(Form::Text(Some(250)));
pub(super) const COUNTRY: Shape = Shape::Text(Form::Country);
const TEXT: Shape = Shape::Text(Form::Text(None));
const DESCRIPTION: Shape = Shape::Text(Form::Text(Some(500)));

const fn one_of(words: &'static [&'static str]) -> Shape {
    Shape::Text(Form::OneOf(words))
}

/// Which of the two requests a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    Create,
    /// A row of a CSV file, which has no columns for some of what a business otherwise has to say.
    Import,
    Update,
}

/// Checks and reads a customer's fields. Absent only where the body says no usable `customerType`.
pub(super) fn read_customer(
    body: &Map<String, Value>,
    intent: Intent,
    now: Timestamp,
    faults: &mut Faults,
) -> Option<CustomerInput> {
    let fields = Fields::of_body(body);
    fields.require(&["customerType"], faults);
    fields.check(&[("customerType", one_of(words::CUSTOMER_TYPES))], faults);
    let mut input: CustomerInput = serde_json::from_value(Value::Object(body.clone())).unwrap_or_default();
    if intent == Intent::Update {
        input.platform_customer_id = None;
        input.profile.region = None;
    } else {
        fields.check(&[("platformCustomerId", NAME), ("region", COUNTRY)], faults);
    }
    check_profile(&fields, faults);
    let profile = &mut input.profile;
    (profile.end_user_terms_consent, profile.agreement_consents) = read_consents(&fields, now, faults);
    check_address(&fields, faults);
    // What belongs to the other type is ignored.
    match &input.customer_type {
        CustomerType::Individual => {
            input.business_info = None;
            check_individual(&fields, date_of(now), faults);
        }
        CustomerType::Business => {
            input.individual = Individual::default();
            check_business(&fields, intent, date_of(now), faults);
        }
        CustomerType::Other(_) => return None,
    }
    Some(input)
}

fn check_profile(fields: &Fields<'_>, faults: &mut Faults) {
    let shapes = [
        ("currencies", Shape::Texts(Form::OneOf(CURRENCY_CODES))),
        ("email", Shape::Text(Form::Email)),
        ("phoneNumber", Shape::Text(Form::Phone)),
        ("umaAddress", Shape::Text(Form::UmaAddress)),
    ];
    fields.check(&shapes, faults);
}

/// Checks an `Address`, which comes whole or not at all.
pub(super) fn check_address(fields: &Fields<'_>, faults: &mut Faults) {
    let Some(address) = fields.object("address", faults) else { return };
    address.require(&["line1", "postalCode", "country"], faults);
    let texts = ["line1", "line2", "city", "state", "postalCode"].map(|name| (name, TEXT));
    address.check(&texts, faults);
    address.check(&[("country", COUNTRY)], faults);
}

fn check_individual(fields: &Fields<'_>, today: Date, faults: &mut Faults) {
    let shapes = [
        ("fullName", NAME),
        ("birthDate", Shape::Text(Form::DateUntil(today))),
        ("nationality", COUNTRY),
        ("idType", one_of(words::INDIVIDUAL_ID_TYPES)),
        ("identifier", Shape::Text(Form::UsPersonTaxNumber)),
        ("countryOfIssuance", one_of(&["US"])),
        ("sourceOfFundsCategories", Shape::Categories(words::INDIVIDUAL_FUNDS)),
        ("sourceOfFundsOtherDescription", DESCRIPTION),
        ("sourceOfWealthCategories", Shape::Categories(words::WEALTH_SOURCES)),
        ("sourceOfWealthOtherDescription", DESCRIPTION),
        ("purposeOfAccount", one_of(words::PURPOSES_OF_ACCOUNT)),
        ("purposeOfAccountOtherDescription", DESCRIPTION),
        ("expectedMonthlyTransactionCount", one_of(words::TRANSACTION_COUNTS)),
        ("expectedMonthlyTransactionVolume", one_of(words::TRANSACTION_VOLUMES)),
        ("annualIncomeRange", one_of(words::INCOME_RANGES)),
        ("netWorthRange", one_of(words::NET_WORTH_RANGES)),
        ("pepStatus", one_of(words::PEP_STATUSES)),
    ];
    fields.check(&shapes, faults);
}

fn check_business(fields: &Fields<'_>, intent: Intent, today: Date, faults: &mut Faults) {
    if intent != Intent::Update {
        fields.require(&["businessInfo"], faults);
    }
    let Some(info) = fields.object("businessInfo", faults) else { return };
    match intent {
        Intent::Create => info.require(&["legalName", "country", "taxId", "incorporatedOn"], faults),
        Intent::Import => info.require(&["legalName"], faults),
        Intent::Update => {}
    }
    let countries = Shape::Texts(Form::Country);
    let shapes = [
        ("legalName", TEXT),
        ("doingBusinessAs", TEXT),
        ("country", COUNTRY),
        ("registrationNumber", NAME),
        ("incorporatedOn", Shape::Text(Form::DateUntil(today))),
        ("entityType", one_of(words::ENTITY_TYPES)),
        ("taxId", NAME),
        ("countriesOfOperation", countries),
        ("businessType", one_of(words::BUSINESS_TYPES)),
        ("purposeOfAccount", one_of(words::PURPOSES_OF_ACCOUNT)),
        ("sourceOfFunds", TEXT),
        ("expectedMonthlyTransactionCount", one_of(words::TRANSACTION_COUNTS)),
        ("expectedMonthlyTransactionVolume", one_of(words::TRANSACTION_VOLUMES)),
        ("expectedRecipientJurisdictions", countries),
        ("naicsCode", Shape::Text(Form::Naics)),
        ("sourceOfFundsCategories", Shape::Categories(words::BUSINESS_FUNDS)),
        ("sourceOfFundsOtherDescription", DESCRIPTION),
        ("purposeOfAccountOtherDescription", DESCRIPTION),
        ("expectedCounterpartyCountries", countries),
        ("primaryContactFirstName", NAME),
        ("primaryContactLastName", NAME),
    ];
    info.check(&shapes, faults);
}

/// What holds for a customer as a whole, as it would be after the request.
pub(super) fn check_whole(customer: &Customer, faults: &mut Faults) {
    let empty = BusinessInfo::default();
    let info = customer.business_info.as_ref().unwrap_or(&empty);
    let Edd {
        source_of_funds_categories,
        source_of_funds_other_description,
        source_of_wealth_categories,
        source_of_wealth_other_description,
        purpose_of_account,
        purpose_of_account_other_description,
        ..
    } = &customer.individual.edd;
    let includes_other = |list: &Option<Vec<String>>| list.iter().flatten().any(|word| word == "OTHER");
    let is_other = |word: &Option<String>| word.as_deref() == Some("OTHER");
    let descriptions = [
        (
            includes_other(source_of_funds_categories),
            source_of_funds_other_description,
            "sourceOfFundsOtherDescription",
        ),
        (
            includes_other(source_of_wealth_categories),
            source_of_wealth_other_description,
            "sourceOfWealthOtherDescription",
        ),
        (is_other(purpose_of_account), purpose_of_account_other_description, "purposeOfAccountOtherDescription"),
        (
            includes_other(&info.source_of_funds_categories),
            &info.source_of_funds_other_description,
            "businessInfo.sourceOfFundsOtherDescription",
        ),
        (
            is_other(&info.purpose_of_account),
            &info.purpose_of_account_other_description,
            "businessInfo.purposeOfAccountOtherDescription",
        ),
    ];
    for (other, description, field) in descriptions {
        if other && description.is_none() && !faults.has(field) {
            faults.add(field, "is required when OTHER is selected");
        }
    }
    if customer.profile.region.as_deref().is_some_and(words::requires_contact_verification) {
        check_contact(customer, info, faults);
    }
}

fn check_contact(customer: &Customer, info: &BusinessInfo, faults: &mut Faults) {
    let business = customer.customer_type == CustomerType::Business;
    let contact = [
        (true, &customer.profile.email, "email"),
        (true, &customer.profile.phone_number, "phoneNumber"),
        (business, &info.primary_contact_first_name, "businessInfo.primaryContactFirstName"),
        (business, &info.primary_contact_last_name, "businessInfo.primaryContactLastName"),
    ];
    for (applies, value, field) in contact {
        if applies && value.is_none() && !faults.has(field) {
            faults.missing_mandatory(field, "is required in regions that verify contact details first");
        }
    }
}
