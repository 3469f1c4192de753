//! Grid's public keys: which signatures count.
//!
//! Several can be active at once, so that a key can be rotated without a moment in which webhooks are refused.

use std::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ParsedPublicKey};
use rustls::pki_types::alg_id;

use crate::pem::{self, Block, Label, PemError};
use crate::small_file::BYTE_ORDER_MARK;

/// A key's short name for logs: the beginning of the SHA-256 of its SPKI, in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; 6]);

impl KeyId {
    fn of(spki: &[u8]) -> Self {
        let mut id = [0; 6];
        id.iter_mut().zip(digest::digest(&digest::SHA256, spki).as_ref()).for_each(|(to, from)| *to = *from);
        Self(id)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Why the keys cannot be used. No variant repeats what was given: it could be a private key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeys {
    /// There is no key at all.
    #[error("no public key is given")]
    None,
    /// There are more than can be tried for each webhook.
    #[error("{count} public keys are given; at most {} can be active at once", PublicKeys::MAX)]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// A key is invalid.
    #[error("public key {number}: {problem}")]
    Key {
        /// Which one, counted from 1 over everything that was given.
        number: usize,
        /// What is wrong with it.
        problem: KeyProblem,
    },
}

/// What is wrong with one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyProblem {
    /// There is no PEM in the text.
    #[error("has no PEM block; it must begin with -----BEGIN PUBLIC KEY-----")]
    NotPem,
    /// The line that the PEM should begin with is not written as it has to be.
    #[error("has a first line that is not -----BEGIN PUBLIC KEY-----")]
    Beginning,
    /// The PEM begins and does not end, or is not base64 inside.
    #[error("is broken PEM: its end line is missing, or what is between is not base64")]
    BrokenPem,
    /// It is a private key, which has no business here.
    #[error("is a private key; give the public one, and consider the private one known")]
    PrivateKey,
    /// It is a certificate.
    #[error("is a certificate; give the public key itself (SPKI, -----BEGIN PUBLIC KEY-----)")]
    Certificate,
    /// It is some other PEM block.
    #[error("is PEM of another kind; it must be a public key (SPKI, -----BEGIN PUBLIC KEY-----)")]
    OtherPem,
    /// It is a key for something else than ECDSA over P-256.
    #[error("is {0}; Grid signs with ECDSA over P-256")]
    OtherAlgorithm(&'static str),
    /// It is not a P-256 key that can be used: broken DER, an unknown algorithm, or a point off the curve.
    #[error("is not a valid P-256 public key")]
    NotP256,
}

/// Grid's public keys, at least one and at most [`PublicKeys::MAX`].
#[derive(Clone)]
pub struct PublicKeys(Vec<(KeyId, ParsedPublicKey)>);

impl PublicKeys {
    /// How many can be active at once. Each costs a verification for a webhook that none of them signed.
    pub const MAX: usize = 8;

    /// Takes keys as PEM (SPKI, `-----BEGIN PUBLIC KEY-----`); each text can hold several, with anything between them. Line
    /// breaks may be written as `\n`, as they are in environment variables. The same key given twice counts once.
    ///
    /// # Errors
    /// When there is no key, when there are too many, and when one of them is not a P-256 public key.
    pub fn from_pem<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidKeys> {
        let mut keys: Vec<(KeyId, ParsedPublicKey)> = Vec::new();
        let mut number = 0;
        for text in texts {
            let blocks = pem_blocks(text).map_err(|(at, problem)| InvalidKeys::Key { number: number + at, problem })?;
            for block in &blocks {
                number += 1;
                let key = spki(block).and_then(parse);
                let (id, key) = key.map_err(|problem| InvalidKeys::Key { number, problem })?;
                if keys.iter().all(|(known, _)| *known != id) {
                    keys.push((id, key));
                }
            }
        }
        match keys.len() {
            0 => Err(InvalidKeys::None),
            count if count > Self::MAX => Err(InvalidKeys::TooMany { count }),
            _ => Ok(Self(keys)),
        }
    }

    /// The keys' short names, in the order they are tried.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> {
        self.0.iter().map(|(id, _)| *id)
    }

    /// The key, if any, that made this DER signature of what has this SHA-256.
    pub(super) fn which_signed(&self, sha256: &digest::Digest, der: &[u8]) -> Option<KeyId> {
        self.0.iter().find(|(_, key)| key.verify_digest_sig(sha256, der).is_ok()).map(|(id, _)| *id)
    }
}

impl fmt::Debug for PublicKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids().map(|id| id.to_string())).finish()
    }
}

/// The PEM blocks of a text, none where it is blank; or which of them cannot be read, and why.
fn pem_blocks(text: &str) -> Result<Vec<Block>, (usize, KeyProblem)> {
    if text.trim_matches(|letter: char| letter.is_whitespace() || letter == BYTE_ORDER_MARK).is_empty() {
        return Ok(Vec::new());
    }
    let blocks = pem::blocks(text.as_bytes()).map_err(|error| match error {
        PemError::Beginning(number) => (number, KeyProblem::Beginning),
        PemError::NoEnd(number) | PemError::Broken(number) => (number, KeyProblem::BrokenPem),
        PemError::Encrypted(number) => (number, KeyProblem::PrivateKey),
        PemError::Kind { number, .. } => (number, KeyProblem::OtherPem),
        PemError::NoPem(_) | PemError::Der | PemError::Utf16 | PemError::Lacks { .. } | PemError::Keys(_) => {
            (1, KeyProblem::NotPem)
        }
    })?;
    if blocks.is_empty() { Err((1, KeyProblem::NotPem)) } else { Ok(blocks) }
}

fn spki(block: &Block) -> Result<&[u8], KeyProblem> {
    match block.label {
        Label::PublicKey => Ok(block.der()),
        label if label.is_private() => Err(KeyProblem::PrivateKey),
        Label::Certificate => Err(KeyProblem::Certificate),
        _ => Err(KeyProblem::OtherPem),
    }
}

fn parse(spki: &[u8]) -> Result<(KeyId, ParsedPublicKey), KeyProblem> {
    let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, spki);
    key.map(|key| (KeyId::of(spki), key)).map_err(|_| why_not(spki))
}

/// What else than a P-256 key it is, told by the algorithm identifier that an SPKI begins with (RFC 5280, section 4.1).
fn why_not(spki: &[u8]) -> KeyProblem {
    let others = [
        (alg_id::ECDSA_P384, "a P-384 key"),
        (alg_id::ECDSA_P521, "a P-521 key"),
        (alg_id::RSA_ENCRYPTION, "an RSA key"),
        (alg_id::ED25519, "an Ed25519 key"),
    ];
    let is = |id: &[u8]| spki.windows(id.len()).take(8).any(|window| window == id);
    let other = others.iter().find(|(id, _)| is(id.as_ref()));
    other.map_or(KeyProblem::NotP256, |(_, name)| KeyProblem::OtherAlgorithm(name))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
        Ed25519KeyPair, KeyPair as _,
    };
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn pem(label: &str, der: &[u8]) -> String {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
    }

    fn ec(algorithm: &'static EcdsaSigningAlgorithm) -> String {
        let pair = EcdsaKeyPair::generate(algorithm).unwrap();
        pem("PUBLIC KEY", pair.public_key().as_der().unwrap().as_ref())
    }

    fn problem(text: &str) -> KeyProblem {
        match PublicKeys::from_pem([text]) {
            Err(InvalidKeys::Key { number: 1, problem }) => problem,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn several_keys_come_from_one_text_or_from_many_and_each_counts_once() {
        let (one, two) = (ec(&ECDSA_P256_SHA256_ASN1_SIGNING), ec(&ECDSA_P256_SHA256_ASN1_SIGNING));
        let both = format!("{one}\n{two}");
        assert_eq!(PublicKeys::from_pem([both.as_str()]).unwrap().ids().count(), 2);
        assert_eq!(PublicKeys::from_pem([one.as_str(), two.as_str(), one.as_str()]).unwrap().ids().count(), 2);
        let escaped = one.replace('\n', "\\n");
        assert_eq!(PublicKeys::from_pem([escaped.as_str()]).unwrap().ids().count(), 1);
        let windows = one.replace('\n', "\r\n");
        assert_eq!(PublicKeys::from_pem([windows.as_str()]).unwrap().ids().count(), 1);
    }

    #[test]
    fn keys_are_read_however_they_were_pasted() {
        let (one, two) = (ec(&ECDSA_P256_SHA256_ASN1_SIGNING), ec(&ECDSA_P256_SHA256_ASN1_SIGNING));
        let count = |text: String| PublicKeys::from_pem([text.as_str()]).map(|keys| keys.ids().count());
        let (first, second) = (one.trim_end(), two.trim_end());
        for between in [
            "",
            "\n",
            ",",
            ", ",
            ";",
            " ",
            "\t",
            "\u{feff}",
            "\n\u{feff}",
            "\\n",
            "\"\n\"",
            "\r\n",
            "\n# the new one\n",
        ] {
            assert_eq!(count(format!("{first}{between}{second}")), Ok(2), "{between:?}");
        }
        let indented: String = two.lines().map(|line| format!("    {line}\n")).collect();
        assert_eq!(count(format!("{one}{indented}")), Ok(2));
        assert_eq!(count(format!("{one}\"{second}\"")), Ok(2));
        for single in [
            format!("\u{feff}{one}"),
            format!("\"{first}\""),
            format!("'{first}'"),
            indented,
            one.replace('\n', "\r\n"),
            one.replace('\n', "\\n"),
            one.replace('\n', "\\r\\n"),
            one.replace('\n', " "),
            one.replace('\n', "\r"),
            format!("\"{}\"", first.replace('\n', "\\n")),
            format!("{first}\\n"),
        ] {
            assert_eq!(count(single.clone()), Ok(1), "{single:?}");
        }
    }

    #[test]
    fn a_block_that_cannot_be_read_is_named_and_never_left_out() {
        let (one, two) = (ec(&ECDSA_P256_SHA256_ASN1_SIGNING), ec(&ECDSA_P256_SHA256_ASN1_SIGNING));
        for (broken, expected) in [
            (two.replace("-----BEGIN", "----BEGIN"), KeyProblem::Beginning),
            (two.replace("-----BEGIN", "\u{2014}\u{2014}BEGIN"), KeyProblem::Beginning),
            (two.replace("-----BEGIN", "------BEGIN"), KeyProblem::Beginning),
            (two.replace("-----BEGIN PUBLIC KEY-----", "-----begin public key-----"), KeyProblem::Beginning),
            (two.replace("-----BEGIN PUBLIC KEY-----\n", ""), KeyProblem::Beginning),
            (two.replace("-----END PUBLIC KEY-----\n", ""), KeyProblem::BrokenPem),
            (two.replace("-----END PUBLIC KEY-----", "-----END PUBLIC KEY----"), KeyProblem::BrokenPem),
            (two.replace("END PUBLIC", "END PRIVATE"), KeyProblem::BrokenPem),
            (two.replace("\nMF", "\n>MF"), KeyProblem::BrokenPem),
            (pem("RSA PUBLIC KEY", b"x"), KeyProblem::OtherPem),
            (pem("ENCRYPTED PRIVATE KEY", b"x"), KeyProblem::PrivateKey),
        ] {
            let error = PublicKeys::from_pem([format!("{one}{broken}").as_str()]).unwrap_err();
            assert_eq!(error, InvalidKeys::Key { number: 2, problem: expected }, "{broken}");
        }
        // What comes before is counted over every text, and the last block may be the good one.
        let headless = one.replace("-----BEGIN PUBLIC KEY-----\n", "");
        let error = PublicKeys::from_pem([one.as_str(), &format!("{headless}{two}")]).unwrap_err();
        assert_eq!(error, InvalidKeys::Key { number: 2, problem: KeyProblem::Beginning });
    }

    #[test]
    fn what_is_no_key_says_what_it_is() {
        let p256 = ec(&ECDSA_P256_SHA256_ASN1_SIGNING);
        assert_eq!(problem("MFkwEwYHKoZIzj0CAQ"), KeyProblem::NotPem);
        assert_eq!(problem(p256.trim_end_matches("-----END PUBLIC KEY-----\n")), KeyProblem::BrokenPem);
        assert_eq!(problem(&p256.replace("\nMF", "\n!!")), KeyProblem::BrokenPem);
        assert_eq!(problem(&pem("PRIVATE KEY", b"secret")), KeyProblem::PrivateKey);
        assert_eq!(problem(&pem("EC PRIVATE KEY", b"secret")), KeyProblem::PrivateKey);
        assert_eq!(problem(&pem("CERTIFICATE", b"x")), KeyProblem::Certificate);
        assert_eq!(problem(&pem("PGP MESSAGE", b"x")), KeyProblem::OtherPem);
        assert_eq!(problem(&pem("PUBLIC KEY", b"x")), KeyProblem::NotP256);
        let p384 = ec(&ECDSA_P384_SHA384_ASN1_SIGNING);
        assert_eq!(problem(&p384), KeyProblem::OtherAlgorithm("a P-384 key"));
        let ed25519 = Ed25519KeyPair::generate().unwrap();
        let ed25519 = pem("PUBLIC KEY", ed25519.public_key().as_der().unwrap().as_ref());
        assert_eq!(problem(&ed25519), KeyProblem::OtherAlgorithm("an Ed25519 key"));
    }

    #[test]
    fn the_point_has_to_be_on_the_curve() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let mut spki = pair.public_key().as_der().unwrap().as_ref().to_vec();
        *spki.last_mut().unwrap() ^= 1;
        assert_eq!(problem(&pem("PUBLIC KEY", &spki)), KeyProblem::NotP256);
    }

    #[test]
    fn the_second_key_is_named_and_none_or_too_many_are_refused() {
        let good = ec(&ECDSA_P256_SHA256_ASN1_SIGNING);
        let error = PublicKeys::from_pem([good.as_str(), "nonsense"]).unwrap_err();
        assert_eq!(error.to_string(), "public key 2: has no PEM block; it must begin with -----BEGIN PUBLIC KEY-----");
        assert_eq!(PublicKeys::from_pem([]).unwrap_err(), InvalidKeys::None);
        assert_eq!(PublicKeys::from_pem(["", " \n"]).unwrap_err(), InvalidKeys::None);
        let many: Vec<_> = (0..9).map(|_| ec(&ECDSA_P256_SHA256_ASN1_SIGNING)).collect();
        let error = PublicKeys::from_pem(many.iter().map(String::as_str)).unwrap_err();
        assert_eq!(error, InvalidKeys::TooMany { count: 9 });
    }
}
