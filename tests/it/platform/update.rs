//! What is sent and what comes back: by mask, and with everything that this API does not name.

use std::collections::BTreeMap;

use gridgate::pb;
use prost_types::value::Kind;
use serde_json::{Value, json};
use tonic::Code;

use super::{Scene, endpoint};
use crate::support::details::Details;
use crate::support::fake_grid::Reply;

/// A configuration with things in it that nobody here has heard of, in every place.
fn config() -> Value {
    json!({
        "id": "PlatformConfig:1", "umaDomain": "uma.example", "webhookEndpoint": "https://hooks.example/grid",
        "supportedCurrencies": [
            {
                "currencyCode": "USD", "minAmount": 100, "maxAmount": 9_007_199_254_740_993_i64,
                "requiredCounterpartyFields": [{ "name": "FULL_NAME", "mandatory": true, "since": null }],
                "providerRequiredCustomerFields": ["BIRTH_DATE"],
                "enabledTransactionTypes": [], "rails": { "ACH": { "cutOff": "17:00", "days": [1, 2.5, []], "": false } },
            },
            {
                "currencyCode": "USDC", "minAmount": 1, "maxAmount": 2, "requiredCounterpartyFields": [],
                "enabledTransactionTypes": ["INCOMING"],
            },
        ],
        "isRegulatedFinancialInstitution": false,
        "embeddedWalletConfig": { "appName": "Acme", "otpLength": 6, "logoUrl": null },
        "cardTokenization2faConfig": { "email": { "fromAddress": "cards@acme.example" } },
        "feeConfigs": [{ "feeType": "FX", "variableFeeBps": 30, "share": 0.1 }],
        "addedTomorrow": [null, true, { "deep": [[{}]] }],
    })
}

/// What of it goes back to Grid when nothing is changed.
fn sent_back() -> Value {
    let mut config = config();
    let fields = config.as_object_mut().unwrap();
    for answered_only in ["id", "isRegulatedFinancialInstitution"] {
        fields.remove(answered_only);
    }
    fields["supportedCurrencies"][0].as_object_mut().unwrap().remove("providerRequiredCustomerFields");
    config
}

/// What was read, as an update.
fn as_update(config: pb::PlatformConfig) -> pb::PlatformConfigUpdate {
    let pb::PlatformConfig { uma_domain, webhook_endpoint, supported_currencies, other_fields, .. } = config;
    pb::PlatformConfigUpdate { uma_domain, webhook_endpoint, supported_currencies, other_fields }
}

async fn with_config() -> Scene {
    let scene = Scene::start().await;
    scene.upstream.on("GET", "/config", Reply::json(200, config()));
    scene.upstream.on("PATCH", "/config", Reply::json(200, config()));
    scene
}

impl Scene {
    /// The one body that Grid got, and forgets it.
    #[track_caller]
    fn patched(&self) -> Value {
        let requests = self.upstream.take_requests();
        let patches: Vec<_> = requests.iter().filter(|request| request.method == "PATCH").collect();
        assert_eq!(patches.len(), 1, "{requests:#?}");
        assert_eq!(patches[0].path, "/config");
        patches[0].json()
    }
}

#[tokio::test]
async fn what_has_no_name_here_survives_being_read_and_written() {
    let scene = with_config().await;
    let read = scene.get().await;
    let all = ["uma_domain", "webhook_endpoint", "supported_currencies", "other_fields"];
    for mask in [&[][..], &all] {
        let answered = scene.update(as_update(read.clone()), mask).await.unwrap();
        assert_eq!(answered, read);
        assert_eq!(scene.patched(), sent_back(), "{mask:?}");
    }

    // One number of one currency changes, and nothing else.
    let mut update = as_update(read);
    update.supported_currencies[1].min_amount = Some(7);
    scene.update(update, &["supported_currencies"]).await.unwrap();
    let mut currencies = sent_back()["supportedCurrencies"].clone();
    currencies[1]["minAmount"] = json!(7);
    assert_eq!(scene.patched(), json!({ "supportedCurrencies": currencies }));
}

#[tokio::test]
async fn a_patch_has_what_the_mask_names_and_nothing_else() {
    let scene = with_config().await;
    let update = || as_update_of(&json!({ "embeddedWalletConfig": { "otpLength": 8 } }));
    for (mask, expected) in [
        (&["webhook_endpoint"][..], json!({ "webhookEndpoint": "https://new.example/grid" })),
        (&["other_fields"], json!({ "embeddedWalletConfig": { "otpLength": 8 } })),
        (&["supported_currencies", "uma_domain"], json!({ "supportedCurrencies": [], "umaDomain": "new.example" })),
        (
            &[],
            json!({
                "webhookEndpoint": "https://new.example/grid", "umaDomain": "new.example",
                "embeddedWalletConfig": { "otpLength": 8 },
            }),
        ),
    ] {
        scene.update(update(), mask).await.unwrap();
        assert_eq!(scene.patched(), expected, "{mask:?}");
    }
    for wrong in ["*", "id", "provider_required_customer_fields", "other_fields.fields.x", "webhookEndpoint"] {
        let refused = scene.update(update(), &[wrong]).await.unwrap_err();
        assert_eq!((refused.code(), Details::of(&refused).bad_paths()), (Code::InvalidArgument, vec!["update_mask"]));
    }
    let refused = scene.update(endpoint("https://new.example/"), &["uma_domain"]).await.unwrap_err();
    assert_eq!(Details::of(&refused).bad_paths(), ["update_mask"], "Grid can't clear a field");
    assert_eq!(scene.upstream.take_requests().len(), 0);
}

fn as_update_of(others: &Value) -> pb::PlatformConfigUpdate {
    let others = serde_json::from_value::<BTreeMap<String, Value>>(others.clone()).unwrap();
    let fields = others.into_iter().map(|(name, value)| (name, to_pb(value))).collect();
    pb::PlatformConfigUpdate {
        uma_domain: Some("new.example".to_owned()),
        webhook_endpoint: Some("https://new.example/grid".to_owned()),
        supported_currencies: Vec::new(),
        other_fields: Some(prost_types::Struct { fields }),
    }
}

fn to_pb(value: Value) -> prost_types::Value {
    let kind = match value {
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap()),
        Value::String(text) => Kind::StringValue(text),
        Value::Object(fields) => Kind::StructValue(prost_types::Struct {
            fields: fields.into_iter().map(|(name, value)| (name, to_pb(value))).collect(),
        }),
        Value::Array(values) => {
            Kind::ListValue(prost_types::ListValue { values: values.into_iter().map(to_pb).collect() })
        }
        Value::Bool(truth) => Kind::BoolValue(truth),
        Value::Null => Kind::NullValue(0),
    };
    prost_types::Value { kind: Some(kind) }
}

#[tokio::test]
async fn what_cannot_be_carried_is_named_and_never_lost() {
    let scene = with_config().await;
    let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
    let mut grid = config();
    grid["deep"] = deep.clone();
    grid["supportedCurrencies"][0]["limit"] = json!(9_007_199_254_740_993_i64);
    grid["supportedCurrencies"][0]["requiredCounterpartyFields"][0]["deep"] = deep;
    scene.upstream.on("GET", "/config", Reply::json(200, grid));
    let read = scene.get().await;
    assert_eq!(read.omitted_fields, ["deep"]);
    assert_eq!(read.supported_currencies[0].omitted_fields, ["limit"]);
    assert_eq!(read.supported_currencies[0].required_counterparty_fields[0].omitted_fields, ["deep"]);

    scene.upstream.take_requests();
    let refused = scene.update(as_update(read.clone()), &["supported_currencies"]).await.unwrap_err();
    assert_eq!(
        Details::of(&refused).bad_paths(),
        [
            "platform_config.supported_currencies[0].omitted_fields",
            "platform_config.supported_currencies[0].required_counterparty_fields[0].omitted_fields",
        ]
    );
    assert_eq!(scene.upstream.take_requests().len(), 0);
    // Fields that are not sent stay at Grid as they are.
    scene.update(as_update(read), &["other_fields", "webhook_endpoint"]).await.unwrap();
    assert_eq!(scene.patched().get("deep"), None);
}

#[tokio::test]
async fn what_could_not_be_read_of_a_currency_is_named_and_never_lost() {
    let scene = with_config().await;
    let mut grid = config();
    grid["supportedCurrencies"][0]["maxAmount"] = json!(18_446_744_073_709_551_616_f64);
    grid["supportedCurrencies"][0]["providerRequiredCustomerFields"] = json!("BIRTH_DATE");
    grid["supportedCurrencies"][1]["minAmount"] = json!(1.0);
    grid["supportedCurrencies"][1]["requiredCounterpartyFields"] = json!([{ "name": "FULL_NAME", "mandatory": 2 }, 7]);
    scene.upstream.on("GET", "/config", Reply::json(200, grid));
    let read = scene.get().await;
    let [dollars, coins] = read.supported_currencies.as_slice() else { panic!("{read:?}") };
    assert_eq!((dollars.max_amount, coins.min_amount), (None, Some(1)));
    assert_eq!(dollars.omitted_fields, ["maxAmount"]);
    assert_eq!(coins.omitted_fields, ["requiredCounterpartyFields[].mandatory", "requiredCounterpartyFields[]"]);

    scene.upstream.take_requests();
    let refused = scene.update(as_update(read), &["supported_currencies"]).await.unwrap_err();
    assert_eq!(
        Details::of(&refused).bad_paths(),
        [0, 1].map(|place| format!("platform_config.supported_currencies[{place}].omitted_fields"))
    );
    assert_eq!(scene.upstream.take_requests().len(), 0);
}

#[tokio::test]
async fn a_list_that_lost_a_currency_is_not_sent_back() {
    let scene = with_config().await;
    for (currencies, lost) in [
        (json!([config()["supportedCurrencies"][0], "USDC"]), "supportedCurrencies[]"),
        (json!({ "USD": { "minAmount": 1 } }), "supportedCurrencies"),
    ] {
        let mut grid = config();
        grid["supportedCurrencies"] = currencies;
        scene.upstream.on("GET", "/config", Reply::json(200, grid));
        let read = scene.get().await;
        assert_eq!(read.omitted_fields, [lost]);
        scene.upstream.take_requests();
        for currency in read.supported_currencies {
            assert_eq!(currency.omitted_fields, [lost]);
            let update = pb::PlatformConfigUpdate { supported_currencies: vec![currency], ..Default::default() };
            let refused = scene.update(update, &[]).await.unwrap_err();
            assert_eq!(Details::of(&refused).bad_paths(), ["platform_config.supported_currencies[0].omitted_fields"]);
        }
        assert_eq!(scene.upstream.take_requests().len(), 0);
    }
}

#[tokio::test]
async fn what_is_damaged_is_named_and_not_given_out() {
    let scene = with_config().await;
    let body = r#"{"id":"P","umaDomain":"a\ud83d","brand":"A\ud83dB","fee":1E400,"share":0.10000000000000000001,"good":0.1,
        "supportedCurrencies":[{"currencyCode":"U\ud83d","minAmount":1e999,"enabledTransactionTypes":["A\ud83d"],"z":NaN}]}"#;
    scene.upstream.on("GET", "/config", Reply::bytes(200, "application/json", body));
    let read = scene.get().await;
    assert_eq!(read.other_fields.unwrap().fields.into_keys().collect::<Vec<_>>(), ["good"]);
    assert_eq!(
        (read.uma_domain, read.omitted_fields),
        (None, ["brand", "fee", "share", "umaDomain"].map(String::from).to_vec())
    );
    let currency = &read.supported_currencies[0];
    assert_eq!((currency.min_amount, &currency.other_fields), (None, &None));
    assert_eq!(currency.omitted_fields, ["z", "minAmount", "currencyCode", "enabledTransactionTypes[]"]);
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_right_is_refused_before_grid_is_asked() {
    let scene = with_config().await;
    for wrong in [
        "",
        "hooks.example/grid",
        "//hooks.example/grid",
        "http://hooks.example/grid",
        "http://127.0.0.1.hooks.example/grid",
        "ftp://hooks.example/grid",
        "https://user:secret@hooks.example/grid",
        "https://hooks.example/grid#secret",
        "https://hooks.example\\@evil.example/",
        "https://hooks.exa\nmple/",
        "https:hooks.example",
    ] {
        let refused = scene.update(endpoint(wrong), &[]).await.unwrap_err();
        let details = Details::of(&refused);
        assert_eq!(refused.code(), Code::InvalidArgument, "{wrong:?}");
        assert_eq!(details.bad_paths(), ["platform_config.webhook_endpoint"], "{wrong:?}");
        assert!(!format!("{refused:?} {details:?}").contains("secret"), "the value is not repeated");
    }
    // By the side door it would pass unchecked.
    for name in [
        "webhookEndpoint",
        "webhook_endpoint",
        "WebhookEndpoint",
        "supportedCurrencies",
        "id",
        "updatedAt",
        "__proto__",
        "webhookEndpoint.x",
        "\u{ff57}ebhookEndpoint",
    ] {
        let others = as_update_of(&json!({ name: "http://evil.example/" })).other_fields;
        let update = pb::PlatformConfigUpdate { other_fields: others, ..Default::default() };
        let refused = scene.update(update, &[]).await.unwrap_err();
        assert_eq!(Details::of(&refused).bad_paths(), ["platform_config.other_fields"], "{name}");
    }
    assert_eq!(scene.upstream.take_requests().len(), 0);
    for right in ["https://hooks.example/grid?key=1", "http://127.0.0.1:8080/webhooks/grid", "http://localhost:1/"] {
        scene.update(endpoint(right), &[]).await.unwrap();
        assert_eq!(scene.patched(), json!({ "webhookEndpoint": right }));
    }
}

#[tokio::test]
async fn what_grid_refuses_is_told_in_this_apis_terms() {
    let scene = with_config().await;
    let body = json!({ "code": "INVALID_INPUT", "message": "no", "reason": "no", "details": { "errors": [
        { "field": "webhookEndpoint", "message": "cannot be reached" },
        { "field": "supportedCurrencies[0].minAmount", "message": "too small" },
        { "field": "embeddedWalletConfig.appName", "message": "too long" },
    ] } });
    scene.upstream.on("PATCH", "/config", Reply::json(400, body));
    let refused = scene.update(endpoint("https://hooks.example/"), &[]).await.unwrap_err();
    assert_eq!(
        Details::of(&refused).bad_paths(),
        [
            "platform_config.webhook_endpoint",
            "platform_config.supported_currencies[0].min_amount",
            "platform_config.other_fields.embeddedWalletConfig.appName",
        ]
    );
    for (status, code) in [(501, Code::Unimplemented), (409, Code::FailedPrecondition), (403, Code::PermissionDenied)] {
        scene.upstream.on("PATCH", "/config", Reply::error(status, "SOME_CODE", "no"));
        let refused = scene.update(endpoint("https://hooks.example/"), &[]).await.unwrap_err();
        assert_eq!((refused.code(), Details::of(&refused).reason.as_str()), (code, "SOME_CODE"));
    }
}
