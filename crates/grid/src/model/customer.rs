//! Customers, what they consist of, and what a change to one can answer.

use super::object::object;
use super::open_enum::open_enum;
use super::{Address, AgreementConsent, BeneficialOwner, BusinessInfo, ContactVerification, KycStatus, Time};

open_enum! {
    /// Whether a customer is a person or a business (OpenAPI `CustomerType`).
    CustomerType {
        /// A person, verified by KYC.
        Individual = "INDIVIDUAL",
        /// A business, verified by KYB.
        Business = "BUSINESS",
    }
}

object! {
    /// Evidence that a customer accepted the End User Terms.
    pub struct EndUserTermsConsent {
        /// When the terms were accepted.
        pub accepted_at: Option<Time>,
        /// The address of the device used to accept them.
        pub ip_address: Option<String>,
        /// The version that was accepted, such as `V1`.
        pub terms_version: Option<String> [shown],
        /// `CHECKBOX` or `CLICK_TO_ACCEPT`.
        pub acceptance_method: Option<String>,
    }
}

object! {
    /// The End User Terms in force.
    #[derive(Debug)]
    pub struct EndUserTerms {
        /// The version, such as `V1`.
        pub version: String [essential],
        /// Where Grid hosts this version.
        pub url: String,
    }
}

object! {
    /// A customer as Grid answers it. Which of the optional fields are there depends on `customer_type`.
    ///
    /// The confirm calls of contact verification answer the base customer only: no status is then said at all.
    pub struct Customer {
        /// Grid's id.
        pub id: String [id],
        /// The platform's id; several customers can share one.
        pub platform_customer_id: String [shown],
        /// Person or business.
        pub customer_type: CustomerType [shown],
        /// What every customer has.
        pub profile: Profile,
        /// When it was created.
        pub created_at: Option<Time>,
        /// When it was last updated.
        pub updated_at: Option<Time> [shown],
        /// Whether it has been deleted. `Some(None)`: Grid says it in a way that cannot be read, so either may be true.
        pub is_deleted: Option<Option<bool>> [shown],
        /// State of email and phone verification, where the region requires it.
        pub contact_verification: Option<ContactVerification>,
        /// Individuals: status of the KYC.
        pub kyc_status: Option<KycStatus> [shown],
        /// Individuals: the person.
        pub individual: Individual,
        /// Businesses: status of the KYB.
        pub kyb_status: Option<KycStatus> [shown],
        /// Businesses: what is known of the company.
        pub business_info: Option<BusinessInfo>,
        /// Businesses: the owners. Absent is another thing than an empty list.
        pub beneficial_owners: Option<Vec<BeneficialOwner>>,
    }
}

impl Customer {
    /// The status that counts for this type of customer; absent where Grid's answer did not say one.
    ///
    /// For an unknown type, the one of the two that is present.
    #[must_use]
    pub fn status(&self) -> Option<&KycStatus> {
        self.customer_type.status(self.kyc_status.as_ref(), self.kyb_status.as_ref())
    }
}

impl CustomerType {
    /// Which of the two statuses counts for this type of customer.
    #[must_use]
    pub fn status<S>(&self, kyc_status: Option<S>, kyb_status: Option<S>) -> Option<S> {
        match self {
            Self::Individual => kyc_status,
            Self::Business => kyb_status,
            Self::Other(_) => kyc_status.or(kyb_status),
        }
    }
}

object! {
    /// The body of `POST /customers` and of `PATCH /customers/{id}`: only what is present is sent.
    ///
    /// `PATCH` takes no `platformCustomerId` and no `region`.
    pub struct CustomerInput {
        /// Person or business.
        pub customer_type: CustomerType [shown],
        /// The platform's id; Grid makes one up when none is sent. Create only.
        pub platform_customer_id: Option<String> [shown],
        /// What every customer has.
        pub profile: Profile,
        /// Individuals: the person.
        pub individual: Individual,
        /// Businesses: what is known of the company.
        pub business_info: Option<BusinessInfo>,
    }
}

object! {
    /// What customers of both types have, and callers can set.
    pub struct Profile {
        /// Country of the customer's regulatory region. Create only.
        pub region: Option<String>,
        /// Enabled currencies. An empty list is another thing than none, and is sent as `[]`.
        pub currencies: Option<Vec<String>>,
        /// Email address.
        pub email: Option<String>,
        /// Phone number, E.164.
        pub phone_number: Option<String>,
        /// UMA address; made by Grid when none was sent.
        pub uma_address: Option<String>,
        /// Evidence that the terms were accepted. Grid refuses it beside `agreement_consents`.
        pub end_user_terms_consent: Option<EndUserTermsConsent>,
        /// The agreements that were accepted. An empty list is another thing than none, and is sent as `[]`.
        pub agreement_consents: Option<Vec<AgreementConsent>>,
        /// A person's or a business's address.
        pub address: Option<Address>,
    }
}

object! {
    /// A person.
    pub struct Individual {
        /// Full name.
        pub full_name: Option<String>,
        /// Date of birth, `YYYY-MM-DD`.
        pub birth_date: Option<String>,
        /// Country of nationality.
        pub nationality: Option<String>,
        /// Type of the identification number: `SSN` or `ITIN`.
        pub id_type: Option<String>,
        /// The identification number. Never answered.
        pub identifier: Option<String>,
        /// Country that issued the identification.
        pub country_of_issuance: Option<String>,
        /// Enhanced due diligence.
        pub edd: Edd,
    }
}

object! {
    /// Enhanced due diligence of a person.
    pub struct Edd {
        /// Categories of the source of funds.
        pub source_of_funds_categories: Option<Vec<String>>,
        /// Source of funds in words, with category `OTHER`.
        pub source_of_funds_other_description: Option<String>,
        /// Categories of the source of wealth.
        pub source_of_wealth_categories: Option<Vec<String>>,
        /// Source of wealth in words, with category `OTHER`.
        pub source_of_wealth_other_description: Option<String>,
        /// Purpose of the account.
        pub purpose_of_account: Option<String>,
        /// Purpose in words, with purpose `OTHER`.
        pub purpose_of_account_other_description: Option<String>,
        /// Expected number of transactions a month.
        pub expected_monthly_transaction_count: Option<String>,
        /// Expected volume a month.
        pub expected_monthly_transaction_volume: Option<String>,
        /// Bucketed annual income.
        pub annual_income_range: Option<String>,
        /// Bucketed net worth.
        pub net_worth_range: Option<String>,
        /// Political exposure.
        pub pep_status: Option<String>,
    }
}

object! {
    /// What `PATCH /customers/{id}` answers with 202: something the customer's wallet has to sign first.
    pub struct SignedRequestChallenge {
        /// The exact text to sign. It repeats the new email address or phone number.
        pub payload_to_sign: String [essential],
        /// To be echoed in the `Request-Id` header of the signed retry.
        pub request_id: String [id],
        /// When the challenge ends.
        pub expires_at: Option<Time>,
    }
}
