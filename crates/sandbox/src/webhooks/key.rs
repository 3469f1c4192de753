//! The key that webhooks are signed with: ECDSA on P-256 over the SHA-256 of the body, DER, base64.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

const PEM_LINE: usize = 64;

pub(crate) struct SigningKey {
    pair: EcdsaKeyPair,
    public_pem: String,
}

impl SigningKey {
    pub(super) fn generate() -> Option<Self> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).ok()?;
        let der = pair.public_key().as_der().ok()?;
        let public_pem = pem(&BASE64_STANDARD.encode(der.as_ref()));
        Some(Self { pair, public_pem })
    }

    pub(crate) fn public_pem(&self) -> &str {
        &self.public_pem
    }

    /// The value of `X-Grid-Signature` for a body.
    pub(super) fn sign(&self, body: &[u8]) -> Option<String> {
        let signature = self.pair.sign(&SystemRandom::new(), body).ok()?;
        Some(json!({ "v": "1", "s": BASE64_STANDARD.encode(signature.as_ref()) }).to_string())
    }
}

fn pem(base64: &str) -> String {
    let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
    for (position, character) in base64.chars().enumerate() {
        if position > 0 && position.is_multiple_of(PEM_LINE) {
            pem.push('\n');
        }
        pem.push(character);
    }
    pem.push_str("\n-----END PUBLIC KEY-----\n");
    pem
}
