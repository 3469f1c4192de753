//! Grid's side of a signature, for the targets that need one. The key is new in each run.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gridgate::webhook::PublicKeys;

/// Signs as Grid does.
pub struct Grid {
    pair: EcdsaKeyPair,
    /// What its signatures are checked with.
    pub keys: PublicKeys,
}

impl Grid {
    /// With a key of its own.
    #[must_use]
    pub fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
        let spki = STANDARD.encode(pair.public_key().as_der().expect("SPKI").as_ref());
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{spki}\n-----END PUBLIC KEY-----\n");
        let keys = PublicKeys::from_pem([pem.as_str()]).expect("a P-256 key");
        Self { pair, keys }
    }

    /// The signature of a body: DER, base64.
    #[must_use]
    pub fn sign(&self, body: &[u8]) -> String {
        STANDARD.encode(self.pair.sign(&SystemRandom::new(), body).expect("a signature"))
    }
}

impl Default for Grid {
    fn default() -> Self {
        Self::new()
    }
}
