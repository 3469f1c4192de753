//! `PATCH /config` (OpenAPI `PlatformConfigUpdateRequest`). The sandbox keeps unknown fields, and answers them unchanged.

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value};

use super::body::JsonObject;
use super::error::GridError;
use super::fields::{Faults, Fields};
use super::formats::Form;
use super::platform::{provider_requires, rendered};
use super::shared::App;
use gridgate_grid::model::{CounterpartyField, OtherFields, PlatformConfig, PlatformCurrency};

/// What is only answered.
const READ_ONLY: [&str; 5] = ["id", "proxyUmaSubdomain", "isRegulatedFinancialInstitution", "createdAt", "updatedAt"];
/// What is only answered of a currency.
const READ_ONLY_OF_CURRENCY: [&str; 2] =
    ["providerRequiredCustomerFields", "providerRequiredCounterpartyCustomerFields"];
/// What every currency has.
const CURRENCY: [&str; 5] =
    ["currencyCode", "minAmount", "maxAmount", "requiredCounterpartyFields", "enabledTransactionTypes"];
/// The one list whose entries are merged, by [`FEE_KEY`]; other lists are replaced as a whole.
const FEES: &str = "feeConfigs";
const FEE_KEY: [&str; 2] = ["feeType", "sourceCurrency"];
/// Most bytes of all that the sandbox keeps without knowing it.
const MAX_OTHER_BYTES: usize = 1024 * 1024;

/// `PATCH /config`: changes what is there, and answers the whole.
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
        app.webhooks.state().endpoint = Some(endpoint);
        app.webhooks.wake.notify_one();
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
