//! Owners, directors and officers of a business.

use super::object::object;
use super::{Address, KycStatus, Time};

object! {
    /// What is known of an owner; in requests only what is present is sent.
    pub struct PersonalInfo {
        /// First name.
        pub first_name: Option<String>,
        /// Middle name.
        pub middle_name: Option<String>,
        /// Last name.
        pub last_name: Option<String>,
        /// Date of birth, `YYYY-MM-DD`.
        pub birth_date: Option<String>,
        /// Country of nationality.
        pub nationality: Option<String>,
        /// Email address.
        pub email: Option<String>,
        /// Phone number, E.164.
        pub phone_number: Option<String>,
        /// Home address.
        pub address: Option<Address>,
        /// `SSN`, `ITIN`, `EIN` or `NON_US_TAX_ID`.
        pub id_type: Option<String>,
        /// The identification number; unlike an individual customer's, it is answered.
        pub identifier: Option<String>,
        /// Country that issued the identification.
        pub country_of_issuance: Option<String>,
    }
}

object! {
    /// An owner as Grid answers it.
    pub struct BeneficialOwner {
        /// Grid's id.
        pub id: String [id],
        /// The business.
        pub customer_id: String [shown],
        /// Roles, such as `UBO` or `DIRECTOR`.
        pub roles: Vec<String>,
        /// Share in the business, 0 to 100.
        pub ownership_percentage: Option<i32>,
        /// The person.
        pub personal_info: Option<PersonalInfo>,
        /// Status of the person's KYC.
        pub kyc_status: Option<KycStatus> [shown],
        /// When it was created.
        pub created_at: Option<Time>,
        /// When it was last updated.
        pub updated_at: Option<Time>,
    }
}

object! {
    /// The body of `POST /beneficial-owners` and of `PATCH /beneficial-owners/{id}`: only what is present is sent.
    pub struct BeneficialOwnerInput {
        /// The business. Create only.
        pub customer_id: Option<String> [shown],
        /// Roles; an empty list is sent as `[]`.
        pub roles: Option<Vec<String>>,
        /// Share in the business, 0 to 100.
        pub ownership_percentage: Option<i32>,
        /// The person.
        pub personal_info: Option<PersonalInfo>,
    }
}
