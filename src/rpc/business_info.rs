//! `BusinessInfo`, in both directions.

use super::field_mask::Emptied;
use crate::grid::model;
use crate::pb;

/// What is sent of it; `path` is where it stands in the masked message.
pub(super) fn to_grid(info: pb::BusinessInfo, path: &str, emptied: &Emptied) -> model::BusinessInfo {
    let pb::BusinessInfo {
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
    } = info;
    let list = |field: &str, list: Vec<String>| emptied.list(&format!("{path}.{field}"), list);
    model::BusinessInfo {
        legal_name,
        doing_business_as,
        country,
        registration_number,
        incorporated_on,
        entity_type,
        tax_id,
        countries_of_operation: list("countries_of_operation", countries_of_operation),
        business_type,
        purpose_of_account,
        source_of_funds,
        expected_monthly_transaction_count,
        expected_monthly_transaction_volume,
        expected_recipient_jurisdictions: list("expected_recipient_jurisdictions", expected_recipient_jurisdictions),
        naics_code,
        source_of_funds_categories: list("source_of_funds_categories", source_of_funds_categories),
        source_of_funds_other_description,
        purpose_of_account_other_description,
        expected_counterparty_countries: list("expected_counterparty_countries", expected_counterparty_countries),
        primary_contact_first_name,
        primary_contact_last_name,
    }
}

impl From<model::BusinessInfo> for pb::BusinessInfo {
    fn from(info: model::BusinessInfo) -> Self {
        let model::BusinessInfo {
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
        } = info;
        Self {
            legal_name,
            doing_business_as,
            country,
            registration_number,
            incorporated_on,
            entity_type,
            tax_id,
            countries_of_operation: countries_of_operation.unwrap_or_default(),
            business_type,
            purpose_of_account,
            source_of_funds,
            expected_monthly_transaction_count,
            expected_monthly_transaction_volume,
            expected_recipient_jurisdictions: expected_recipient_jurisdictions.unwrap_or_default(),
            naics_code,
            source_of_funds_categories: source_of_funds_categories.unwrap_or_default(),
            source_of_funds_other_description,
            purpose_of_account_other_description,
            expected_counterparty_countries: expected_counterparty_countries.unwrap_or_default(),
            primary_contact_first_name,
            primary_contact_last_name,
        }
    }
}
