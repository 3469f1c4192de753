//! Owners, directors and officers of a business.

use serde::{Deserialize, Serialize};

use super::redact::redacted_debug;
use super::serde_as::{complete, integer, lenient, list, or_default};
use super::{Address, KycStatus, Time};

/// What is known of an owner; in requests only what is present is sent.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PersonalInfo {
    /// First name.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub first_name: Option<String>,
    /// Middle name.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub middle_name: Option<String>,
    /// Last name.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub last_name: Option<String>,
    /// Date of birth, `YYYY-MM-DD`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub birth_date: Option<String>,
    /// Country of nationality.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub nationality: Option<String>,
    /// Email address.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub email: Option<String>,
    /// Phone number, E.164.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub phone_number: Option<String>,
    /// Home address.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub address: Option<Address>,
    /// `SSN`, `ITIN`, `EIN` or `NON_US_TAX_ID`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub id_type: Option<String>,
    /// The identification number; unlike an individual customer's, it is answered.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub identifier: Option<String>,
    /// Country that issued the identification.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub country_of_issuance: Option<String>,
}
redacted_debug!(PersonalInfo {});

/// An owner as Grid answers it.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BeneficialOwner {
    /// Grid's id.
    #[serde(deserialize_with = "or_default")]
    pub id: String,
    /// The business.
    #[serde(deserialize_with = "or_default")]
    pub customer_id: String,
    /// Roles, such as `UBO` or `DIRECTOR`.
    #[serde(deserialize_with = "list")]
    pub roles: Vec<String>,
    /// Share in the business, 0 to 100.
    #[serde(deserialize_with = "integer")]
    pub ownership_percentage: Option<i32>,
    /// The person.
    #[serde(deserialize_with = "lenient")]
    pub personal_info: Option<PersonalInfo>,
    /// Status of the person's KYC.
    #[serde(deserialize_with = "lenient")]
    pub kyc_status: Option<KycStatus>,
    /// When it was created.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub created_at: Option<Time>,
    /// When it was last updated.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub updated_at: Option<Time>,
}
redacted_debug!(BeneficialOwner { id, customer_id, kyc_status, updated_at });
complete!(BeneficialOwner, id = "id");

/// The body of `POST /beneficial-owners` and of `PATCH /beneficial-owners/{id}`: only what is present is sent.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BeneficialOwnerInput {
    /// The business. Create only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// Roles; an empty list is sent as `[]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// Share in the business, 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ownership_percentage: Option<i32>,
    /// The person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub personal_info: Option<PersonalInfo>,
}
redacted_debug!(BeneficialOwnerInput { customer_id });
