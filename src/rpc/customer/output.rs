//! A customer as the API answers it.

use crate::grid::model;
use crate::pb;
use crate::rpc::{open_enum, timestamp};

impl From<model::Customer> for pb::Customer {
    fn from(customer: model::Customer) -> Self {
        let (kyc_status, kyc_status_raw) =
            open_enum::both::<_, pb::KycStatus>(customer.status(), model::KycStatus::as_str);
        let model::Customer {
            id,
            platform_customer_id,
            customer_type,
            end_user_terms_consent,
            agreement_consents,
            region,
            currencies,
            email,
            phone_number,
            uma_address,
            created_at,
            updated_at,
            is_deleted,
            contact_verification,
            address,
            kyc_status: only_kyc_status,
            kyb_status,
            full_name,
            birth_date,
            nationality,
            id_type,
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
            beneficial_owners,
        } = customer;
        let edd = pb::CustomerEdd {
            source_of_funds_categories: source_of_funds_categories.unwrap_or_default(),
            source_of_funds_other_description,
            source_of_wealth_categories: source_of_wealth_categories.unwrap_or_default(),
            source_of_wealth_other_description,
            purpose_of_account,
            purpose_of_account_other_description,
            expected_monthly_transaction_count,
            expected_monthly_transaction_volume,
            annual_income_range,
            net_worth_range,
            pep_status,
        };
        let individual = pb::Individual {
            full_name,
            birth_date,
            nationality,
            id_type,
            country_of_issuance,
            edd: Some(edd).filter(|edd| *edd != pb::CustomerEdd::default()),
        };
        // Where Grid did not say the type in a readable way, what it says besides tells.
        let has_type = !customer_type.as_str().is_empty();
        let is_business = kyb_status.is_some() || business_info.is_some() || beneficial_owners.is_some();
        let is_individual = only_kyc_status.is_some() || individual != pb::Individual::default();
        let details = match &customer_type {
            model::CustomerType::Other(_) if has_type || !(is_business || is_individual) => None,
            model::CustomerType::Other(_) if !is_business => Some(pb::customer::Details::Individual(individual)),
            model::CustomerType::Individual => Some(pb::customer::Details::Individual(individual)),
            model::CustomerType::Business | model::CustomerType::Other(_) => {
                Some(pb::customer::Details::Business(pb::Business {
                    business_info: business_info.map(Into::into),
                    beneficial_owners: beneficial_owners.unwrap_or_default().into_iter().map(Into::into).collect(),
                }))
            }
        };
        Self {
            id,
            platform_customer_id,
            customer_type: pb::CustomerType::from(&customer_type).into(),
            customer_type_raw: customer_type.as_str().to_owned(),
            kyc_status,
            kyc_status_raw,
            region,
            currencies: currencies.unwrap_or_default(),
            email,
            phone_number,
            uma_address,
            end_user_terms_consent: end_user_terms_consent.map(Into::into),
            agreement_consents: agreement_consents.unwrap_or_default().into_iter().map(Into::into).collect(),
            contact_verification: contact_verification.map(Into::into),
            address: address.map(Into::into),
            created_at: created_at.map(timestamp::to_pb),
            updated_at: updated_at.map(timestamp::to_pb),
            is_deleted: is_deleted.flatten(),
            details,
        }
    }
}

impl From<model::Address> for pb::Address {
    fn from(address: model::Address) -> Self {
        let model::Address { line1, line2, city, state, postal_code, country } = address;
        Self { line1, line2, city, state, postal_code, country }
    }
}

impl From<model::EndUserTermsConsent> for pb::EndUserTermsConsent {
    fn from(consent: model::EndUserTermsConsent) -> Self {
        let model::EndUserTermsConsent { accepted_at, ip_address, terms_version, acceptance_method } = consent;
        Self { accepted_at: accepted_at.map(timestamp::to_pb), ip_address, terms_version, acceptance_method }
    }
}

impl From<model::ContactVerification> for pb::ContactVerification {
    fn from(contact: model::ContactVerification) -> Self {
        let model::ContactVerification { email, phone } = contact;
        let both = |status: &Option<model::ContactVerificationStatus>| {
            let (number, raw) = open_enum::both::<_, pb::ContactVerificationStatus>(
                status.as_ref(),
                model::ContactVerificationStatus::as_str,
            );
            (number, raw)
        };
        let ((email_status, email_status_raw), (phone_status, phone_status_raw)) = (both(&email), both(&phone));
        Self { email_status, email_status_raw, phone_status, phone_status_raw }
    }
}

impl From<model::EndUserTerms> for pb::EndUserTerms {
    fn from(terms: model::EndUserTerms) -> Self {
        let model::EndUserTerms { version, url } = terms;
        Self { version, url }
    }
}

impl From<model::SignedRequestChallenge> for pb::UpdateChallenge {
    fn from(challenge: model::SignedRequestChallenge) -> Self {
        let model::SignedRequestChallenge { payload_to_sign, request_id, expires_at } = challenge;
        Self { challenge_id: request_id, payload_to_sign, expires_at: expires_at.map(timestamp::to_pb) }
    }
}

impl From<model::KycLink> for pb::KycLink {
    fn from(link: model::KycLink) -> Self {
        let model::KycLink { kyc_url, expires_at, provider, token } = link;
        Self { kyc_url, expires_at: expires_at.map(timestamp::to_pb), provider, token }
    }
}

/// The answer of a confirm call, which is only the base customer: what Grid did not say is absent, not empty.
pub(super) fn base(customer: model::Customer) -> pb::Customer {
    let mut customer = pb::Customer::from(customer);
    let says_nothing = match &customer.details {
        Some(pb::customer::Details::Individual(individual)) => *individual == pb::Individual::default(),
        Some(pb::customer::Details::Business(business)) => *business == pb::Business::default(),
        None => true,
    };
    if says_nothing {
        customer.details = None;
    }
    customer
}
