//! Bearer tokens: made by gridgate, kept by callers, known to the policy by their hash.
//!
//! The hash is one round of SHA-256, without salt. Passwords need slow hashes because they
//! can be guessed; a token has 256 random bits, so guessing is infeasible even with a fast hash. A slow hash would delay
//! every call, and unauthenticated clients could use it to exhaust the CPU. (The same choice as GitHub's and crates.io's tokens.)

use aws_lc_rs::{constant_time, digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use std::fmt::{self, Write as _};

/// What every token begins with, so that a scanner of repositories and logs can tell one.
const PREFIX: &str = "gridgate_";
/// Random bytes of a token.
const RANDOM: usize = 32;
/// What the text of a hash begins with.
const HASH_PREFIX: &str = "sha256:";

/// The SHA-256 of a token: what the policy holds in its place.
#[derive(Clone, Copy)]
pub struct TokenHash([u8; 32]);

/// The text is no hash of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no hash of a token: write sha256: and 64 hexadecimal digits, as `gridgate token` prints it")]
pub struct InvalidTokenHash;

impl TokenHash {
    /// The hash of a token as a caller sent it.
    #[must_use]
    pub fn of(token: &[u8]) -> TokenHash {
        let mut hash = [0; 32];
        for (byte, digested) in hash.iter_mut().zip(digest::digest(&digest::SHA256, token).as_ref()) {
            *byte = *digested;
        }
        TokenHash(hash)
    }

    /// Reads `sha256:` and 64 hexadecimal digits.
    ///
    /// # Errors
    /// It is anything else.
    pub fn parse(text: &str) -> Result<TokenHash, InvalidTokenHash> {
        let hex = text.strip_prefix(HASH_PREFIX).ok_or(InvalidTokenHash)?;
        let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
        let mut hash = [0; 32];
        if !rest.is_empty() || pairs.len() != hash.len() {
            return Err(InvalidTokenHash);
        }
        for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(TokenHash(hash))
    }
}

fn digit(byte: u8) -> Result<u8, InvalidTokenHash> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or(InvalidTokenHash)
}

/// In constant time: how much of two hashes agrees can't be measured.
impl PartialEq for TokenHash {
    fn eq(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Eq for TokenHash {}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HASH_PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Omits the hash: it is not secret, but does not belong in a log.
impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

/// A new token. Its text is shown once, to the operator who created it, and not stored.
#[derive(Debug)]
pub struct NewToken {
    token: SecretString,
    hash: TokenHash,
}

/// The system gives no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct NoRandomness;

impl NewToken {
    /// Makes one: `gridgate_` and 256 random bits in base64url (RFC 4648, section 5).
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn generate() -> Result<NewToken, NoRandomness> {
        let mut random = [0; RANDOM];
        rand::fill(&mut random).map_err(|_| NoRandomness)?;
        let mut text = PREFIX.to_owned();
        // Writing to a string does not fail.
        let _ = write!(text, "{}", URL_SAFE_NO_PAD.encode(random));
        let hash = TokenHash::of(text.as_bytes());
        Ok(NewToken { token: SecretString::from(text), hash })
    }

    /// The token itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.token.expose_secret()
    }

    /// What the policy holds of it.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        self.hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_hash_is_what_sha256sum_says() {
        // printf abc | sha256sum
        let expected = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(TokenHash::of(b"abc").to_string(), expected);
        assert_eq!(TokenHash::parse(expected), Ok(TokenHash::of(b"abc")));
        assert_eq!(TokenHash::parse(&expected.to_uppercase().replace("SHA", "sha")), Ok(TokenHash::of(b"abc")));
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        let hash = TokenHash::of(b"abc").to_string();
        for text in ["", "sha256:", &hash[7..], &hash[..70], &format!("{hash}0"), &hash.replace('a', "g"), "gridgate_x"]
        {
            assert_eq!(TokenHash::parse(text), Err(InvalidTokenHash), "{text:?}");
        }
        assert!(!format!("{:?}", TokenHash::of(b"abc")).contains("ba78"));
    }

    #[test]
    fn tokens_are_long_and_never_the_same() {
        let (one, two) = (NewToken::generate().unwrap(), NewToken::generate().unwrap());
        assert_ne!(one.expose(), two.expose());
        assert_eq!(one.expose().len(), PREFIX.len() + 43);
        assert!(one.expose().starts_with("gridgate_"));
        assert_eq!(TokenHash::of(one.expose().as_bytes()), one.hash());
        assert!(!format!("{one:?}").contains(one.expose()));
    }

    proptest! {
        #[test]
        fn hashes_are_written_and_read(token in any::<Vec<u8>>()) {
            let hash = TokenHash::of(&token);
            prop_assert_eq!(TokenHash::parse(&hash.to_string()), Ok(hash));
        }
    }
}
