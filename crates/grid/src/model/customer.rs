//! Customers, what they consist of, and what a change to one can answer.

use serde::{Deserialize, Serialize};

use super::open_enum::open_enum;
use super::redact::redacted_debug;
use super::serde_as::{complete, lenient, maybe_list, or_default, stated_truth};
use super::{AgreementConsent, BeneficialOwner, BusinessInfo, ContactVerification, Time};

open_enum! {
    /// Whether a customer is a person or a business (OpenAPI `CustomerType`).
    CustomerType {
        /// A person, verified by KYC.
        Individual = "INDIVIDUAL",
        /// A business, verified by KYB.
        Business = "BUSINESS",
    }
}

open_enum! {
    /// `kycStatus` of a person and `kybStatus` of a business; Grid uses the same words for both.
    KycStatus {
        /// Nothing has been submitted yet.
        Unverified = "UNVERIFIED",
        /// Submitted, not decided.
        Pending = "PENDING",
        /// Decided: may transact.
        Approved = "APPROVED",
        /// Decided: may not transact.
        Rejected = "REJECTED",
        /// Put on hold by a reviewer; more information may be asked for. No webhook reports it.
        Hold = "HOLD",
    }
}

/// A postal address.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Address {
    /// Street address line 1.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub line1: Option<String>,
    /// Street address line 2.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub line2: Option<String>,
    /// City.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub city: Option<String>,
    /// State, province or region.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub state: Option<String>,
    /// Postal code.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub postal_code: Option<String>,
    /// Country, ISO 3166-1 alpha-2.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub country: Option<String>,
}
redacted_debug!(Address {});

/// Evidence that a customer accepted the End User Terms.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EndUserTermsConsent {
    /// When the terms were accepted.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub accepted_at: Option<Time>,
    /// The address of the device used to accept them.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub ip_address: Option<String>,
    /// The version that was accepted, such as `V1`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub terms_version: Option<String>,
    /// `CHECKBOX` or `CLICK_TO_ACCEPT`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub acceptance_method: Option<String>,
}
redacted_debug!(EndUserTermsConsent { terms_version });

/// The End User Terms in force.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EndUserTerms {
    /// The version, such as `V1`.
    #[serde(deserialize_with = "or_default")]
    pub version: String,
    /// Where Grid hosts this version.
    #[serde(deserialize_with = "or_default")]
    pub url: String,
}
complete!(EndUserTerms, version = "version");

/// A customer as Grid answers it. Which of the optional fields are there depends on `customer_type`.
///
/// The confirm calls of contact verification answer the base customer only: no status is then said at all.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Customer {
    /// Grid's id.
    #[serde(deserialize_with = "or_default")]
    pub id: String,
    /// The platform's id; several customers can share one.
    #[serde(deserialize_with = "or_default")]
    pub platform_customer_id: String,
    /// Person or business.
    #[serde(deserialize_with = "or_default")]
    pub customer_type: CustomerType,
    /// The recorded acceptance of the terms.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub end_user_terms_consent: Option<EndUserTermsConsent>,
    /// The agreements that were accepted. Absent is another thing than an empty list.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "maybe_list")]
    pub agreement_consents: Option<Vec<AgreementConsent>>,
    /// Country of the customer's regulatory region.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub region: Option<String>,
    /// Enabled currencies. Absent is another thing than an empty list.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "maybe_list")]
    pub currencies: Option<Vec<String>>,
    /// Email address.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub email: Option<String>,
    /// Phone number, E.164.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub phone_number: Option<String>,
    /// UMA address; made by Grid when none was sent.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub uma_address: Option<String>,
    /// When it was created.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub created_at: Option<Time>,
    /// When it was last updated. May lag behind a status change.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub updated_at: Option<Time>,
    /// Whether it has been deleted. `Some(None)`: Grid says it in a way that cannot be read, so either may be true.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "stated_truth")]
    pub is_deleted: Option<Option<bool>>,
    /// State of email and phone verification, where the region requires it.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub contact_verification: Option<ContactVerification>,
    /// A person's or a business's address.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub address: Option<Address>,

    /// Individuals: status of the KYC.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub kyc_status: Option<KycStatus>,
    /// Individuals: full name.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub full_name: Option<String>,
    /// Individuals: date of birth, `YYYY-MM-DD`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub birth_date: Option<String>,
    /// Individuals: country of nationality.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub nationality: Option<String>,
    /// Individuals: type of the identification number (which itself never comes back).
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub id_type: Option<String>,
    /// Individuals: country that issued the identification.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub country_of_issuance: Option<String>,
    /// Individuals (EDD): categories of the source of funds.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "maybe_list")]
    pub source_of_funds_categories: Option<Vec<String>>,
    /// Individuals (EDD): source of funds in words, with category `OTHER`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub source_of_funds_other_description: Option<String>,
    /// Individuals (EDD): categories of the source of wealth.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "maybe_list")]
    pub source_of_wealth_categories: Option<Vec<String>>,
    /// Individuals (EDD): source of wealth in words, with category `OTHER`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub source_of_wealth_other_description: Option<String>,
    /// Individuals (EDD): purpose of the account.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub purpose_of_account: Option<String>,
    /// Individuals (EDD): purpose in words, with purpose `OTHER`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub purpose_of_account_other_description: Option<String>,
    /// Individuals (EDD): expected number of transactions a month.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub expected_monthly_transaction_count: Option<String>,
    /// Individuals (EDD): expected volume a month.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub expected_monthly_transaction_volume: Option<String>,
    /// Individuals (EDD): bucketed annual income.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub annual_income_range: Option<String>,
    /// Individuals (EDD): bucketed net worth.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub net_worth_range: Option<String>,
    /// Individuals (EDD): political exposure.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub pep_status: Option<String>,

    /// Businesses: status of the KYB.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub kyb_status: Option<KycStatus>,
    /// Businesses: what is known of the company.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub business_info: Option<BusinessInfo>,
    /// Businesses: the owners. Absent is another thing than an empty list.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "maybe_list")]
    pub beneficial_owners: Option<Vec<BeneficialOwner>>,
}
redacted_debug!(Customer { id, platform_customer_id, customer_type, kyc_status, kyb_status, updated_at, is_deleted });
complete!(Customer, id = "id");

impl Customer {
    /// The status that counts for this type of customer; absent where Grid's answer did not say one.
    ///
    /// A type nobody knows yet says whichever of the two it has.
    #[must_use]
    pub fn status(&self) -> Option<&KycStatus> {
        match &self.customer_type {
            CustomerType::Individual => self.kyc_status.as_ref(),
            CustomerType::Business => self.kyb_status.as_ref(),
            CustomerType::Other(_) => self.kyc_status.as_ref().or(self.kyb_status.as_ref()),
        }
    }
}

/// The body of `POST /customers` and of `PATCH /customers/{id}`: only what is present is sent.
///
/// `PATCH` takes no `platformCustomerId` and no `region`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CustomerInput {
    /// Person or business.
    pub customer_type: CustomerType,
    /// The platform's id; Grid makes one up when none is sent. Create only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform_customer_id: Option<String>,
    /// Country of the customer's region. Create only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Currencies; an empty list is sent as `[]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currencies: Option<Vec<String>>,
    /// Email address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Phone number, E.164.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    /// UMA address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uma_address: Option<String>,
    /// Evidence that the terms were accepted. Grid refuses it beside `agreement_consents`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_user_terms_consent: Option<EndUserTermsConsent>,
    /// The agreements that were accepted; an empty list is sent as `[]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement_consents: Option<Vec<AgreementConsent>>,
    /// A person's or a business's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,

    /// Individuals: full name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_name: Option<String>,
    /// Individuals: date of birth, `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birth_date: Option<String>,
    /// Individuals: country of nationality.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nationality: Option<String>,
    /// Individuals: `SSN` or `ITIN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_type: Option<String>,
    /// Individuals: the identification number. Never answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifier: Option<String>,
    /// Individuals: country that issued the identification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country_of_issuance: Option<String>,
    /// Individuals (EDD): categories of the source of funds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_of_funds_categories: Option<Vec<String>>,
    /// Individuals (EDD): source of funds in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_of_funds_other_description: Option<String>,
    /// Individuals (EDD): categories of the source of wealth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_of_wealth_categories: Option<Vec<String>>,
    /// Individuals (EDD): source of wealth in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_of_wealth_other_description: Option<String>,
    /// Individuals (EDD): purpose of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose_of_account: Option<String>,
    /// Individuals (EDD): purpose in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose_of_account_other_description: Option<String>,
    /// Individuals (EDD): expected number of transactions a month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_monthly_transaction_count: Option<String>,
    /// Individuals (EDD): expected volume a month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_monthly_transaction_volume: Option<String>,
    /// Individuals (EDD): bucketed annual income.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annual_income_range: Option<String>,
    /// Individuals (EDD): bucketed net worth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub net_worth_range: Option<String>,
    /// Individuals (EDD): political exposure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pep_status: Option<String>,

    /// Businesses: what is known of the company.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub business_info: Option<BusinessInfo>,
}
redacted_debug!(CustomerInput { customer_type, platform_customer_id });

/// What `PATCH /customers/{id}` answers with 202: something the customer's wallet has to sign first.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SignedRequestChallenge {
    /// The exact text to sign. It repeats the new email address or phone number.
    #[serde(deserialize_with = "or_default")]
    pub payload_to_sign: String,
    /// To be echoed in the `Request-Id` header of the signed retry.
    #[serde(deserialize_with = "or_default")]
    pub request_id: String,
    /// When the challenge ends.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub expires_at: Option<Time>,
}
redacted_debug!(SignedRequestChallenge { request_id, expires_at });
complete!(SignedRequestChallenge, payload_to_sign = "payloadToSign", request_id = "requestId");
