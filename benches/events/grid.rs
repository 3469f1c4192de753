//! Grid, as far as it signs webhooks.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::json;

pub struct Grid(EcdsaKeyPair);

/// The two statuses that a benchmark's customer goes through.
pub const STATUSES: [&str; 2] = ["PENDING", "APPROVED"];

impl Grid {
    pub fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap())
    }

    /// SPKI, PEM.
    pub fn public_key(&self) -> String {
        let spki = STANDARD.encode(self.0.public_key().as_der().unwrap().as_ref());
        format!("-----BEGIN PUBLIC KEY-----\n{spki}\n-----END PUBLIC KEY-----\n")
    }

    /// SPKI, DER.
    pub fn public_key_der(&self) -> Vec<u8> {
        self.0.public_key().as_der().unwrap().as_ref().to_vec()
    }

    pub fn sign(&self, body: &[u8]) -> Vec<u8> {
        self.0.sign(&SystemRandom::new(), body).unwrap().as_ref().to_vec()
    }

    /// A whole HTTP/1.1 request, signed: webhook number `number`, of the customer number `number / 2`, as long as Grid's own
    /// example of an individual.
    pub fn request(&self, number: usize) -> Bytes {
        self.signed(&body(number, number, STATUSES[number % 2]))
    }

    /// The same about webhook `of`'s customer, with its times and the other status: one of the two is not resolved until Grid is
    /// asked.
    pub fn contradiction(&self, number: usize, of: usize) -> Bytes {
        self.signed(&body(number, of, STATUSES[(of + 1) % 2]))
    }

    fn signed(&self, body: &str) -> Bytes {
        let signature = STANDARD.encode(self.sign(body.as_bytes()));
        let head = format!(
            "POST /webhooks/grid HTTP/1.1\r\nhost: gridgate\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             x-grid-signature: {{\"v\": \"1\", \"s\": \"{signature}\"}}\r\n\r\n",
            body.len()
        );
        Bytes::from([head.as_bytes(), body.as_bytes()].concat())
    }

    /// Many requests; signing them takes longer than checking them, so it is done before the clock runs.
    pub fn requests(&self, count: usize) -> Vec<Bytes> {
        (0..count).map(|number| self.request(number)).collect()
    }
}

pub fn customer(number: usize) -> String {
    format!("Customer:0197c3a1-0000-7000-8000-{number:012x}")
}

/// Webhook `number`, which says what happened in `of`.
fn body(number: usize, of: usize, status: &str) -> String {
    let time = jiff::Timestamp::from_second(1_784_000_000 + of as i64).unwrap();
    json!({
        "id": format!("Webhook:0197c3a2-0000-7000-8000-{number:012x}"),
        "type": format!("CUSTOMER.KYC_{status}"),
        "timestamp": time,
        "data": {
            "id": customer(of / 2), "platformCustomerId": format!("platform-{}", of / 2),
            "customerType": "INDIVIDUAL", "region": "US", "currencies": ["USD", "USDC"], "kycStatus": status,
            "umaAddress": "$jane.doe@uma.domain.com", "fullName": "Jane Marie Doe", "birthDate": "1990-01-15",
            "nationality": "US",
            "address": {
                "line1": "123 Main Street", "line2": "Apt 4B", "city": "San Francisco", "state": "CA",
                "postalCode": "94105", "country": "US",
            },
            "createdAt": "2026-07-21T17:32:28Z", "updatedAt": time, "isDeleted": false,
        },
    })
    .to_string()
}
