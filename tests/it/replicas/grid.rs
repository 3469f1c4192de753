//! Grid, as far as it sends webhooks: signed, to any replica, and again until one of them has taken it.

use std::net::SocketAddr;
use std::time::Duration;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::json;

/// Its key, and its connections.
pub struct Grid {
    key: EcdsaKeyPair,
    http: reqwest::Client,
}

impl Grid {
    pub fn new() -> Self {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(15)).build().unwrap();
        Self { key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap(), http }
    }

    /// As the dashboard shows it.
    pub fn public_key(&self) -> String {
        let spki = STANDARD.encode(self.key.public_key().as_der().unwrap().as_ref());
        let lines: Vec<_> = spki.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }

    /// Sends a webhook; none when there is no answer.
    pub async fn send(&self, to: SocketAddr, body: &str) -> Option<u16> {
        let signature = self.key.sign(&SystemRandom::new(), body.as_bytes()).unwrap();
        let header = format!(r#"{{"v": "1", "s": "{}"}}"#, STANDARD.encode(signature.as_ref()));
        let request = self.http.post(format!("http://{to}/webhooks/grid")).header("X-Grid-Signature", header);
        let answer = request.header("Content-Type", "application/json").body(body.to_owned()).send().await.ok()?;
        Some(answer.status().as_u16())
    }
}

/// A customer's webhook number `step`, later than all before it.
pub fn webhook(customer: usize, step: usize, last: bool) -> (String, String) {
    let status = if last {
        "APPROVED"
    } else if step.is_multiple_of(2) {
        "PENDING"
    } else {
        "UNVERIFIED"
    };
    let id = format!("Webhook:{customer}-{step}");
    let at = Timestamp::from_second(1_790_000_000 + i64::try_from(step).unwrap()).unwrap().to_string();
    let body = json!({
        "id": id, "type": format!("CUSTOMER.KYC_{status}"), "timestamp": at,
        "data": {
            "id": format!("Customer:{customer}"), "platformCustomerId": format!("platform-{customer}"),
            "customerType": "INDIVIDUAL", "kycStatus": status, "updatedAt": at, "isDeleted": false,
        },
    });
    (id, body.to_string())
}
