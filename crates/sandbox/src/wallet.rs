//! Embedded wallets, as far as they matter here: changing the email address or phone number that a wallet's one-time
//! codes go to has to be signed by the wallet (OpenAPI, `PATCH /customers/{customerId}`).
//!
//! A signature is an "API-key stamp": base64url of a JSON object with the public key (hex), the scheme and the
//! signature (hex, DER) over the challenge's payload.

use std::collections::HashMap;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::GridError;

const SCHEME: &str = "SIGNATURE_SCHEME_TK_API_P256";

/// The most challenges that wait for a signature; beyond it the one that expires first goes.
const MAX_CHALLENGES: usize = 10_000;

/// A customer's embedded wallet. The sandbox holds its key and can sign with it, since there is no device.
pub(super) struct Wallet {
    /// Whether one-time codes go to the customer's email address.
    pub(super) email_otp: bool,
    /// Whether one-time codes go to the customer's phone.
    pub(super) sms_otp: bool,
    pub(super) sync_fails: bool,
    /// Changes with the set of credentials.
    pub(super) generation: u64,
    key: EcdsaKeyPair,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stamp {
    public_key: String,
    scheme: String,
    signature: String,
}

impl Wallet {
    pub(super) fn new(email_otp: bool, sms_otp: bool, sync_fails: bool, generation: u64) -> Option<Self> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).ok()?;
        Some(Self { email_otp, sms_otp, sync_fails, generation, key })
    }

    /// The stamp over a payload, as the customer's device would make it.
    pub(super) fn sign(&self, payload: &str) -> Option<String> {
        let signature = self.key.sign(&SystemRandom::new(), payload.as_bytes()).ok()?;
        let stamp = Stamp {
            public_key: to_hex(self.key.public_key().as_ref()),
            scheme: SCHEME.to_owned(),
            signature: to_hex(signature.as_ref()),
        };
        Some(BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&stamp).ok()?))
    }

    fn signed(&self, stamp: &Stamp, payload: &str) -> bool {
        let own_key = from_hex(&stamp.public_key).is_some_and(|key| key == self.key.public_key().as_ref());
        let Some(signature) = from_hex(&stamp.signature) else { return false };
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, self.key.public_key().as_ref());
        own_key && key.verify(payload.as_bytes(), &signature).is_ok()
    }
}

/// A change that waits for the wallet's signature.
pub(super) struct Challenge {
    pub(super) customer_id: String,
    /// The body of the first request, which the signed one has to repeat.
    pub(super) body: Map<String, Value>,
    pub(super) payload: String,
    pub(super) expires_at: Timestamp,
    /// The wallet's credentials when the challenge was issued.
    pub(super) generation: u64,
}

#[derive(Default)]
pub(super) struct Challenges {
    waiting: HashMap<String, Challenge>,
}

impl Challenges {
    pub(super) fn insert(&mut self, request_id: String, challenge: Challenge, now: Timestamp) {
        if self.waiting.len() >= MAX_CHALLENGES {
            self.waiting.retain(|_, challenge| challenge.expires_at > now);
        }
        if self.waiting.len() >= MAX_CHALLENGES {
            let first = self.waiting.iter().min_by_key(|(_, challenge)| challenge.expires_at).map(|(id, _)| id.clone());
            first.and_then(|id| self.waiting.remove(&id));
        }
        self.waiting.insert(request_id, challenge);
    }

    pub(super) fn remove(&mut self, request_id: &str) {
        self.waiting.remove(request_id);
    }

    pub(super) fn check(
        &self,
        wallet: &Wallet,
        customer_id: &str,
        body: &Map<String, Value>,
        signed: Signed<'_>,
        now: Timestamp,
    ) -> Result<(), GridError> {
        let refused = |code, message: &str| Err(GridError::unauthorized(code, message));
        let stamp = match (signed.signature, signed.request_id) {
            (None, _) => {
                return refused("WALLET_SIGNATURE_MISSING", "The Grid-Wallet-Signature header is required");
            }
            (Some(_), None) => return refused("REQUEST_ID_MISSING", "The Request-Id header is required"),
            (Some(text), Some(_)) => text,
        };
        let Some(stamp) = read_stamp(stamp) else {
            return refused("WALLET_SIGNATURE_MALFORMED", "The Grid-Wallet-Signature header could not be parsed");
        };
        let challenge = signed
            .request_id
            .and_then(|id| self.waiting.get(id))
            .filter(|challenge| challenge.customer_id == customer_id && challenge.expires_at > now);
        let Some(challenge) = challenge else {
            return refused("WALLET_SIGNATURE_INVALID", "The Request-Id does not match an unexpired pending challenge");
        };
        if challenge.body != *body {
            return refused("WALLET_SIGNATURE_BODY_MISMATCH", "The body differs from the one of the initial request");
        }
        if !wallet.signed(&stamp, &challenge.payload) {
            return refused("WALLET_SIGNATURE_INVALID", "The Grid-Wallet-Signature failed verification");
        }
        if challenge.generation != wallet.generation {
            let message = "The tied credential set changed after the challenge was issued";
            return Err(GridError::conflict_code("EMAIL_OTP_CREDENTIAL_SET_CHANGED", message));
        }
        if wallet.sync_fails { Err(GridError::credential_sync_failed()) } else { Ok(()) }
    }
}

/// The headers of a signed repetition.
#[derive(Clone, Copy)]
pub(super) struct Signed<'a> {
    pub(super) signature: Option<&'a str>,
    pub(super) request_id: Option<&'a str>,
}

fn read_stamp(text: &str) -> Option<Stamp> {
    let json = BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?;
    let stamp: Stamp = serde_json::from_slice(&json).ok()?;
    let hex = from_hex(&stamp.public_key).is_some() && from_hex(&stamp.signature).is_some();
    (stamp.scheme == SCHEME && hex).then_some(stamp)
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_bytes().chunks_exact(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::{Wallet, from_hex, read_stamp, to_hex};

    #[test]
    fn a_wallet_recognizes_its_own_stamp_and_no_other() {
        let wallet = Wallet::new(true, false, false, 1).unwrap();
        let other = Wallet::new(true, false, false, 1).unwrap();
        let stamp = read_stamp(&wallet.sign("payload").unwrap()).unwrap();
        assert!(wallet.signed(&stamp, "payload"));
        assert!(!wallet.signed(&stamp, "another payload"));
        assert!(!other.signed(&stamp, "payload"));
    }

    #[test]
    fn what_is_no_stamp_is_not_read() {
        for text in
            ["", "%%%", "e30", "bm90IGpzb24", "eyJwdWJsaWNLZXkiOiIwMiIsInNjaGVtZSI6IngiLCJzaWduYXR1cmUiOiIzMCJ9"]
        {
            assert!(read_stamp(text).is_none(), "{text}");
        }
        assert_eq!(from_hex(&to_hex(&[0, 127, 255])), Some(vec![0, 127, 255]));
        assert_eq!(from_hex("0"), None);
        assert_eq!(from_hex("zz"), None);
    }
}
