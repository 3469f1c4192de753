//! The platform's configuration: what onboarding needs of it by name, and the rest as it is.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::notes::MORE_LOSSES;
use super::serde_as::{Complete, complete, integer, lenient, list, or_default};
use super::time::Time;

/// The fields of an object that have no name here: branding, fees, cards, and what Grid adds. They are kept as they came,
/// so that they can be sent back. Debug shows how many there are: they can hold names and addresses.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OtherFields(pub Map<String, Value>);

impl std::fmt::Debug for OtherFields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OtherFields").field("count", &self.0.len()).finish_non_exhaustive()
    }
}

/// `GET /config`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PlatformConfig {
    /// Grid's id.
    #[serde(deserialize_with = "or_default")]
    pub id: String,
    /// UMA domain.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub uma_domain: Option<String>,
    /// Subdomain that incoming requests are proxied to.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub proxy_uma_subdomain: Option<String>,
    /// Where Grid sends webhooks.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub webhook_endpoint: Option<String>,
    /// Currencies that the platform's customers can hold, send and receive.
    #[serde(deserialize_with = "list")]
    pub supported_currencies: Vec<PlatformCurrency>,
    /// Whether the platform verifies its customers itself. Absent is unknown.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub is_regulated_financial_institution: Option<bool>,
    /// When it was created.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub created_at: Option<Time>,
    /// When it was last updated.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub updated_at: Option<Time>,
    /// Everything else.
    #[serde(flatten)]
    pub other_fields: OtherFields,
    /// Paths of what could not be read of it, but for what its currencies lost themselves; `*` stands for more.
    #[serde(skip)]
    pub lost_fields: Vec<String>,
}

/// The field of the currencies, and an item of it.
const CURRENCIES: [&str; 2] = ["supportedCurrencies", "supportedCurrencies[]"];

impl Complete for PlatformConfig {
    const IS_SENT_BACK: bool = true;

    fn lost(&mut self, mut paths: Vec<String>) {
        paths.retain(|path| !path.starts_with("supportedCurrencies[]."));
        // Sent back, the list would take away the currencies that are not in it. So each one that is says so.
        let of_list = paths.iter().find(|path| CURRENCIES.contains(&path.as_str()) || *path == MORE_LOSSES);
        if let Some(path) = of_list {
            for PlatformCurrency { lost_fields, .. } in &mut self.supported_currencies {
                if !lost_fields.contains(path) {
                    lost_fields.push(path.clone());
                }
            }
        }
        self.lost_fields = paths;
    }
}

impl PlatformConfig {
    /// Whether Grid has a webhook endpoint there that could not be read.
    #[must_use]
    pub fn has_unreadable_endpoint(&self) -> bool {
        self.webhook_endpoint.is_none()
            && self.lost_fields.iter().any(|path| path == "webhookEndpoint" || path == MORE_LOSSES)
    }
}

/// The body of `PATCH /config`: only what is present is sent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlatformConfigInput {
    /// UMA domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uma_domain: Option<String>,
    /// Where Grid sends webhooks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_endpoint: Option<String>,
    /// All currencies; an empty list is sent as `[]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supported_currencies: Option<Vec<PlatformCurrencyInput>>,
    /// Everything else.
    #[serde(flatten)]
    pub other_fields: OtherFields,
}

/// A currency as it is sent: without what is only answered. Grid wants every field of it, empty lists too.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlatformCurrencyInput {
    /// Currency code.
    pub currency_code: String,
    /// Least amount, in the currency's smallest unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_amount: Option<i64>,
    /// Greatest amount, in the currency's smallest unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_amount: Option<i64>,
    /// What the platform asks of counterparties.
    pub required_counterparty_fields: Vec<CounterpartyField>,
    /// Transaction types enabled for this currency.
    pub enabled_transaction_types: Vec<String>,
    /// Everything else.
    #[serde(flatten)]
    pub other_fields: OtherFields,
}

/// One currency of the platform, and what is required for it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PlatformCurrency {
    /// Currency code.
    #[serde(deserialize_with = "or_default")]
    pub currency_code: String,
    /// Least amount, in the currency's smallest unit.
    #[serde(deserialize_with = "integer")]
    pub min_amount: Option<i64>,
    /// Greatest amount, in the currency's smallest unit.
    #[serde(deserialize_with = "integer")]
    pub max_amount: Option<i64>,
    /// What the platform asks of counterparties.
    #[serde(deserialize_with = "list")]
    pub required_counterparty_fields: Vec<CounterpartyField>,
    /// Customer fields that the provider requires for this currency, such as `BIRTH_DATE`.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "list")]
    pub provider_required_customer_fields: Vec<String>,
    /// Counterparty fields that the provider requires for this currency.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "list")]
    pub provider_required_counterparty_customer_fields: Vec<String>,
    /// Transaction types enabled for this currency.
    #[serde(deserialize_with = "list")]
    pub enabled_transaction_types: Vec<String>,
    /// Everything else.
    #[serde(flatten)]
    pub other_fields: OtherFields,
    /// Paths of what could not be read of it: it must not be sent back without.
    #[serde(skip)]
    pub lost_fields: Vec<String>,
}

impl Complete for PlatformCurrency {
    fn lost(&mut self, paths: Vec<String>) {
        self.lost_fields = paths;
    }
}

/// A field asked of counterparties.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CounterpartyField {
    /// Name, such as `FULL_NAME`.
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    /// Whether it must be there.
    #[serde(deserialize_with = "or_default")]
    pub mandatory: bool,
    /// Everything else.
    #[serde(flatten)]
    pub other_fields: OtherFields,
}
complete!(CounterpartyField);
