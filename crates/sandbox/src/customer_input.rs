//! Reading the body of `POST /customers` and of `PATCH /customers/{id}` (OpenAPI `CustomerCreateRequestOneOf` and
//! `CustomerUpdateRequestOneOf`), and what holds for a customer as a whole.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value};

use super::agreements::read_consents;
use super::clock::date_of;
use super::customer_record::blank_input;
use super::fields::{Faults, Fields};
use super::formats::Form;
use super::platform::CURRENCY_CODES;
use super::vocabulary as words;
use gridgate_grid::model::{Address, BusinessInfo, Customer, CustomerInput, CustomerType};

/// Longest `platformCustomerId` and names.
const NAME: Form = Form::Text(Some(250));
const TEXT: Form = Form::Text(None);
const DESCRIPTION: Form = Form::Text(Some(500));

/// Which of the two requests a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    Create,
    /// A row of a CSV file, which has no columns for some of what a business otherwise has to say.
    Import,
    Update,
}

/// Reads a customer's fields. Absent only where the body says no usable `customerType`.
pub(super) fn read_customer(
    body: &Map<String, Value>,
    intent: Intent,
    now: Timestamp,
    faults: &mut Faults,
) -> Option<CustomerInput> {
    let today = date_of(now);
    let fields = Fields::of_body(body);
    fields.require(&["customerType"], faults);
    let customer_type = fields.text("customerType", Form::OneOf(words::CUSTOMER_TYPES), faults);

    let mut input = blank_input(CustomerType::from(customer_type.as_deref().unwrap_or_default()));
    read_common(&fields, intent, now, &mut input, faults);
    match &input.customer_type {
        CustomerType::Individual => read_individual(&fields, today, &mut input, faults),
        CustomerType::Business => read_business(&fields, intent, today, &mut input, faults),
        CustomerType::Other(_) => return None,
    }
    Some(input)
}

fn read_common(fields: &Fields<'_>, intent: Intent, now: Timestamp, input: &mut CustomerInput, faults: &mut Faults) {
    if intent != Intent::Update {
        input.platform_customer_id = fields.text("platformCustomerId", NAME, faults);
        input.region = fields.text("region", Form::Country, faults);
    }
    input.currencies = fields.texts("currencies", Form::OneOf(CURRENCY_CODES), faults);
    input.email = fields.text("email", Form::Email, faults);
    input.phone_number = fields.text("phoneNumber", Form::Phone, faults);
    input.uma_address = fields.text("umaAddress", Form::UmaAddress, faults);
    (input.end_user_terms_consent, input.agreement_consents) = read_consents(fields, now, faults);
    input.address = read_address(fields, faults);
}

/// Reads an `Address`, which comes whole or not at all.
pub(super) fn read_address(fields: &Fields<'_>, faults: &mut Faults) -> Option<Address> {
    let address = fields.object("address", faults)?;
    address.require(&["line1", "postalCode", "country"], faults);
    Some(Address {
        line1: address.text("line1", TEXT, faults),
        line2: address.text("line2", TEXT, faults),
        city: address.text("city", TEXT, faults),
        state: address.text("state", TEXT, faults),
        postal_code: address.text("postalCode", TEXT, faults),
        country: address.text("country", Form::Country, faults),
    })
}

fn read_individual(fields: &Fields<'_>, today: Date, input: &mut CustomerInput, faults: &mut Faults) {
    let one_of = Form::OneOf;
    input.full_name = fields.text("fullName", NAME, faults);
    input.birth_date = fields.text("birthDate", Form::DateUntil(today), faults);
    input.nationality = fields.text("nationality", Form::Country, faults);
    input.id_type = fields.text("idType", one_of(words::INDIVIDUAL_ID_TYPES), faults);
    input.identifier = fields.text("identifier", Form::UsPersonTaxNumber, faults);
    input.country_of_issuance = fields.text("countryOfIssuance", one_of(&["US"]), faults);
    input.source_of_funds_categories = fields.categories("sourceOfFundsCategories", words::INDIVIDUAL_FUNDS, faults);
    input.source_of_funds_other_description = fields.text("sourceOfFundsOtherDescription", DESCRIPTION, faults);
    input.source_of_wealth_categories = fields.categories("sourceOfWealthCategories", words::WEALTH_SOURCES, faults);
    input.source_of_wealth_other_description = fields.text("sourceOfWealthOtherDescription", DESCRIPTION, faults);
    input.purpose_of_account = fields.text("purposeOfAccount", one_of(words::PURPOSES_OF_ACCOUNT), faults);
    input.purpose_of_account_other_description = fields.text("purposeOfAccountOtherDescription", DESCRIPTION, faults);
    input.expected_monthly_transaction_count =
        fields.text("expectedMonthlyTransactionCount", one_of(words::TRANSACTION_COUNTS), faults);
    input.expected_monthly_transaction_volume =
        fields.text("expectedMonthlyTransactionVolume", one_of(words::TRANSACTION_VOLUMES), faults);
    input.annual_income_range = fields.text("annualIncomeRange", one_of(words::INCOME_RANGES), faults);
    input.net_worth_range = fields.text("netWorthRange", one_of(words::NET_WORTH_RANGES), faults);
    input.pep_status = fields.text("pepStatus", one_of(words::PEP_STATUSES), faults);
}

fn read_business(fields: &Fields<'_>, intent: Intent, today: Date, input: &mut CustomerInput, faults: &mut Faults) {
    if intent != Intent::Update {
        fields.require(&["businessInfo"], faults);
    }
    let Some(info) = fields.object("businessInfo", faults) else { return };
    match intent {
        Intent::Create => info.require(&["legalName", "country", "taxId", "incorporatedOn"], faults),
        Intent::Import => info.require(&["legalName"], faults),
        Intent::Update => {}
    }
    let one_of = Form::OneOf;
    input.business_info = Some(BusinessInfo {
        legal_name: info.text("legalName", TEXT, faults),
        doing_business_as: info.text("doingBusinessAs", TEXT, faults),
        country: info.text("country", Form::Country, faults),
        registration_number: info.text("registrationNumber", NAME, faults),
        incorporated_on: info.text("incorporatedOn", Form::DateUntil(today), faults),
        entity_type: info.text("entityType", one_of(words::ENTITY_TYPES), faults),
        tax_id: info.text("taxId", NAME, faults),
        countries_of_operation: info.texts("countriesOfOperation", Form::Country, faults),
        business_type: info.text("businessType", one_of(words::BUSINESS_TYPES), faults),
        purpose_of_account: info.text("purposeOfAccount", one_of(words::PURPOSES_OF_ACCOUNT), faults),
        source_of_funds: info.text("sourceOfFunds", TEXT, faults),
        expected_monthly_transaction_count: info.text(
            "expectedMonthlyTransactionCount",
            one_of(words::TRANSACTION_COUNTS),
            faults,
        ),
        expected_monthly_transaction_volume: info.text(
            "expectedMonthlyTransactionVolume",
            one_of(words::TRANSACTION_VOLUMES),
            faults,
        ),
        expected_recipient_jurisdictions: info.texts("expectedRecipientJurisdictions", Form::Country, faults),
        naics_code: info.text("naicsCode", Form::Naics, faults),
        source_of_funds_categories: info.categories("sourceOfFundsCategories", words::BUSINESS_FUNDS, faults),
        source_of_funds_other_description: info.text("sourceOfFundsOtherDescription", DESCRIPTION, faults),
        purpose_of_account_other_description: info.text("purposeOfAccountOtherDescription", DESCRIPTION, faults),
        expected_counterparty_countries: info.texts("expectedCounterpartyCountries", Form::Country, faults),
        primary_contact_first_name: info.text("primaryContactFirstName", NAME, faults),
        primary_contact_last_name: info.text("primaryContactLastName", NAME, faults),
    });
}

/// What holds for a customer as a whole, as it would be after the request.
pub(super) fn check_whole(customer: &Customer, faults: &mut Faults) {
    let empty = BusinessInfo::default();
    let info = customer.business_info.as_ref().unwrap_or(&empty);
    let includes_other = |list: &Option<Vec<String>>| list.iter().flatten().any(|word| word == "OTHER");
    let is_other = |word: &Option<String>| word.as_deref() == Some("OTHER");
    let descriptions = [
        (
            includes_other(&customer.source_of_funds_categories),
            &customer.source_of_funds_other_description,
            "sourceOfFundsOtherDescription",
        ),
        (
            includes_other(&customer.source_of_wealth_categories),
            &customer.source_of_wealth_other_description,
            "sourceOfWealthOtherDescription",
        ),
        (
            is_other(&customer.purpose_of_account),
            &customer.purpose_of_account_other_description,
            "purposeOfAccountOtherDescription",
        ),
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
    if customer.region.as_deref().is_some_and(words::requires_contact_verification) {
        check_contact(customer, info, faults);
    }
}

fn check_contact(customer: &Customer, info: &BusinessInfo, faults: &mut Faults) {
    let business = customer.customer_type == CustomerType::Business;
    let contact = [
        (true, &customer.email, "email"),
        (true, &customer.phone_number, "phoneNumber"),
        (business, &info.primary_contact_first_name, "businessInfo.primaryContactFirstName"),
        (business, &info.primary_contact_last_name, "businessInfo.primaryContactLastName"),
    ];
    for (applies, value, field) in contact {
        if applies && value.is_none() && !faults.has(field) {
            faults.missing_mandatory(field, "is required in regions that verify contact details first");
        }
    }
}
