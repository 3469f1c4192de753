//! Verification of email and phone, where the region requires it.

use reqwest::Method;
use serde_json::{Value, json};

use super::harness::{Grid, business, id, send, with};

fn european(customer_type: &str) -> Value {
    json!({
        "customerType": customer_type, "region": "FR", "email": "jane@example.com", "phoneNumber": "+33612345678",
        "platformCustomerId": format!("p-{customer_type}"),
    })
}

#[tokio::test]
async fn each_channel_is_verified_once() {
    let grid = Grid::start().await;
    let created = grid.create(european("INDIVIDUAL")).await;
    assert_eq!(created["contactVerification"], json!({ "email": "PENDING", "phone": "PENDING" }));
    assert_eq!(created["currencies"], json!(["EUR"]));
    let path = format!("/customers/{}", id(&created));
    for (channel, after) in [
        ("email", json!({ "email": "VERIFIED", "phone": "PENDING" })),
        ("phone", json!({ "email": "VERIFIED", "phone": "VERIFIED" })),
    ] {
        let send_path = format!("{path}/verify-{channel}");
        let confirm_path = format!("{send_path}/confirm");
        for _ in 0..2 {
            assert_eq!(send(grid.request(Method::POST, &send_path)).await.expect(204), Value::Null);
        }
        assert_eq!(grid.post(&confirm_path, json!({ "code": "654321" })).await.bad_fields(), ["code"]);
        assert_eq!(grid.post(&confirm_path, json!({})).await.bad_fields(), ["code"]);
        assert_eq!(grid.post(&confirm_path, json!({ "code": 123_456 })).await.bad_fields(), ["code"]);

        let confirmed = grid.post(&confirm_path, json!({ "code": "123456" })).await.expect(200);
        assert_eq!(confirmed["contactVerification"], after);
        assert_eq!(confirmed["id"], created["id"]);
        assert!(confirmed.get("kycStatus").is_none(), "the base customer only");
        assert_eq!(grid.post(&confirm_path, json!({ "code": "123456" })).await.error(409), "CONFLICT");
        assert_eq!(send(grid.request(Method::POST, &send_path)).await.error(409), "CONFLICT");
    }
    let customer = grid.get(&path).await.expect(200);
    assert_eq!(customer["contactVerification"], json!({ "email": "VERIFIED", "phone": "VERIFIED" }));
    assert_eq!(customer["kycStatus"], "UNVERIFIED");
}

#[tokio::test]
async fn elsewhere_there_is_nothing_to_verify() {
    let grid = Grid::start().await;
    let body = with(european("INDIVIDUAL"), &json!({ "region": "US" }));
    let created = grid.create(body).await;
    assert!(created.get("contactVerification").is_none());
    let path = format!("/customers/{}/verify-email", id(&created));
    assert_eq!(send(grid.request(Method::POST, &path)).await.error(409), "CONFLICT");
    let confirmed = grid.post(&format!("{path}/confirm"), json!({ "code": "123456" })).await;
    assert_eq!(confirmed.error(409), "CONFLICT");
}

#[tokio::test]
async fn a_business_names_its_contact() {
    let grid = Grid::start().await;
    let body = with(business("BRN-001"), &european("BUSINESS"));
    let answer = grid.post("/customers", body.clone()).await;
    assert_eq!(answer.error(400), "MISSING_MANDATORY_USER_INFO");
    assert_eq!(answer.bad_fields(), ["businessInfo.primaryContactFirstName", "businessInfo.primaryContactLastName"]);
    let contact = json!({ "businessInfo": { "primaryContactFirstName": "Jane", "primaryContactLastName": "Smith" } });
    let created = grid.create(with(body, &contact)).await;
    assert_eq!(created["contactVerification"]["phone"], "PENDING");
    let confirmed = grid
        .post(&format!("/customers/{}/verify-phone/confirm", id(&created)), json!({ "code": "123456" }))
        .await
        .expect(200);
    assert!(confirmed.get("businessInfo").is_none() && confirmed.get("kybStatus").is_none());
}
