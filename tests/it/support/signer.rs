//! Grid, as far as it signs webhooks: a key, and signatures of whatever a test has to send.

use std::net::SocketAddr;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::soon;

pub struct Signer(EcdsaKeyPair);

impl Signer {
    pub fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap())
    }

    /// SPKI, PEM.
    pub fn public_key(&self) -> String {
        let spki = STANDARD.encode(self.0.public_key().as_der().unwrap().as_ref());
        format!("-----BEGIN PUBLIC KEY-----\n{spki}\n-----END PUBLIC KEY-----\n")
    }

    /// The value of `X-Grid-Signature`.
    pub fn signature(&self, body: &[u8]) -> String {
        let der = self.0.sign(&SystemRandom::new(), body).unwrap();
        format!(r#"{{"v": "1", "s": "{}"}}"#, STANDARD.encode(der.as_ref()))
    }

    /// Sends a signed webhook to a door, and says the answer's status and body.
    pub async fn deliver(&self, door: SocketAddr, body: impl Into<Vec<u8>>) -> (u16, String) {
        let body = body.into();
        let request = reqwest::Client::new()
            .post(format!("http://{door}/webhooks/grid"))
            .header("x-grid-signature", self.signature(&body))
            .body(body);
        let response = soon("an answer", request.send()).await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }
}
