//! `PATCH /customers/{id}`, with and without a wallet's signature.

use reqwest::Method;
use serde_json::{Value, json};

use super::harness::{Answer, Grid, address, business, id, individual, send, with};

#[tokio::test]
async fn only_what_is_present_changes() {
    let grid = Grid::start().await;
    let created = grid.create(with(individual("Jane Doe 001"), &json!({ "currencies": ["USD"] }))).await;
    let path = format!("/customers/{}", id(&created));
    let change = json!({ "customerType": "INDIVIDUAL", "fullName": "John Smith", "currencies": [] });
    let changed = grid.patch(&path, change.clone()).await.expect(200);
    assert!(changed["updatedAt"].as_str() > created["updatedAt"].as_str());
    let expected = with(created, &change);
    assert_eq!(changed, with(expected, &json!({ "updatedAt": changed["updatedAt"] })));
    assert_eq!(changed["kycStatus"], "UNVERIFIED", "a new name decides nothing");
    assert_eq!(grid.get(&path).await.expect(200), changed);
}

#[tokio::test]
async fn business_information_is_merged_and_an_address_comes_whole() {
    let grid = Grid::start().await;
    let created = grid.create(business("5523041")).await;
    let path = format!("/customers/{}", id(&created));
    let change = json!({
        "customerType": "BUSINESS",
        "businessInfo": { "legalName": "New Tech Solutions LLC", "taxId": "EIN-123456789" },
        "address": { "line1": "1 Way", "postalCode": "98004", "country": "US" },
    });
    let changed = grid.patch(&path, change.clone()).await.expect(200);
    assert_eq!(changed["businessInfo"], with(created["businessInfo"].clone(), &change["businessInfo"]));
    assert_eq!(changed["address"], change["address"]);
}

#[tokio::test]
async fn a_bad_update_changes_nothing() {
    let grid = Grid::start().await;
    let created = grid.create(individual("Jane Doe 001")).await;
    let path = format!("/customers/{}", id(&created));
    for (change, fields) in [
        (json!({ "customerType": null, "fullName": "X Y" }), vec!["customerType"]),
        (json!({ "customerType": "BUSINESS" }), vec!["customerType"]),
        (json!({ "email": "a@example.com", "phoneNumber": "+14155551234" }), vec!["email", "phoneNumber"]),
        (json!({ "email": "x", "address": { "line1": "1" } }), vec!["address.country", "address.postalCode", "email"]),
        (json!({ "purposeOfAccount": "OTHER" }), vec!["purposeOfAccountOtherDescription"]),
        (json!({ "countryOfIssuance": "DE", "idType": "EIN" }), vec!["countryOfIssuance", "idType"]),
    ] {
        let answer = grid.patch(&path, with(json!({ "customerType": "INDIVIDUAL" }), &change)).await;
        assert_eq!(answer.bad_fields(), fields);
    }
    assert_eq!(grid.get(&path).await.expect(200), created);

    // What was said before counts: a description that is there already is enough.
    let described = json!({ "customerType": "INDIVIDUAL", "purposeOfAccountOtherDescription": "Household" });
    grid.patch(&path, described).await.expect(200);
    let other = json!({ "customerType": "INDIVIDUAL", "purposeOfAccount": "OTHER" });
    grid.patch(&path, other).await.expect(200);
}

#[tokio::test]
async fn a_uma_address_moves_and_is_free_again() {
    let grid = Grid::start().await;
    let uma = |address: &str| json!({ "customerType": "INDIVIDUAL", "umaAddress": address });
    let first = grid.create_id(uma("$a@uma.example.com")).await;
    let second = grid.create_id(uma("$b@uma.example.com")).await;
    let path = format!("/customers/{first}");
    assert_eq!(grid.patch(&path, uma("$b@uma.example.com")).await.error(409), "UMA_ADDRESS_EXISTS");
    grid.patch(&path, uma("$a@uma.example.com")).await.expect(200);
    grid.patch(&path, uma("$c@uma.example.com")).await.expect(200);
    grid.patch(&format!("/customers/{second}"), uma("$a@uma.example.com")).await.expect(200);
}

/// A customer with an embedded wallet, and what it takes to change its email address.
struct Wallet<'a> {
    grid: &'a Grid,
    id: String,
}

impl<'a> Wallet<'a> {
    async fn tie(grid: &'a Grid, email: &str) -> Self {
        let body = json!({ "customerType": "INDIVIDUAL", "fullName": "Jane Doe", "email": email });
        let id = grid.create_id(body).await;
        let wallet = Self { grid, id };
        wallet.credentials(json!({ "emailOtp": true, "smsOtp": true })).await;
        wallet
    }

    async fn credentials(&self, credentials: Value) {
        let body = with(credentials, &json!({ "customerId": self.id }));
        self.grid.control(Method::POST, "/wallets", body).await.expect(204);
    }

    async fn patch(&self, body: &Value, signature: Option<&str>, request_id: Option<&str>) -> Answer {
        let mut request = self.grid.request(Method::PATCH, &format!("/customers/{}", self.id)).json(body);
        for (name, value) in [("Grid-Wallet-Signature", signature), ("Request-Id", request_id)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        send(request).await
    }

    /// The challenge to an update, and the wallet's signature of it.
    async fn challenge(&self, body: &Value) -> (String, String) {
        let challenge = self.patch(body, None, None).await.expect(202);
        let payload = challenge["payloadToSign"].as_str().unwrap();
        (challenge["requestId"].as_str().unwrap().to_owned(), self.sign(payload).await)
    }

    async fn sign(&self, payload: &str) -> String {
        let body = json!({ "customerId": self.id, "payloadToSign": payload });
        let stamp = self.grid.control(Method::POST, "/wallets/sign", body).await.expect(200);
        stamp["stamp"].as_str().unwrap().to_owned()
    }

    async fn email(&self) -> Value {
        self.grid.get(&format!("/customers/{}", self.id)).await.expect(200)["email"].clone()
    }
}

fn email(address: &str) -> Value {
    json!({ "customerType": "INDIVIDUAL", "email": address })
}

#[tokio::test]
async fn changing_where_a_wallets_codes_go_is_signed() {
    let grid = Grid::start().await;
    let wallet = Wallet::tie(&grid, "old@example.com").await;
    for body in [email("new@example.com"), json!({ "customerType": "INDIVIDUAL", "phoneNumber": "+14155559876" })] {
        let (request_id, signature) = wallet.challenge(&body).await;
        assert!(request_id.starts_with("Request:"));
        let changed = wallet.patch(&body, Some(&signature), Some(&request_id)).await.expect(200);
        assert_eq!(with(changed.clone(), &body), changed);
        assert_eq!(
            wallet.patch(&body, Some(&signature), Some(&request_id)).await.expect(200)["email"],
            "new@example.com",
            "nothing changes any more, so no signature is looked at"
        );
    }
    // Everything else is changed at once, whatever headers come along.
    let name = json!({ "customerType": "INDIVIDUAL", "fullName": "Jane Roe", "email": "new@example.com" });
    assert_eq!(wallet.patch(&name, Some("x"), None).await.expect(200)["fullName"], "Jane Roe");
}

#[tokio::test]
async fn each_way_to_sign_badly_has_its_code() {
    let grid = Grid::start().await;
    let wallet = Wallet::tie(&grid, "old@example.com").await;
    let other = Wallet::tie(&grid, "other@example.com").await;
    let body = email("new@example.com");
    let (request_id, signature) = wallet.challenge(&body).await;
    let foreign = other.sign("something else").await;
    let over_another_text = wallet.sign("something else").await;
    let unknown = "Request:019542f5-b3e7-1d02-0000-000000000010";
    let (other_request, other_signature) = other.challenge(&email("third@example.com")).await;
    for (sent, signature, request_id, code) in [
        (&body, None, Some(request_id.as_str()), "WALLET_SIGNATURE_MISSING"),
        (&body, Some(signature.as_str()), None, "REQUEST_ID_MISSING"),
        (&body, Some("%%%"), Some(request_id.as_str()), "WALLET_SIGNATURE_MALFORMED"),
        (&body, Some("e30"), Some(request_id.as_str()), "WALLET_SIGNATURE_MALFORMED"),
        (
            &email("x@example.com"),
            Some(signature.as_str()),
            Some(request_id.as_str()),
            "WALLET_SIGNATURE_BODY_MISMATCH",
        ),
        (&body, Some(foreign.as_str()), Some(request_id.as_str()), "WALLET_SIGNATURE_INVALID"),
        (&body, Some(over_another_text.as_str()), Some(request_id.as_str()), "WALLET_SIGNATURE_INVALID"),
        (&body, Some(signature.as_str()), Some(unknown), "WALLET_SIGNATURE_INVALID"),
        (&body, Some(other_signature.as_str()), Some(other_request.as_str()), "WALLET_SIGNATURE_INVALID"),
    ] {
        assert_eq!(wallet.patch(sent, signature, request_id).await.error(401), code);
    }
    assert_eq!(wallet.email().await, "old@example.com");
    grid.advance(301).await;
    let late = wallet.patch(&body, Some(&signature), Some(&request_id)).await;
    assert_eq!(late.error(401), "WALLET_SIGNATURE_INVALID", "the challenge has expired");
}

#[tokio::test]
async fn a_signed_update_can_conflict_or_fail_behind_grid() {
    let grid = Grid::start().await;
    let wallet = Wallet::tie(&grid, "old@example.com").await;
    Wallet::tie(&grid, "taken@example.com").await;
    let taken = wallet.patch(&email("taken@example.com"), None, None).await;
    assert_eq!(taken.error(409), "EMAIL_OTP_EMAIL_ALREADY_EXISTS");

    let body = email("new@example.com");
    let (request_id, signature) = wallet.challenge(&body).await;
    wallet.credentials(json!({ "emailOtp": true })).await;
    let changed = wallet.patch(&body, Some(&signature), Some(&request_id)).await;
    assert_eq!(changed.error(409), "EMAIL_OTP_CREDENTIAL_SET_CHANGED");

    wallet.credentials(json!({ "emailOtp": true, "syncFails": true })).await;
    let (request_id, signature) = wallet.challenge(&body).await;
    let failed = wallet.patch(&body, Some(&signature), Some(&request_id)).await;
    assert_eq!(failed.error(424), "EMAIL_OTP_CREDENTIAL_SYNC_FAILED");
    assert_eq!(wallet.email().await, "old@example.com", "all or nothing");

    // Without credentials that depend on it, the address is just a field.
    wallet.credentials(json!({})).await;
    assert_eq!(wallet.patch(&body, None, None).await.expect(200)["email"], "new@example.com");
}

#[tokio::test]
async fn a_new_contact_detail_has_to_be_verified_again() {
    let grid = Grid::start().await;
    let body = with(
        individual("Jane Doe 001"),
        &json!({
            "region": "DE", "email": "jane@example.com", "phoneNumber": "+4915112345678", "address": address(),
        }),
    );
    let path = format!("/customers/{}", grid.create_id(body).await);
    for channel in ["email", "phone"] {
        grid.post(&format!("{path}/verify-{channel}/confirm"), json!({ "code": "123456" })).await.expect(200);
    }
    let changed = grid.patch(&path, email("new@example.com")).await.expect(200);
    assert_eq!(changed["contactVerification"], json!({ "email": "PENDING", "phone": "VERIFIED" }));
}
