//! The control API.

use reqwest::Method;
use serde_json::{Value, json};

use super::harness::{Grid, business, id, individual, owner, send};

#[tokio::test]
async fn a_reviewer_decides_about_anybody() {
    let grid = Grid::start().await;
    let customer = grid.create_id(individual("Jane Doe")).await;
    let before = grid.get(&format!("/customers/{customer}")).await.expect(200);
    for status in ["PENDING", "HOLD", "REJECTED", "APPROVED", "UNVERIFIED", "FROZEN"] {
        assert_eq!(grid.decide(&customer, status).await["kycStatus"], status);
        assert_eq!(grid.status(&customer).await, status);
    }
    let after = grid.get(&format!("/customers/{customer}")).await.expect(200);
    assert!(after["updatedAt"].as_str() > before["updatedAt"].as_str());

    let company = grid.create_id(business("BRN-001")).await;
    assert_eq!(grid.decide(&company, "HOLD").await["kybStatus"], "HOLD");
    let owner = id(&grid.post("/beneficial-owners", owner(&company, "Doe")).await.expect(201));
    assert_eq!(grid.decide(&owner, "HOLD").await["kycStatus"], "HOLD");
}

#[tokio::test]
async fn a_decision_about_a_verification_moves_the_customer_along() {
    let grid = Grid::start().await;
    for (status, customer_status, errors) in [
        ("APPROVED", "APPROVED", vec![]),
        ("REJECTED", "REJECTED", vec!["APPLICANT_REJECTED"]),
        ("RESOLVE_ERRORS", "PENDING", vec!["EXPIRED_DOCUMENT"]),
        ("IN_PROGRESS", "PENDING", vec![]),
        ("ESCALATED", "PENDING", vec!["EXPIRED_DOCUMENT"]),
    ] {
        let customer = grid.create_id(individual("Jane Doe 001")).await;
        grid.upload(&customer, "PASSPORT", None).await;
        let verification = id(&grid.submit(&customer).await.expect(200));
        let given = if errors == ["EXPIRED_DOCUMENT"] { json!([{ "type": "EXPIRED_DOCUMENT" }]) } else { json!([]) };
        let body = json!({ "id": verification, "status": status, "errors": given });
        let decided = grid.control(Method::POST, "/decisions", body).await.expect(200);
        assert_eq!(decided, grid.get(&format!("/verifications/{verification}")).await.expect(200));
        assert_eq!(decided["verificationStatus"], status);
        let types: Vec<_> =
            decided["errors"].as_array().unwrap().iter().map(|error| error["type"].as_str().unwrap()).collect();
        assert_eq!(types, errors);
        assert!(decided["errors"].as_array().unwrap().iter().all(|error| error["resourceId"] == customer));
        assert_eq!(grid.status(&customer).await, customer_status, "{status}");
    }
}

#[tokio::test]
async fn a_bad_control_request_says_what_is_wrong() {
    let grid = Grid::start().await;
    let customer = grid.create_id(individual("Jane Doe")).await;
    for (method, path, body, status) in [
        (Method::POST, "/decisions", json!({ "id": "Customer:1", "status": "HOLD" }), 404),
        (Method::POST, "/decisions", json!({ "id": "Verification:1", "status": "APPROVED" }), 404),
        (Method::POST, "/decisions", json!({ "id": "BeneficialOwner:1", "status": "HOLD" }), 404),
        (Method::POST, "/decisions", json!({ "id": "Document:1", "status": "HOLD" }), 400),
        (Method::POST, "/decisions", json!({ "id": customer, "status": "" }), 400),
        (Method::POST, "/decisions", json!({ "id": customer }), 400),
        (Method::POST, "/decisions", json!({ "id": customer, "status": "HOLD", "why": 1 }), 400),
        (Method::POST, "/decisions", json!({ "id": customer, "status": "REJECTED", "errors": [{}] }), 400),
        (Method::POST, "/clock", json!({ "advanceSeconds": -1 }), 400),
        (Method::POST, "/clock", json!({ "advanceSeconds": u64::MAX }), 400),
        (Method::POST, "/wallets", json!({ "customerId": "Customer:1" }), 404),
        (Method::POST, "/wallets/sign", json!({ "customerId": customer, "payloadToSign": "" }), 404),
        (Method::GET, "/documents/Document:1/file", Value::Null, 404),
        (Method::GET, "/requests?after=x", Value::Null, 400),
        (Method::GET, "/nowhere", Value::Null, 404),
        (Method::GET, "/reset", Value::Null, 405),
    ] {
        let answer = grid.control(method, path, body.clone()).await;
        assert!(answer.body["error"].as_str().is_some_and(|error| !error.is_empty()), "{path} {body}: {answer:?}");
        answer.expect(status);
    }
    assert_eq!(grid.status(&customer).await, "UNVERIFIED");
    // A form of another site can't send JSON.
    let form =
        grid.bare(Method::POST, "/control/decisions").body(json!({ "id": customer, "status": "HOLD" }).to_string());
    send(form).await.expect(400);
}

#[tokio::test]
async fn what_was_received_can_be_read() {
    let grid = Grid::with(|config| config.limits.requests = 3).await;
    let body = individual("Jane Doe 001");
    let customer = grid.create_id(body.clone()).await;
    grid.get("/customers?limit=5").await.expect(200);
    grid.upload(&customer, "PASSPORT", None).await;
    let read = async |after: &str| {
        let all = grid.control(Method::GET, &format!("/requests{after}"), Value::Null).await.expect(200);
        all["requests"].as_array().unwrap().clone()
    };
    let all = read("").await;
    assert_eq!(all.len(), 3);
    let [created, listed, uploaded] = &all[..] else { unreachable!() };
    assert_eq!((&created["method"], &created["status"], &created["body"]), (&json!("POST"), &json!(201), &body));
    assert_eq!(created["headers"]["content-type"], json!(["application/json"]));
    assert!(all.iter().all(|entry| entry["headers"].get("authorization").is_none()));
    assert_eq!((&listed["path"], &listed["query"]), (&json!("/grid/2025-10-13/customers"), &json!("limit=5")));
    let parts = uploaded["parts"].as_array().unwrap();
    assert_eq!(parts.last().unwrap()["fileName"], "scan.pdf");
    assert_eq!(parts.last().unwrap()["bytes"], super::harness::PDF.len());
    assert_eq!(parts[0], json!({ "name": "documentHolder", "value": customer, "bytes": customer.len() }));
    assert!(uploaded["bodyBytes"].as_u64().unwrap() > 500);

    grid.get("/config").await.expect(200);
    assert_eq!(read("").await.len(), 3, "the oldest gave way");
    assert_eq!(read("?after=3").await.len(), 1);
    grid.control(Method::DELETE, "/requests", Value::Null).await.expect(204);
    assert!(read("").await.is_empty());
}

#[tokio::test]
async fn the_platform_becomes_regulated() {
    let grid = Grid::start().await;
    grid.control(Method::POST, "/platform", json!({ "regulated": true })).await.expect(200);
    let platform = grid.control(Method::GET, "/platform", Value::Null).await.expect(200);
    let expected =
        json!({ "regulated": true, "approveAtCreation": false, "oldErrorBodies": false, "laggingUpdatedAt": false });
    assert_eq!(platform, expected);
    assert_eq!(grid.get("/config").await.expect(200)["isRegulatedFinancialInstitution"], true);
    assert_eq!(grid.create(individual("Jane Doe 002")).await["kycStatus"], "APPROVED");
}

#[tokio::test]
async fn the_old_rules_come_back_and_go() {
    let grid = Grid::start().await;
    for (switched_on, status) in [(true, "APPROVED"), (false, "UNVERIFIED")] {
        let change = json!({ "approveAtCreation": switched_on });
        let platform = grid.control(Method::POST, "/platform", change).await.expect(200);
        assert_eq!(platform["approveAtCreation"], switched_on);
        assert_eq!(grid.create(individual("Jane Doe")).await["kycStatus"], status);
    }
}

#[tokio::test]
async fn a_reset_forgets_everything() {
    let grid = Grid::start().await;
    let customer = grid.create_id(individual("Jane Doe 001")).await;
    grid.upload(&customer, "PASSPORT", None).await;
    grid.submit(&customer).await.expect(200);
    grid.post(&format!("/customers/{customer}/kyc-link"), json!({})).await.expect(201);
    let settings = json!({ "regulated": true, "approveAtCreation": true });
    grid.control(Method::POST, "/platform", settings).await.expect(200);
    grid.advance(3600).await;
    assert!(grid.control(Method::GET, "/clock", Value::Null).await.expect(200)["aheadSeconds"] == 3600);

    grid.control(Method::POST, "/reset", Value::Null).await.expect(204);
    let state = grid.control(Method::GET, "/state", Value::Null).await.expect(200);
    assert!(state.as_object().unwrap().values().all(|count| count == 0), "{state}");
    assert_eq!(grid.control(Method::GET, "/clock", Value::Null).await.expect(200)["aheadSeconds"], 0);
    assert_eq!(grid.control(Method::GET, "/requests", Value::Null).await.expect(200)["requests"], json!([]));
    assert_eq!(grid.get(&format!("/customers/{customer}")).await.error(404), "USER_NOT_FOUND");
    assert_eq!(grid.get("/config").await.expect(200)["isRegulatedFinancialInstitution"], false);
    assert_eq!(grid.create(individual("Jane Doe")).await["kycStatus"], "UNVERIFIED");
}
