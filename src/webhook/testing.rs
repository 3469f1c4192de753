//! Grid's side of a signature, for tests.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{HeaderMap, HeaderValue};

use super::keys::PublicKeys;
use super::signature::{Received, SIGNATURE_HEADER, Verified};

pub(super) struct Signer(EcdsaKeyPair);

impl Signer {
    pub(super) fn new(algorithm: &'static EcdsaSigningAlgorithm) -> Self {
        Self(EcdsaKeyPair::generate(algorithm).unwrap())
    }

    pub(super) fn p256() -> Self {
        Self::new(&ECDSA_P256_SHA256_ASN1_SIGNING)
    }

    pub(super) fn pem(&self) -> String {
        let spki = self.0.public_key().as_der().unwrap();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(spki.as_ref()))
    }

    pub(super) fn keys(&self) -> PublicKeys {
        PublicKeys::from_pem([self.pem().as_str()]).unwrap()
    }

    pub(super) fn der(&self, body: &[u8]) -> Vec<u8> {
        self.0.sign(&SystemRandom::new(), body).unwrap().as_ref().to_vec()
    }

    pub(super) fn base64(&self, body: &[u8]) -> String {
        STANDARD.encode(self.der(body))
    }

    /// A webhook with this body, signed and verified.
    pub(super) fn verified(&self, body: &[u8]) -> Verified {
        let mut headers = HeaderMap::new();
        headers.append(SIGNATURE_HEADER, HeaderValue::from_str(&self.base64(body)).unwrap());
        Received::new(&headers, Bytes::copy_from_slice(body)).unwrap().verify(&self.keys()).unwrap()
    }
}
