//! What is known of a company.

use serde::{Deserialize, Serialize};

use super::redact::redacted_debug;
use super::serde_as::{lenient, maybe_list};

/// `businessInfo`, in requests (where only what is present is sent) and in answers.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BusinessInfo {
    /// Legal name.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub legal_name: Option<String>,
    /// Trade name, where it differs.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub doing_business_as: Option<String>,
    /// Country of incorporation, ISO 3166-1 alpha-2.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub country: Option<String>,
    /// Registration number.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub registration_number: Option<String>,
    /// Date of incorporation, `YYYY-MM-DD`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub incorporated_on: Option<String>,
    /// Legal form, such as `LLC`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub entity_type: Option<String>,
    /// Tax number.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub tax_id: Option<String>,
    /// Countries the business operates in.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "maybe_list")]
    pub countries_of_operation: Option<Vec<String>>,
    /// Industry.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub business_type: Option<String>,
    /// Purpose of the account.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub purpose_of_account: Option<String>,
    /// Source of funds, in words.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub source_of_funds: Option<String>,
    /// Expected number of transactions a month.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub expected_monthly_transaction_count: Option<String>,
    /// Expected volume a month.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub expected_monthly_transaction_volume: Option<String>,
    /// Countries the business expects to send payments to.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "maybe_list")]
    pub expected_recipient_jurisdictions: Option<Vec<String>>,
    /// NAICS code, 2 to 6 digits.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub naics_code: Option<String>,
    /// Categories of the source of funds.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "maybe_list")]
    pub source_of_funds_categories: Option<Vec<String>>,
    /// Source of funds in words, with category `OTHER`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub source_of_funds_other_description: Option<String>,
    /// Purpose in words, with purpose `OTHER`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub purpose_of_account_other_description: Option<String>,
    /// Countries of the expected counterparties.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "maybe_list")]
    pub expected_counterparty_countries: Option<Vec<String>>,
    /// First name of the primary contact, whose the customer's `email` and `phoneNumber` then are.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub primary_contact_first_name: Option<String>,
    /// Last name of the primary contact.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub primary_contact_last_name: Option<String>,
}
redacted_debug!(BusinessInfo {});
