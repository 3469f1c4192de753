//! `GET /config` and `GET /customers/end-user-terms`: what the platform is, and the terms in force.

use axum::Json;
use axum::extract::State;

use super::shared::{App, Shared};
use super::state::Store;
use super::vocabulary::TERMS_VERSION;
use gridgate_grid::model::{CounterpartyField, EndUserTerms, OtherFields, PlatformConfig, PlatformCurrency};
use jiff::Timestamp;

/// Where Grid hosts the End User Terms (the example of the OpenAPI).
pub(super) const TERMS_URL: &str = "https://www.lightspark.com/legal/grid/enduserterms";

/// A currency of the platform: code, least and greatest amount in its smallest unit, and the customer fields that its
/// provider requires.
struct Currency(&'static str, i64, i64, &'static [&'static str]);

const CURRENCIES: &[Currency] = &[
    Currency("USD", 100, 10_000_000, &[]),
    Currency("USDC", 1_000_000, 100_000_000_000, &[]),
    Currency("EUR", 100, 10_000_000, &["FULL_NAME", "BIRTH_DATE", "POSTAL_ADDRESS"]),
    Currency("GBP", 100, 10_000_000, &["FULL_NAME", "BIRTH_DATE", "POSTAL_ADDRESS"]),
    Currency("MXN", 1_000, 100_000_000, &["FULL_NAME", "BIRTH_DATE", "NATIONALITY"]),
    Currency("BRL", 1_000, 100_000_000, &["FULL_NAME", "BIRTH_DATE", "NATIONALITY"]),
    Currency("INR", 10_000, 1_000_000_000, &["FULL_NAME", "BIRTH_DATE", "NATIONALITY"]),
    Currency("PHP", 10_000, 1_000_000_000, &["FULL_NAME", "BIRTH_DATE", "NATIONALITY"]),
    Currency("NGN", 100_000, 10_000_000_000, &["FULL_NAME", "BIRTH_DATE", "NATIONALITY"]),
    Currency("BTC", 1_000, 1_000_000_000, &[]),
];

/// The codes of the platform's currencies.
pub(super) const CURRENCY_CODES: &[&str] = &["USD", "USDC", "EUR", "GBP", "MXN", "BRL", "INR", "PHP", "NGN", "BTC"];

/// What was changed of the configuration (`PATCH /config`). Where webhooks go is with the webhooks.
#[derive(Default)]
pub(super) struct PlatformSettings {
    pub(super) uma_domain: Option<String>,
    pub(super) currencies: Option<Vec<PlatformCurrency>>,
    /// Whatever else was put into it.
    pub(super) other_fields: OtherFields,
    pub(super) updated_at: Option<Timestamp>,
}

/// `GET /config`.
pub(super) async fn get_config(State(app): State<App>) -> Json<PlatformConfig> {
    let store = app.store();
    Json(rendered(&app, &store))
}

/// The configuration as it is now.
pub(super) fn rendered(app: &Shared, store: &Store) -> PlatformConfig {
    let PlatformSettings { uma_domain: _, currencies, other_fields, updated_at } = &store.platform;
    let as_at_the_start = || CURRENCIES.iter().map(Currency::describe).collect();
    PlatformConfig {
        id: app.platform_id.clone(),
        uma_domain: Some(uma_domain(app, store).to_owned()),
        proxy_uma_subdomain: Some("sandbox".to_owned()),
        webhook_endpoint: app.webhooks.state().endpoint.clone(),
        supported_currencies: currencies.clone().unwrap_or_else(as_at_the_start),
        is_regulated_financial_institution: Some(store.regulated),
        created_at: Some(app.started_at.into()),
        updated_at: Some(updated_at.unwrap_or(app.started_at).into()),
        other_fields: other_fields.clone(),
        lost_fields: Vec::new(),
    }
}

/// The right side of new UMA addresses.
pub(super) fn uma_domain<'a>(app: &'a Shared, store: &'a Store) -> &'a str {
    store.platform.uma_domain.as_ref().unwrap_or(&app.config.uma_domain)
}

/// The customer fields and the counterparty fields that the provider of a currency requires; none of one that it does not
/// know.
pub(super) fn provider_requires(code: &str) -> (Vec<String>, Vec<String>) {
    let known = CURRENCIES.iter().find(|currency| currency.0 == code).map(Currency::describe).unwrap_or_default();
    (known.provider_required_customer_fields, known.provider_required_counterparty_customer_fields)
}

/// `GET /customers/end-user-terms`.
pub(super) async fn get_end_user_terms() -> Json<EndUserTerms> {
    Json(EndUserTerms { version: TERMS_VERSION.to_owned(), url: TERMS_URL.to_owned() })
}

impl Currency {
    fn describe(&self) -> PlatformCurrency {
        let Self(code, least, greatest, required) = self;
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let field = |name: &str, mandatory| CounterpartyField {
            name: name.to_owned(),
            mandatory,
            other_fields: OtherFields::default(),
        };
        PlatformCurrency {
            currency_code: (*code).to_owned(),
            min_amount: Some(*least),
            max_amount: Some(*greatest),
            required_counterparty_fields: vec![field("FULL_NAME", true), field("NATIONALITY", false)],
            provider_required_customer_fields: words(required),
            provider_required_counterparty_customer_fields: words(if required.is_empty() {
                &[]
            } else {
                &["FULL_NAME", "COUNTRY_OF_RESIDENCE"]
            }),
            enabled_transaction_types: words(&["OUTGOING", "INCOMING"]),
            ..PlatformCurrency::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CURRENCIES, CURRENCY_CODES};

    #[test]
    fn the_codes_are_those_of_the_currencies() {
        let codes: Vec<_> = CURRENCIES.iter().map(|currency| currency.0).collect();
        assert_eq!(codes, CURRENCY_CODES);
    }
}
