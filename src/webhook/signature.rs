//! The signature: whether a body is Grid's.
//!
//! `X-Grid-Signature` is `{"v": "1", "s": "<base64>"}`, or the base64 alone: an ECDSA signature (P-256, SHA-256, DER) of
//! the body, byte for byte as it came (Grid's API, "Webhooks"). There is no time in it: that a webhook is not heard twice
//! is the log's business, by the webhook's id.
//!
//! The header is read as leniently as Grid's published sample reads it: a version that is a number, and base64 of either
//! alphabet, without its padding, or with line breaks. What it says is checked as strictly as ever.
//!
//! A webhook that came in is [`Received`]; only checking its signature makes it [`Verified`], and only that is parsed.

use std::borrow::Cow;
use std::fmt;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use super::keys::{KeyId, PublicKeys};

/// The header that carries the signature.
pub const SIGNATURE_HEADER: HeaderName = HeaderName::from_static("x-grid-signature");

/// The longest header that can be a signature; a real one has about 120 bytes.
const MAX_HEADER_BYTES: usize = 1024;
/// The lengths a P-256 signature can have in DER: two integers of 1 to 33 bytes each (RFC 3279, section 2.2.3).
const DER_BYTES: std::ops::RangeInclusive<usize> = 8..=72;
/// The base64 of the longest signature.
const MAX_BASE64_BYTES: usize = 96;

/// Base64 with or without its padding; [`Signature::from_base64`] brings the URL-safe alphabet into this one.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a webhook's signature does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum InvalidSignature {
    /// There is no signature header.
    #[error("the signature header is missing")]
    Missing,
    /// There is more than one, and nothing says which one counts.
    #[error("there is more than one signature header")]
    Several,
    /// The header is neither a signature of version 1 nor base64 of the length that a signature has.
    #[error("the signature header is malformed")]
    Malformed,
    /// The header is of a version that is not known here.
    #[error("the signature is of an unknown version")]
    UnknownVersion,
    /// None of the keys made this signature of this body.
    #[error("no active key made this signature of this body")]
    Mismatch,
}

/// A signature that has the right form. It says nothing yet.
#[derive(Clone)]
pub struct Signature {
    /// The DER bytes, the first `length` of them.
    der: [u8; *DER_BYTES.end()],
    length: usize,
}

#[derive(Deserialize)]
struct Versioned<'a> {
    v: Version,
    #[serde(borrow)]
    s: Cow<'a, str>,
}

/// A version: text as Grid documents it, or the number that its sample takes too.
#[derive(Deserialize)]
#[serde(untagged)]
enum Version {
    Text(String),
    Number(f64),
}

impl Version {
    fn is_known(&self) -> bool {
        match self {
            Version::Text(text) => text == "1",
            // Any way to write one, as JSON has it.
            Version::Number(number) => (number - 1.0).abs() < f64::EPSILON,
        }
    }
}

impl Signature {
    /// Reads the value of the signature header.
    ///
    /// # Errors
    /// [`InvalidSignature::Malformed`], [`InvalidSignature::UnknownVersion`].
    pub fn parse(header: &[u8]) -> Result<Self, InvalidSignature> {
        if header.len() > MAX_HEADER_BYTES {
            return Err(InvalidSignature::Malformed);
        }
        let text = std::str::from_utf8(header).map_err(|_| InvalidSignature::Malformed)?.trim();
        if !text.starts_with('{') {
            return Self::from_base64(text);
        }
        let Versioned { v, s } = serde_json::from_str(text).map_err(|_| InvalidSignature::Malformed)?;
        if v.is_known() { Self::from_base64(&s) } else { Err(InvalidSignature::UnknownVersion) }
    }

    /// The one signature header of a request.
    ///
    /// # Errors
    /// All of them but [`InvalidSignature::Mismatch`].
    pub fn of(headers: &HeaderMap) -> Result<Self, InvalidSignature> {
        Self::parse(the_one(headers)?.as_bytes())
    }

    fn from_base64(text: &str) -> Result<Self, InvalidSignature> {
        let standard = |byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            byte => byte,
        };
        // MIME's encoders break lines, and JSON can carry that.
        let base64: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).map(standard).collect();
        if base64.len() > MAX_BASE64_BYTES {
            return Err(InvalidSignature::Malformed);
        }
        let mut der = [0; *DER_BYTES.end()];
        let length = BASE64.decode_slice(base64, &mut der).map_err(|_| InvalidSignature::Malformed)?;
        if !DER_BYTES.contains(&length) {
            return Err(InvalidSignature::Malformed);
        }
        Ok(Self { der, length })
    }

    fn der(&self) -> &[u8] {
        self.der.get(..self.length).unwrap_or_default()
    }
}

fn the_one(headers: &HeaderMap) -> Result<&HeaderValue, InvalidSignature> {
    let mut values = headers.get_all(SIGNATURE_HEADER).iter();
    match (values.next(), values.next()) {
        (None, _) => Err(InvalidSignature::Missing),
        (Some(value), None) => Ok(value),
        (Some(_), Some(_)) => Err(InvalidSignature::Several),
    }
}

/// Whether one of `keys` made the signature in `header` of `body`, and which one. Hashes the body once, and changes
/// nothing.
///
/// # Errors
/// [`InvalidSignature::Malformed`], [`InvalidSignature::UnknownVersion`], [`InvalidSignature::Mismatch`].
pub fn verify(keys: &PublicKeys, header: &[u8], body: &[u8]) -> Result<KeyId, InvalidSignature> {
    matching_key(keys, &Signature::parse(header)?, body)
}

fn matching_key(keys: &PublicKeys, signature: &Signature, body: &[u8]) -> Result<KeyId, InvalidSignature> {
    let sha256 = digest::digest(&digest::SHA256, body);
    keys.which_signed(&sha256, signature.der()).ok_or(InvalidSignature::Mismatch)
}

/// A webhook as it came. Nobody knows yet who sent it.
#[derive(Clone)]
pub struct Received {
    signature: Signature,
    header: HeaderValue,
    content_type: Option<HeaderValue>,
    body: Bytes,
}

impl Received {
    /// What came: the request's headers, and the body byte for byte.
    ///
    /// # Errors
    /// When there is no signature header that has the right form: see [`Signature::of`].
    pub fn new(headers: &HeaderMap, body: Bytes) -> Result<Self, InvalidSignature> {
        let header = the_one(headers)?.clone();
        let signature = Signature::parse(header.as_bytes())?;
        Ok(Self { signature, header, content_type: headers.get(CONTENT_TYPE).cloned(), body })
    }

    /// Checks the signature over the body as it came.
    ///
    /// # Errors
    /// [`InvalidSignature::Mismatch`].
    pub fn verify(self, keys: &PublicKeys) -> Result<Verified, InvalidSignature> {
        let key = matching_key(keys, &self.signature, &self.body)?;
        let Self { signature: _, header, content_type, body } = self;
        Ok(Verified { key, header, content_type, body })
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received").field("body_bytes", &self.body.len()).finish_non_exhaustive()
    }
}

/// A webhook that Grid sent, certainly. Only [`Received::verify`] makes one.
#[derive(Clone)]
pub struct Verified {
    key: KeyId,
    header: HeaderValue,
    content_type: Option<HeaderValue>,
    body: Bytes,
}

impl Verified {
    /// The key that signed it.
    #[must_use]
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// The signature header as it came.
    #[must_use]
    pub fn signature(&self) -> &HeaderValue {
        &self.header
    }

    /// The content type as it came.
    #[must_use]
    pub fn content_type(&self) -> Option<&HeaderValue> {
        self.content_type.as_ref()
    }

    /// The body as it came.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("key", &self.key.to_string())
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
