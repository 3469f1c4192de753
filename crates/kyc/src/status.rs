//! The statuses of customers and verifications. An unknown word is kept as it is, and counts as undecided.

use std::fmt;
use std::sync::Arc;

/// How many bytes are kept of an unknown word.
const MAX_WORD_BYTES: usize = 64;

macro_rules! status {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = ($word:literal, decision: $decision:literal)),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
            /// A word unknown here, as Grid said it (at most 64 bytes of it).
            Other(Arc<str>),
        }

        impl $name {
            /// Every word known here.
            pub const KNOWN: &'static [&'static str] = &[$($word),+];

            /// Reads Grid's word. Never fails.
            #[must_use]
            pub fn from_word(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)+
                    other => Self::Other(Arc::from(at_most(other, MAX_WORD_BYTES))),
                }
            }

            /// Grid's word.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other(word) => word,
                }
            }

            /// Whether it is a decision: approved or rejected.
            pub fn is_decision(&self) -> bool {
                match self {
                    $(Self::$variant => $decision,)+
                    Self::Other(_) => false,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

status! {
    /// The KYC status of an individual, or the KYB status of a business: one vocabulary.
    KycStatus {
        /// Nothing was submitted yet.
        Unverified = ("UNVERIFIED", decision: false),
        /// Submitted, undecided.
        Pending = ("PENDING", decision: false),
        /// May transact.
        Approved = ("APPROVED", decision: true),
        /// May not transact.
        Rejected = ("REJECTED", decision: true),
        /// Put on hold. Grid sends no webhook for it.
        Hold = ("HOLD", decision: false),
    }
}

status! {
    /// The status of a verification.
    VerificationStatus {
        /// Something is missing or wrong.
        ResolveErrors = ("RESOLVE_ERRORS", decision: false),
        /// Complete; a person reviews it.
        PendingManualReview = ("PENDING_MANUAL_REVIEW", decision: false),
        /// Complete; being verified.
        InProgress = ("IN_PROGRESS", decision: false),
        /// Complete; not submitted yet.
        ReadyForVerification = ("READY_FOR_VERIFICATION", decision: false),
        /// Verified.
        Approved = ("APPROVED", decision: true),
        /// Refused.
        Rejected = ("REJECTED", decision: true),
    }
}

/// The longest prefix of `text` with at most `limit` bytes that ends between characters.
pub(crate) fn at_most(text: &str, limit: usize) -> &str {
    let end = (0..=limit.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_words_round_trip_and_unknown_ones_are_kept() {
        for word in KycStatus::KNOWN {
            assert!(!matches!(KycStatus::from_word(word), KycStatus::Other(_)), "{word}");
            assert_eq!(KycStatus::from_word(word).as_str(), *word);
        }
        for word in VerificationStatus::KNOWN {
            assert_eq!(VerificationStatus::from_word(word).as_str(), *word);
        }
        assert_eq!(KycStatus::from_word("FROZEN").as_str(), "FROZEN");
        assert!(!KycStatus::from_word("FROZEN").is_decision());
    }

    #[test]
    fn an_endless_word_is_cut_between_characters() {
        let word = "é".repeat(100);
        assert_eq!(KycStatus::from_word(&word).as_str(), "é".repeat(32));
        assert_eq!(at_most("añ", 2), "a");
        assert_eq!(at_most("", 2), "");
    }
}
