//! The platform's configuration: what onboarding needs of it by name, and the rest as it is.

use super::field::{LostFields, OtherFields};
use super::notes::MORE_LOSSES;
use super::object::object;
use super::time::Time;

object! {
    /// `GET /config`.
    #[derive(Debug)]
    pub struct PlatformConfig {
        /// Grid's id.
        pub id: String,
        /// UMA domain.
        pub uma_domain: Option<String>,
        /// Subdomain that incoming requests are proxied to.
        pub proxy_uma_subdomain: Option<String>,
        /// Where Grid sends webhooks.
        pub webhook_endpoint: Option<String>,
        /// Currencies that the platform's customers can hold, send and receive.
        pub supported_currencies: Vec<PlatformCurrency>,
        /// Whether the platform verifies its customers itself. Absent is unknown.
        pub is_regulated_financial_institution: Option<bool>,
        /// When it was created.
        pub created_at: Option<Time>,
        /// When it was last updated.
        pub updated_at: Option<Time>,
        /// Everything else.
        pub other_fields: OtherFields,
        /// Without what its currencies lost themselves.
        pub lost_fields: LostFields,
    }

    impl Complete {
        const IS_SENT_BACK: bool = true;

        fn lost(&mut self, mut paths: Vec<String>) {
            paths.retain(|path| !path.starts_with("supportedCurrencies[]."));
            // Sent back, the list would take away the currencies that are not in it. So each one that is says so.
            let of_list = paths.iter().find(|path| CURRENCIES.contains(&path.as_str()) || *path == MORE_LOSSES);
            if let Some(path) = of_list {
                for PlatformCurrency { lost_fields, .. } in &mut self.supported_currencies {
                    if !lost_fields.0.contains(path) {
                        lost_fields.0.push(path.clone());
                    }
                }
            }
            self.lost_fields = LostFields(paths);
        }
    }
}

/// The field of the currencies, and an item of it.
const CURRENCIES: [&str; 2] = ["supportedCurrencies", "supportedCurrencies[]"];

impl PlatformConfig {
    /// Whether Grid has a webhook endpoint there that could not be read.
    #[must_use]
    pub fn has_unreadable_endpoint(&self) -> bool {
        self.webhook_endpoint.is_none()
            && self.lost_fields.0.iter().any(|path| path == "webhookEndpoint" || path == MORE_LOSSES)
    }
}

object! {
    /// The body of `PATCH /config`: only what is present is sent.
    #[derive(Debug)]
    pub struct PlatformConfigInput {
        /// UMA domain.
        pub uma_domain: Option<String>,
        /// Where Grid sends webhooks.
        pub webhook_endpoint: Option<String>,
        /// All currencies; an empty list is sent as `[]`.
        pub supported_currencies: Option<Vec<PlatformCurrency>>,
        /// Everything else.
        pub other_fields: OtherFields,
    }
}

object! {
    /// One currency of the platform, and what is required for it. Grid wants every field of it back, empty lists too, but for
    /// those of the provider.
    #[derive(Debug)]
    pub struct PlatformCurrency {
        /// Currency code.
        pub currency_code: String,
        /// Least amount, in the currency's smallest unit.
        pub min_amount: Option<i64>,
        /// Greatest amount, in the currency's smallest unit.
        pub max_amount: Option<i64>,
        /// What the platform asks of counterparties.
        pub required_counterparty_fields: Vec<CounterpartyField>,
        /// Customer fields that the provider requires for this currency, such as `BIRTH_DATE`. Only answered.
        pub provider_required_customer_fields: Option<Vec<String>>,
        /// Counterparty fields that the provider requires for this currency. Only answered.
        pub provider_required_counterparty_customer_fields: Option<Vec<String>>,
        /// Transaction types enabled for this currency.
        pub enabled_transaction_types: Vec<String>,
        /// Everything else.
        pub other_fields: OtherFields,
        /// What could not be read of it.
        pub lost_fields: LostFields,
    }

    impl Complete {
        fn lost(&mut self, paths: Vec<String>) {
            self.lost_fields = LostFields(paths);
        }
    }
}

object! {
    /// A field asked of counterparties.
    #[derive(Debug)]
    pub struct CounterpartyField {
        /// Name, such as `FULL_NAME`.
        pub name: String,
        /// Whether it must be there.
        pub mandatory: bool,
        /// Everything else.
        pub other_fields: OtherFields,
    }
}
