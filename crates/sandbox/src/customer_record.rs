//! From what a request said to the customer that is kept.

use super::state::CustomerRow;
use gridgate_grid::model::{BusinessInfo, Customer, CustomerInput, CustomerType};

/// An input that says nothing but the type.
pub(super) fn blank_input(customer_type: CustomerType) -> CustomerInput {
    CustomerInput {
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

/// A customer of whom nothing is known but the ids.
pub(super) fn blank_row(id: String, platform_customer_id: String, customer_type: CustomerType) -> CustomerRow {
    let customer = Customer {
        id,
        platform_customer_id,
        customer_type,
        end_user_terms_consent: None,
        agreement_consents: None,
        region: None,
        currencies: None,
        email: None,
        phone_number: None,
        uma_address: None,
        created_at: None,
        updated_at: None,
        is_deleted: Some(Some(false)),
        contact_verification: None,
        address: None,
        kyc_status: None,
        full_name: None,
        birth_date: None,
        nationality: None,
        id_type: None,
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
        kyb_status: None,
        business_info: None,
        beneficial_owners: None,
    };
    CustomerRow { customer, identifier: None, wallet: None }
}

/// Overwrites `kept` with `said`, where something was said.
pub(super) fn overwrite<T>(kept: &mut Option<T>, said: Option<T>) {
    if said.is_some() {
        *kept = said;
    }
}

/// Changes the fields of a customer that the input says something about.
pub(super) fn apply(input: CustomerInput, row: &mut CustomerRow) {
    let CustomerInput {
        customer_type: _,
        platform_customer_id: _,
        region,
        currencies,
        email,
        phone_number,
        uma_address,
        end_user_terms_consent,
        agreement_consents,
        address,
        full_name,
        birth_date,
        nationality,
        id_type,
        identifier,
        country_of_issuance,
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
        business_info,
    } = input;
    let customer = &mut row.customer;
    overwrite(&mut customer.region, region);
    overwrite(&mut customer.currencies, currencies);
    overwrite(&mut customer.email, email);
    overwrite(&mut customer.phone_number, phone_number);
    overwrite(&mut customer.uma_address, uma_address);
    overwrite(&mut customer.end_user_terms_consent, end_user_terms_consent);
    overwrite(&mut customer.agreement_consents, agreement_consents);
    overwrite(&mut customer.address, address);
    overwrite(&mut customer.full_name, full_name);
    overwrite(&mut customer.birth_date, birth_date);
    overwrite(&mut customer.nationality, nationality);
    overwrite(&mut customer.id_type, id_type);
    overwrite(&mut row.identifier, identifier);
    overwrite(&mut customer.country_of_issuance, country_of_issuance);
    overwrite(&mut customer.source_of_funds_categories, source_of_funds_categories);
    overwrite(&mut customer.source_of_funds_other_description, source_of_funds_other_description);
    overwrite(&mut customer.source_of_wealth_categories, source_of_wealth_categories);
    overwrite(&mut customer.source_of_wealth_other_description, source_of_wealth_other_description);
    overwrite(&mut customer.purpose_of_account, purpose_of_account);
    overwrite(&mut customer.purpose_of_account_other_description, purpose_of_account_other_description);
    overwrite(&mut customer.expected_monthly_transaction_count, expected_monthly_transaction_count);
    overwrite(&mut customer.expected_monthly_transaction_volume, expected_monthly_transaction_volume);
    overwrite(&mut customer.annual_income_range, annual_income_range);
    overwrite(&mut customer.net_worth_range, net_worth_range);
    overwrite(&mut customer.pep_status, pep_status);
    if let Some(said) = business_info {
        apply_business(said, customer.business_info.get_or_insert_default());
    }
}

fn apply_business(said: BusinessInfo, kept: &mut BusinessInfo) {
    let BusinessInfo {
        legal_name,
        doing_business_as,
        country,
        registration_number,
        incorporated_on,
        entity_type,
        tax_id,
        countries_of_operation,
        business_type,
        purpose_of_account,
        source_of_funds,
        expected_monthly_transaction_count,
        expected_monthly_transaction_volume,
        expected_recipient_jurisdictions,
        naics_code,
        source_of_funds_categories,
        source_of_funds_other_description,
        purpose_of_account_other_description,
        expected_counterparty_countries,
        primary_contact_first_name,
        primary_contact_last_name,
    } = said;
    overwrite(&mut kept.legal_name, legal_name);
    overwrite(&mut kept.doing_business_as, doing_business_as);
    overwrite(&mut kept.country, country);
    overwrite(&mut kept.registration_number, registration_number);
    overwrite(&mut kept.incorporated_on, incorporated_on);
    overwrite(&mut kept.entity_type, entity_type);
    overwrite(&mut kept.tax_id, tax_id);
    overwrite(&mut kept.countries_of_operation, countries_of_operation);
    overwrite(&mut kept.business_type, business_type);
    overwrite(&mut kept.purpose_of_account, purpose_of_account);
    overwrite(&mut kept.source_of_funds, source_of_funds);
    overwrite(&mut kept.expected_monthly_transaction_count, expected_monthly_transaction_count);
    overwrite(&mut kept.expected_monthly_transaction_volume, expected_monthly_transaction_volume);
    overwrite(&mut kept.expected_recipient_jurisdictions, expected_recipient_jurisdictions);
    overwrite(&mut kept.naics_code, naics_code);
    overwrite(&mut kept.source_of_funds_categories, source_of_funds_categories);
    overwrite(&mut kept.source_of_funds_other_description, source_of_funds_other_description);
    overwrite(&mut kept.purpose_of_account_other_description, purpose_of_account_other_description);
    overwrite(&mut kept.expected_counterparty_countries, expected_counterparty_countries);
    overwrite(&mut kept.primary_contact_first_name, primary_contact_first_name);
    overwrite(&mut kept.primary_contact_last_name, primary_contact_last_name);
}
