//! Customers and what they consist of: which field of the API is which of Grid's.

use crate::grid::{CustomerFilter, model};
use crate::pb;
use crate::rpc::mapping::{At, FromApi, IntoApi, Reading, mapping};

/// Declares the messages about customers; the fields given are in each of them.
macro_rules! customers {
    ($($shared:ident),+) => {
        mapping! {
            answer pb::Customer = model::Customer {
                same: id, platform_customer_id, contact_verification, created_at, updated_at;
                words: customer_type + customer_type_raw;
                parts: profile: model::Profile { region, $($shared),+ };
                used: is_deleted, kyc_status, kyb_status, individual, business_info, beneficial_owners;
                made:
                    is_deleted = is_deleted.flatten(),
                    details = details(
                        &customer_type,
                        individual,
                        kyc_status.is_some(),
                        business_info,
                        beneficial_owners,
                        kyb_status.is_some()
                    );
                said: kyc_status + kyc_status_raw = customer_type.status(kyc_status, kyb_status);
            }
        }
        mapping! {
            request pb::CreateCustomerRequest = model::CustomerInput {
                same: platform_customer_id;
                parts: profile: model::Profile { region, $($shared),+ };
                unused: request_id, customer_type, details;
                absent: customer_type, individual, business_info;
            }
        }
        mapping! {
            request pb::CustomerUpdate = model::CustomerInput {
                parts: profile: model::Profile { $($shared),+; absent: region };
                unused: details;
                absent: customer_type, platform_customer_id, individual, business_info;
            }
        }
    };
}
customers!(currencies, email, phone_number, uma_address, end_user_terms_consent, agreement_consents, address);

mapping! {
    both pb::Individual as pb::IndividualInput = model::Individual {
        same: full_name, birth_date, nationality, id_type, country_of_issuance, edd;
        sent: identifier;
    }
}
mapping! {
    both pb::CustomerEdd = model::Edd {
        same: source_of_funds_categories, source_of_funds_other_description, source_of_wealth_categories,
            source_of_wealth_other_description, purpose_of_account, purpose_of_account_other_description,
            expected_monthly_transaction_count, expected_monthly_transaction_volume, annual_income_range, net_worth_range,
            pep_status;
    }
}
mapping! {
    both pb::BusinessInfo = model::BusinessInfo {
        same: legal_name, doing_business_as, country, registration_number, incorporated_on, entity_type, tax_id,
            countries_of_operation, business_type, purpose_of_account, source_of_funds, expected_monthly_transaction_count,
            expected_monthly_transaction_volume, expected_recipient_jurisdictions, naics_code, source_of_funds_categories,
            source_of_funds_other_description, purpose_of_account_other_description, expected_counterparty_countries,
            primary_contact_first_name, primary_contact_last_name;
    }
}
mapping! {
    both pb::Address = model::Address {
        same: line1, line2, city, state, postal_code, country;
    }
}
mapping! {
    both pb::EndUserTermsConsent = model::EndUserTermsConsent {
        same: accepted_at, ip_address, terms_version, acceptance_method;
    }
}
mapping! {
    both pb::AgreementConsent = model::AgreementConsent {
        same: r#type, accepted_at, ip_address, terms_version, acceptance_method;
    }
}
mapping! {
    answer pb::Agreement = model::Agreement {
        same: r#type, version, url;
    }
}
mapping! {
    answer pb::EndUserTerms = model::EndUserTerms {
        same: version, url;
    }
}
mapping! {
    answer pb::ContactVerification = model::ContactVerification {
        used: email, phone;
        said: email_status + email_status_raw = email, phone_status + phone_status_raw = phone;
    }
}
mapping! {
    answer pb::UpdateChallenge = model::SignedRequestChallenge {
        same: payload_to_sign, expires_at;
        renamed: challenge_id = request_id;
    }
}
mapping! {
    answer pb::KycLink = model::KycLink {
        same: kyc_url, expires_at, provider, token;
    }
}
mapping! {
    request pb::ListCustomersRequest = CustomerFilter {
        same: platform_customer_id, customer_type, created_after, created_before, updated_after, updated_before, region,
            currency, uma_address;
        renamed: include_deleted = is_including_deleted;
        unused: page_size, page_token;
    }
}

/// Absent where Grid says nothing of it.
impl IntoApi<Option<pb::CustomerEdd>> for model::Edd {
    fn into_api(self) -> Option<pb::CustomerEdd> {
        let edd: pb::CustomerEdd = self.into_api();
        Some(edd).filter(|edd| *edd != pb::CustomerEdd::default())
    }
}

impl FromApi<Option<pb::CustomerEdd>> for model::Edd {
    fn from_api(edd: Option<pb::CustomerEdd>, at: At<'_>, reading: &mut Reading<'_>) -> Self {
        edd.map(|edd| Self::from_api(edd, at, reading)).unwrap_or_default()
    }
}

/// What a customer has as a person, or as a business. Where Grid did not say the type in a readable way, what it says
/// besides tells.
fn details(
    customer_type: &model::CustomerType,
    individual: model::Individual,
    has_kyc_status: bool,
    business_info: Option<model::BusinessInfo>,
    beneficial_owners: Option<Vec<model::BeneficialOwner>>,
    has_kyb_status: bool,
) -> Option<pb::customer::Details> {
    let individual: pb::Individual = individual.into_api();
    let has_type = !customer_type.as_str().is_empty();
    let is_business = has_kyb_status || business_info.is_some() || beneficial_owners.is_some();
    let is_individual = has_kyc_status || individual != pb::Individual::default();
    match customer_type {
        model::CustomerType::Other(_) if has_type || !(is_business || is_individual) => None,
        model::CustomerType::Other(_) if !is_business => Some(pb::customer::Details::Individual(individual)),
        model::CustomerType::Individual => Some(pb::customer::Details::Individual(individual)),
        model::CustomerType::Business | model::CustomerType::Other(_) => {
            let (business_info, beneficial_owners) = (business_info.into_api(), beneficial_owners.into_api());
            Some(pb::customer::Details::Business(pb::Business { business_info, beneficial_owners }))
        }
    }
}

/// The answer of a confirm call, which is only the base customer: what Grid did not say is absent, not empty.
pub(super) fn base(customer: model::Customer) -> pb::Customer {
    let mut customer: pb::Customer = customer.into_api();
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
