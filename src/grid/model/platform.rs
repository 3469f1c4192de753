//! The platform's configuration, as far as onboarding needs it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::serde_as::{lenient_time, null_as_default};

/// `GET /config`, without branding, fees and cards.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PlatformConfig {
    /// Grid's id.
    #[serde(deserialize_with = "null_as_default")]
    pub id: String,
    /// UMA domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uma_domain: Option<String>,
    /// Subdomain that incoming requests are proxied to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_uma_subdomain: Option<String>,
    /// Where Grid sends webhooks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_endpoint: Option<String>,
    /// Currencies that the platform's customers can hold, send and receive.
    #[serde(deserialize_with = "null_as_default")]
    pub supported_currencies: Vec<PlatformCurrency>,
    /// Whether the platform verifies its customers itself. Absent is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_regulated_financial_institution: Option<bool>,
    /// When it was created.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient_time")]
    pub created_at: Option<Timestamp>,
    /// When it was last updated.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient_time")]
    pub updated_at: Option<Timestamp>,
}

/// One currency of the platform, and what is required for it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PlatformCurrency {
    /// Currency code.
    #[serde(deserialize_with = "null_as_default")]
    pub currency_code: String,
    /// Least amount, in the currency's smallest unit.
    pub min_amount: Option<i64>,
    /// Greatest amount, in the currency's smallest unit.
    pub max_amount: Option<i64>,
    /// What the platform asks of counterparties.
    #[serde(deserialize_with = "null_as_default")]
    pub required_counterparty_fields: Vec<CounterpartyField>,
    /// Customer fields that the provider requires for this currency, such as `BIRTH_DATE`.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub provider_required_customer_fields: Vec<String>,
    /// Counterparty fields that the provider requires for this currency.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub provider_required_counterparty_customer_fields: Vec<String>,
    /// Transaction types enabled for this currency.
    #[serde(deserialize_with = "null_as_default")]
    pub enabled_transaction_types: Vec<String>,
}

/// A field asked of counterparties.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CounterpartyField {
    /// Name, such as `FULL_NAME`.
    #[serde(deserialize_with = "null_as_default")]
    pub name: String,
    /// Whether it must be there.
    #[serde(deserialize_with = "null_as_default")]
    pub mandatory: bool,
}
