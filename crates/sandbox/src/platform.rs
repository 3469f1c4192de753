//! `/config` and `GET /customers/end-user-terms`: what the platform is, and the terms in force. Unknown fields of the
//! configuration are kept, and answered unchanged.

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value};

use super::body::JsonObject;
use super::error::GridError;
use super::fields::{Faults, Fields};
use super::formats::Form;
use super::shared::{App, Shared};
use super::state::{PlatformSettings, Store};
use super::vocabulary::TERMS_VERSION;
use gridgate_grid::model::{
    CounterpartyField, EndUserTerms, LostFields, OtherFields, PlatformConfig, PlatformCurrency,
};

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

pub(super) const CURRENCY_CODES: &[&str] = &["USD", "USDC", "EUR", "GBP", "MXN", "BRL", "INR", "PHP", "NGN", "BTC"];

/// What is only answered.
const READ_ONLY: [&str; 5] = ["id", "proxyUmaSubdomain", "isRegulatedFinancialInstitution", "createdAt", "updatedAt"];
/// What is only answered of a currency.
const READ_ONLY_OF_CURRENCY: [&str; 2] =
    ["providerRequiredCustomerFields", "providerRequiredCounterpartyCustomerFields"];
const CURRENCY: [&str; 5] =
    ["currencyCode", "minAmount", "maxAmount", "requiredCounterpartyFields", "enabledTransactionTypes"];
/// The one list whose entries are merged, by [`FEE_KEY`]; other lists are replaced as a whole.
const FEES: &str = "feeConfigs";
const FEE_KEY: [&str; 2] = ["feeType", "sourceCurrency"];
/// Most bytes of all that the sandbox keeps without knowing it.
const MAX_OTHER_BYTES: usize = 1024 * 1024;

/// `GET /config`.
pub(super) async fn get_config(State(app): State<App>) -> Json<PlatformConfig> {
    let store = app.store();
    Json(rendered(&app, &store))
}

pub(super) fn rendered(app: &Shared, store: &Store) -> PlatformConfig {
    let PlatformSettings { uma_domain: _, currencies, other_fields, updated_at } = &store.platform;
    let as_at_the_start = || CURRENCIES.iter().map(Currency::describe).collect();
    PlatformConfig {
        id: app.platform_id.clone(),
        uma_domain: Some(uma_domain(app, store).to_owned()),
        proxy_uma_subdomain: Some("sandbox".to_owned()),
        webhook_endpoint: store.webhooks.endpoint.clone(),
        supported_currencies: currencies.clone().unwrap_or_else(as_at_the_start),
        is_regulated_financial_institution: Some(store.regulated),
        created_at: Some(app.started_at.into()),
        updated_at: Some(updated_at.unwrap_or(app.started_at).into()),
        other_fields: other_fields.clone(),
        lost_fields: LostFields::default(),
    }
}

pub(super) fn uma_domain<'a>(app: &'a Shared, store: &'a Store) -> &'a str {
    store.platform.uma_domain.as_ref().unwrap_or(&app.config.uma_domain)
}

/// The customer fields and the counterparty fields that the provider of a currency requires; none of one that it does not
/// know.
pub(super) fn provider_requires(code: &str) -> (Option<Vec<String>>, Option<Vec<String>>) {
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
        let is_asked = !required.is_empty();
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
            provider_required_customer_fields: is_asked.then(|| words(required)),
            provider_required_counterparty_customer_fields: is_asked
                .then(|| words(&["FULL_NAME", "COUNTRY_OF_RESIDENCE"])),
            enabled_transaction_types: words(&["OUTGOING", "INCOMING"]),
            ..PlatformCurrency::default()
        }
    }
}

/// `PATCH /config`: changes the fields that are present, and answers the whole configuration.
pub(super) async fn update(
    State(app): State<App>,
    JsonObject(body): JsonObject,
) -> Result<Json<PlatformConfig>, GridError> {
    let fields = Fields::of_body(&body);
    let mut faults = Faults::default();
    fields.read_only(&READ_ONLY, &mut faults);
    let uma_domain = fields.text("umaDomain", Form::Text(Some(255)), &mut faults);
    let endpoint = fields.text("webhookEndpoint", Form::WebAddress, &mut faults);
    let currencies = fields.list_of_objects("supportedCurrencies", &mut faults);
    let currencies: Option<Vec<_>> =
        currencies.map(|list| list.iter().map(|currency| read_currency(currency, &mut faults)).collect());
    faults.into_result()?;
    let others = fields.others(&["umaDomain", "webhookEndpoint", "supportedCurrencies"]);

    let mut store = app.store();
    let mut kept = store.platform.other_fields.0.clone();
    for (name, value) in others {
        merge(&mut kept, name, value);
    }
    if Value::Object(kept.clone()).to_string().len() > MAX_OTHER_BYTES {
        return Err(GridError::full("bytes of other fields of the configuration", MAX_OTHER_BYTES));
    }
    store.platform.other_fields = OtherFields(kept);
    store.platform.uma_domain = uma_domain.or_else(|| store.platform.uma_domain.take());
    store.platform.currencies = currencies.or_else(|| store.platform.currencies.take());
    store.platform.updated_at = Some(app.clock.tick());
    if let Some(endpoint) = endpoint {
        store.webhooks.endpoint = Some(endpoint);
        app.wake.notify_one();
    }
    Ok(Json(rendered(&app, &store)))
}

fn read_currency(currency: &Fields<'_>, faults: &mut Faults) -> PlatformCurrency {
    currency.require(&CURRENCY, faults);
    currency.read_only(&READ_ONLY_OF_CURRENCY, faults);
    let currency_code = currency.text("currencyCode", Form::Text(Some(16)), faults).unwrap_or_default();
    let (min_amount, max_amount) = (currency.amount("minAmount", faults), currency.amount("maxAmount", faults));
    let asked = currency.list_of_objects("requiredCounterpartyFields", faults).unwrap_or_default();
    let required_counterparty_fields = asked
        .iter()
        .map(|field| {
            field.require(&["name", "mandatory"], faults);
            CounterpartyField {
                name: field.text("name", Form::Text(Some(64)), faults).unwrap_or_default(),
                mandatory: field.flag("mandatory", faults).unwrap_or_default(),
                other_fields: OtherFields(field.others(&["name", "mandatory"])),
            }
        })
        .collect();
    let types = currency.texts("enabledTransactionTypes", Form::OneOf(&["INCOMING", "OUTGOING"]), faults);
    let (provider_required_customer_fields, provider_required_counterparty_customer_fields) =
        provider_requires(&currency_code);
    PlatformCurrency {
        currency_code,
        min_amount,
        max_amount,
        required_counterparty_fields,
        provider_required_customer_fields,
        provider_required_counterparty_customer_fields,
        enabled_transaction_types: types.unwrap_or_default(),
        other_fields: OtherFields(currency.others(&CURRENCY)),
        ..PlatformCurrency::default()
    }
}

/// Puts a field in its place: objects and fees keep what the new value does not name.
fn merge(kept: &mut Map<String, Value>, name: String, value: Value) {
    match (kept.get_mut(&name), value) {
        (Some(Value::Object(kept)), Value::Object(fields)) => {
            for (name, value) in fields {
                merge(kept, name, value);
            }
        }
        (Some(Value::Array(kept)), Value::Array(fees)) if name == FEES => {
            for fee in fees {
                match kept.iter_mut().find(|other| FEE_KEY.iter().all(|key| other.get(key) == fee.get(key))) {
                    Some(other) => *other = fee,
                    None => kept.push(fee),
                }
            }
        }
        (_, value) => {
            kept.insert(name, value);
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
