//! `/config`: what can be changed of it, and what is kept although the sandbox does not know it.

use reqwest::Method;
use serde_json::{Value, json};

use super::harness::{Grid, individual};

fn currency(code: &str) -> Value {
    json!({
        "currencyCode": code, "minAmount": 1, "maxAmount": 1000,
        "requiredCounterpartyFields": [{ "name": "FULL_NAME", "mandatory": true, "since": 2026 }],
        "enabledTransactionTypes": ["INCOMING"], "rails": ["ACH"],
    })
}

#[tokio::test]
async fn what_is_named_changes_and_the_rest_stays() {
    let grid = Grid::start().await;
    let before = grid.get("/config").await.expect(200);
    let change = json!({
        "umaDomain": "uma.example", "supportedCurrencies": [currency("EUR"), currency("XTS")],
        "embeddedWalletConfig": { "appName": "Acme", "otpLength": 6 }, "addedTomorrow": { "deep": [1, null] },
    });
    let changed = grid.patch("/config", change).await.expect(200);
    assert_eq!(changed, grid.get("/config").await.expect(200));
    assert_eq!(changed["umaDomain"], "uma.example");
    let mut known = currency("EUR");
    known["providerRequiredCustomerFields"] = json!(["FULL_NAME", "BIRTH_DATE", "POSTAL_ADDRESS"]);
    known["providerRequiredCounterpartyCustomerFields"] = json!(["FULL_NAME", "COUNTRY_OF_RESIDENCE"]);
    assert_eq!(changed["supportedCurrencies"], json!([known, currency("XTS")]));
    assert_eq!(changed["addedTomorrow"], json!({ "deep": [1, null] }));
    for same in ["id", "proxyUmaSubdomain", "isRegulatedFinancialInstitution", "createdAt"] {
        assert_eq!(changed[same], before[same], "{same}");
    }
    assert!(changed["updatedAt"].as_str() > before["updatedAt"].as_str());

    let address = grid.create(individual("Jane Doe")).await["umaAddress"].clone();
    assert!(address.as_str().unwrap().ends_with("@uma.example"), "{address}");

    // Objects keep what is not named in them, and fees are told apart by what they are for.
    let fee = |bps: u32, kind: &str| json!({ "feeType": kind, "sourceCurrency": "USD", "variableFeeBps": bps });
    grid.patch("/config", json!({ "feeConfigs": [fee(30, "FX"), fee(1, "WIRE")] })).await.expect(200);
    let change = json!({ "embeddedWalletConfig": { "otpLength": 8 }, "feeConfigs": [fee(40, "FX")] });
    let changed = grid.patch("/config", change).await.expect(200);
    assert_eq!(changed["embeddedWalletConfig"], json!({ "appName": "Acme", "otpLength": 8 }));
    assert_eq!(changed["feeConfigs"], json!([fee(40, "FX"), fee(1, "WIRE")]));
    assert_eq!(changed["umaDomain"], "uma.example");

    grid.control(Method::POST, "/reset", Value::Null).await.expect(204);
    let mut reset = grid.get("/config").await.expect(200);
    reset["updatedAt"] = before["updatedAt"].clone();
    assert_eq!(reset, before);
}

#[tokio::test]
async fn the_endpoint_is_where_webhooks_go() {
    let grid = Grid::start().await;
    let url = "https://hooks.example/grid";
    assert_eq!(grid.patch("/config", json!({ "webhookEndpoint": url })).await.expect(200)["webhookEndpoint"], url);
    assert_eq!(grid.control(Method::GET, "/webhooks", Value::Null).await.expect(200)["endpoint"], url);
    grid.control(Method::POST, "/webhooks/endpoint", json!({ "url": null })).await.expect(204);
    assert_eq!(grid.get("/config").await.expect(200)["webhookEndpoint"], Value::Null);
}

#[tokio::test]
async fn every_bad_field_is_named_and_nothing_changes() {
    let grid = Grid::start().await;
    let before = grid.get("/config").await.expect(200);
    let bad = json!({
        "id": "PlatformConfig:2", "updatedAt": null, "umaDomain": "", "webhookEndpoint": "nowhere",
        "supportedCurrencies": [
            { "currencyCode": 7, "minAmount": -1, "maxAmount": 1.5, "requiredCounterpartyFields": [{ "mandatory": 1 }],
              "enabledTransactionTypes": ["SIDEWAYS"], "providerRequiredCustomerFields": [] },
            {}, 5,
        ],
    });
    assert_eq!(
        grid.patch("/config", bad).await.bad_fields(),
        [
            "id",
            "supportedCurrencies[0].currencyCode",
            "supportedCurrencies[0].enabledTransactionTypes[0]",
            "supportedCurrencies[0].maxAmount",
            "supportedCurrencies[0].minAmount",
            "supportedCurrencies[0].providerRequiredCustomerFields",
            "supportedCurrencies[0].requiredCounterpartyFields[0].mandatory",
            "supportedCurrencies[0].requiredCounterpartyFields[0].name",
            "supportedCurrencies[1].currencyCode",
            "supportedCurrencies[1].enabledTransactionTypes",
            "supportedCurrencies[1].maxAmount",
            "supportedCurrencies[1].minAmount",
            "supportedCurrencies[1].requiredCounterpartyFields",
            "supportedCurrencies[2]",
            "umaDomain",
            "updatedAt",
            "webhookEndpoint",
        ]
    );
    assert_eq!(grid.get("/config").await.expect(200), before);
}
