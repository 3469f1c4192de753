//! What is known of a company.

use super::object::object;

object! {
    /// `businessInfo`, in requests (where only what is present is sent) and in answers.
    pub struct BusinessInfo {
        /// Legal name.
        pub legal_name: Option<String>,
        /// Trade name, where it differs.
        pub doing_business_as: Option<String>,
        /// Country of incorporation, ISO 3166-1 alpha-2.
        pub country: Option<String>,
        /// Registration number.
        pub registration_number: Option<String>,
        /// Date of incorporation, `YYYY-MM-DD`.
        pub incorporated_on: Option<String>,
        /// Legal form, such as `LLC`.
        pub entity_type: Option<String>,
        /// Tax number.
        pub tax_id: Option<String>,
        /// Countries the business operates in.
        pub countries_of_operation: Option<Vec<String>>,
        /// Industry.
        pub business_type: Option<String>,
        /// Purpose of the account.
        pub purpose_of_account: Option<String>,
        /// Source of funds, in words.
        pub source_of_funds: Option<String>,
        /// Expected number of transactions a month.
        pub expected_monthly_transaction_count: Option<String>,
        /// Expected volume a month.
        pub expected_monthly_transaction_volume: Option<String>,
        /// Countries the business expects to send payments to.
        pub expected_recipient_jurisdictions: Option<Vec<String>>,
        /// NAICS code, 2 to 6 digits.
        pub naics_code: Option<String>,
        /// Categories of the source of funds.
        pub source_of_funds_categories: Option<Vec<String>>,
        /// Source of funds in words, with category `OTHER`.
        pub source_of_funds_other_description: Option<String>,
        /// Purpose in words, with purpose `OTHER`.
        pub purpose_of_account_other_description: Option<String>,
        /// Countries of the expected counterparties.
        pub expected_counterparty_countries: Option<Vec<String>>,
        /// First name of the primary contact, whose the customer's `email` and `phoneNumber` then are.
        pub primary_contact_first_name: Option<String>,
        /// Last name of the primary contact.
        pub primary_contact_last_name: Option<String>,
    }
}
