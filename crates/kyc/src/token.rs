//! Resume tokens: a position in the log, opaque to callers.
//!
//! A token names the log's epoch, a position, and the fingerprint of the event there, so that a token of another log is
//! recognized. It means the same on every replica. It is no secret: it names a position and no content.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::id::{Epoch, Fingerprint, Position};

/// The layout of the bytes: version, form, epoch (16), and for a mark position (8, big-endian) and fingerprint (8).
const VERSION: u8 = 1;
const FORM_MARK: u8 = 1;
const FORM_SNAPSHOT: u8 = 2;
/// No token of any version is longer; anything longer is not even decoded.
const MAX_TEXT_BYTES: usize = 256;

/// A position in a log, with the fingerprint of the event there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mark {
    /// The position.
    pub position: Position,
    /// Of the event at this position; [`Fingerprint::NONE`] at [`Position::START`].
    pub fingerprint: Fingerprint,
}

impl Mark {
    /// Before the first event of a log.
    pub const START: Self = Self { position: Position::START, fingerprint: Fingerprint::NONE };
}

/// A decoded resume token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResumeToken {
    /// Resume after this mark.
    After {
        /// The log's epoch.
        epoch: Epoch,
        /// Everything up to here was delivered or out of scope.
        mark: Mark,
    },
    /// The snapshot was not finished: start it again.
    Snapshot {
        /// The log's epoch.
        epoch: Epoch,
    },
}

/// Why a text is no resume token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages document the variants")]
pub enum InvalidToken {
    #[error("the resume token is malformed")]
    Malformed,
    #[error("the resume token has a version that this gridgate does not know")]
    UnknownVersion,
}

impl ResumeToken {
    /// The epoch of the log that made it.
    pub fn epoch(&self) -> Epoch {
        match self {
            Self::After { epoch, mark: _ } | Self::Snapshot { epoch } => *epoch,
        }
    }

    /// The text: 46 or 24 letters, digits, `-` and `_`.
    pub fn encode(&self) -> String {
        let (form, mark) = match self {
            Self::After { epoch: _, mark } => (FORM_MARK, Some(mark)),
            Self::Snapshot { epoch: _ } => (FORM_SNAPSHOT, None),
        };
        let mut bytes = Vec::with_capacity(34);
        bytes.extend([VERSION, form]);
        bytes.extend(self.epoch().as_uuid().as_bytes());
        if let Some(Mark { position, fingerprint }) = mark {
            bytes.extend(position.get().to_be_bytes());
            bytes.extend(fingerprint.to_bits().to_be_bytes());
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a token's text.
    ///
    /// # Errors
    /// The text is no token, or of an unknown version.
    pub fn parse(text: &str) -> Result<Self, InvalidToken> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(InvalidToken::Malformed);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidToken::Malformed)?;
        let (&[version, form], rest) = bytes.split_first_chunk().ok_or(InvalidToken::Malformed)?;
        if version != VERSION {
            return Err(InvalidToken::UnknownVersion);
        }
        let (epoch, rest) = rest.split_first_chunk().ok_or(InvalidToken::Malformed)?;
        let epoch = Epoch::from_uuid(Uuid::from_bytes(*epoch));
        match form {
            FORM_MARK => {
                let (position, rest) = rest.split_first_chunk().ok_or(InvalidToken::Malformed)?;
                let fingerprint = rest.try_into().map_err(|_| InvalidToken::Malformed)?;
                let position = u64::from_be_bytes(*position);
                if i64::try_from(position).is_err() {
                    return Err(InvalidToken::Malformed);
                }
                let fingerprint = Fingerprint::from_bits(u64::from_be_bytes(fingerprint));
                Ok(Self::After { epoch, mark: Mark { position: Position::new(position), fingerprint } })
            }
            FORM_SNAPSHOT if rest.is_empty() => Ok(Self::Snapshot { epoch }),
            FORM_SNAPSHOT => Err(InvalidToken::Malformed),
            _ => Err(InvalidToken::UnknownVersion),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token() -> impl Strategy<Value = ResumeToken> {
        let epoch = any::<u128>().prop_map(|bits| Epoch::from_uuid(Uuid::from_u128(bits)));
        (epoch, 0..=i64::MAX.unsigned_abs(), any::<u64>(), any::<bool>()).prop_map(
            |(epoch, position, bits, snapshot)| {
                if snapshot {
                    ResumeToken::Snapshot { epoch }
                } else {
                    let mark = Mark { position: Position::new(position), fingerprint: Fingerprint::from_bits(bits) };
                    ResumeToken::After { epoch, mark }
                }
            },
        )
    }

    proptest! {
        #[test]
        fn a_token_survives_its_text(token in token()) {
            let text = token.encode();
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
            prop_assert_eq!(ResumeToken::parse(&text), Ok(token));
        }

        #[test]
        fn no_text_is_read_as_a_token_that_would_be_written_otherwise(text in ".{0,64}|[A-Za-z0-9_-]{0,64}") {
            if let Ok(token) = ResumeToken::parse(&text) {
                prop_assert_eq!(token.encode(), text);
            }
        }

        #[test]
        fn a_token_cut_short_is_malformed(token in token(), keep in 0usize..46) {
            let text = token.encode();
            if keep < text.len() {
                prop_assert_eq!(ResumeToken::parse(&text[..keep]), Err(InvalidToken::Malformed));
            }
        }
    }

    #[test]
    fn what_is_no_token_says_why() {
        let token = ResumeToken::Snapshot { epoch: Epoch::random() };
        let mut bytes = URL_SAFE_NO_PAD.decode(token.encode()).unwrap();
        bytes[0] = 9;
        assert_eq!(ResumeToken::parse(&URL_SAFE_NO_PAD.encode(&bytes)), Err(InvalidToken::UnknownVersion));
        assert_eq!(ResumeToken::parse(""), Err(InvalidToken::Malformed));
        assert_eq!(ResumeToken::parse(&"A".repeat(1000)), Err(InvalidToken::Malformed));
    }
}
