//! Credentials, unknown paths, methods, and bodies that can't be read.

use reqwest::Method;
use serde_json::json;

use super::harness::{CLIENT_ID, Grid, SECRET, send};

#[tokio::test]
async fn every_grid_path_needs_the_credentials() {
    let grid = Grid::start().await;
    let bad = |id: &'static str, secret: &'static str| (Some(id), Some(secret));
    for (id, secret) in [(None, None), bad(CLIENT_ID, "wrong"), bad("wrong", SECRET), bad("", ""), bad(CLIENT_ID, "")] {
        for path in ["/config", "/customers", "/customers/x", "/nowhere"] {
            let mut request = grid.bare(Method::GET, &format!("/grid/2025-10-13{path}"));
            if let Some(id) = id {
                request = request.basic_auth(id, secret);
            }
            let answer = send(request).await;
            assert_eq!(answer.error(401), "UNAUTHORIZED", "{id:?} {path}");
            assert!(answer.headers.contains_key("www-authenticate"));
        }
    }
    for header in ["Basic", "Basic !!!", "Bearer Y2xpZW50OnNlY3JldA==", "Basic Y2xpZW50"] {
        let request = grid.bare(Method::GET, "/grid/2025-10-13/config").header("authorization", header);
        assert_eq!(send(request).await.error(401), "UNAUTHORIZED", "{header}");
    }
    grid.get("/config").await.expect(200);
}

#[tokio::test]
async fn wrong_methods_and_paths_are_answered_as_json() {
    let grid = Grid::start().await;
    for (method, path) in [
        (Method::DELETE, "/customers"),
        (Method::PUT, "/customers/Customer:1"),
        (Method::PUT, "/config"),
        (Method::GET, "/customers/bulk/csv"),
        (Method::PUT, "/beneficial-owners/BeneficialOwner:1"),
    ] {
        let answer = send(grid.request(method.clone(), path)).await;
        assert_eq!(answer.error(405), "METHOD_NOT_ALLOWED", "{method} {path}");
        assert!(answer.headers.contains_key("allow"), "{method} {path}");
        assert_eq!(answer.headers["content-type"], "application/json");
    }
    for path in ["/", "/nowhere", "/customers/a/b", "/config/x"] {
        assert_eq!(grid.get(path).await.error(404), "REFERENCE_NOT_FOUND", "{path}");
    }
    assert_eq!(send(grid.bare(Method::GET, "/elsewhere")).await.error(404), "REFERENCE_NOT_FOUND");
}

#[tokio::test]
async fn what_does_not_exist_has_the_code_of_its_kind() {
    let grid = Grid::start().await;
    let code = |answer: super::harness::Answer| answer.error(404).to_owned();
    let id = "Customer:019542f5-b3e7-1d02-0000-000000000001";
    let type_only = json!({ "customerType": "INDIVIDUAL" });
    assert_eq!(code(grid.get(&format!("/customers/{id}")).await), "USER_NOT_FOUND");
    assert_eq!(code(grid.delete(&format!("/customers/{id}")).await), "USER_NOT_FOUND");
    assert_eq!(code(grid.patch(&format!("/customers/{id}"), type_only).await), "USER_NOT_FOUND");
    assert_eq!(code(grid.post(&format!("/customers/{id}/kyc-link"), json!({})).await), "USER_NOT_FOUND");
    assert_eq!(code(grid.post(&format!("/customers/{id}/verify-email"), json!({})).await), "USER_NOT_FOUND");
    assert_eq!(code(grid.submit(id).await), "USER_NOT_FOUND");
    assert_eq!(code(grid.get("/beneficial-owners/BeneficialOwner:1").await), "REFERENCE_NOT_FOUND");
    assert_eq!(code(grid.get("/documents/Document:1").await), "REFERENCE_NOT_FOUND");
    assert_eq!(code(grid.delete("/documents/Document:1").await), "REFERENCE_NOT_FOUND");
    assert_eq!(code(grid.get("/verifications/Verification:1").await), "REFERENCE_NOT_FOUND");
    assert_eq!(code(grid.get("/customers/bulk/jobs/Job:1").await), "BULK_UPLOAD_JOB_NOT_FOUND");
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_refused() {
    let grid = Grid::start().await;
    let deep = "[".repeat(100_000);
    let large = format!("{{\"fullName\":\"{}\"}}", "x".repeat(2 * 1024 * 1024));
    for body in ["", "{", "[]", "null", "\"x\"", "{\"customerType\":}", "\u{feff}{}", &deep, &large] {
        let request = grid.request(Method::POST, "/customers").header("content-type", "application/json");
        let answer = send(request.body(body.to_owned())).await;
        assert_eq!(answer.error(400), "INVALID_REQUEST_FORMAT", "{:.20}", body);
    }
    let request = grid.request(Method::POST, "/customers").body(r#"{"customerType":"INDIVIDUAL"}"#);
    assert_eq!(send(request).await.error(400), "INVALID_REQUEST_FORMAT", "no content type");
    let request = grid.request(Method::POST, "/documents").json(&json!({}));
    assert_eq!(send(request).await.error(400), "INVALID_REQUEST_FORMAT", "not multipart");
}

#[tokio::test]
async fn the_platform_is_described() {
    let grid = Grid::with(|config| config.uma_domain = "uma.example.com".to_owned()).await;
    let config = grid.get("/config").await.expect(200);
    assert_eq!(config["isRegulatedFinancialInstitution"], false);
    assert_eq!(config["umaDomain"], "uma.example.com");
    let currencies = config["supportedCurrencies"].as_array().unwrap();
    let by_code = |code: &str| currencies.iter().find(|currency| currency["currencyCode"] == code).unwrap();
    assert!(by_code("USD").get("providerRequiredCustomerFields").is_none(), "omitted where nothing is required");
    assert_eq!(by_code("MXN")["providerRequiredCustomerFields"], json!(["FULL_NAME", "BIRTH_DATE", "NATIONALITY"]));
    for currency in currencies {
        assert!(currency["minAmount"].as_i64().unwrap() < currency["maxAmount"].as_i64().unwrap());
    }

    let terms = grid.get("/customers/end-user-terms").await.expect(200);
    assert_eq!(terms["version"], "V1");
    assert!(terms["url"].as_str().unwrap().starts_with("https://"));
}

#[tokio::test]
async fn it_stops_when_told_to() {
    let grid = Grid::start().await;
    grid.get("/config").await.expect(200);
    grid.stop().await;
}
