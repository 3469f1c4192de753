//! The words for how far a customer or a verification is. A word unknown here is kept, and is no decision.

use std::fmt;
use std::sync::Arc;

/// The most bytes that are kept of a word unknown here.
const MAX_WORD_BYTES: usize = 64;

macro_rules! status {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
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

            /// Takes Grid's word; never fails.
            #[must_use]
            pub fn from_word(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)+
                    other => Self::Other(Arc::from(at_most(other, MAX_WORD_BYTES))),
                }
            }

            /// Grid's word.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other(word) => word,
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
        Unverified = "UNVERIFIED",
        /// Submitted, undecided.
        Pending = "PENDING",
        /// Decided: may transact.
        Approved = "APPROVED",
        /// Decided: may not.
        Rejected = "REJECTED",
        /// Put on hold; no webhook says so.
        Hold = "HOLD",
    }
}

status! {
    /// How far a verification is.
    VerificationStatus {
        /// Something is missing or wrong.
        ResolveErrors = "RESOLVE_ERRORS",
        /// Complete; a person reviews it.
        PendingManualReview = "PENDING_MANUAL_REVIEW",
        /// Complete; being verified.
        InProgress = "IN_PROGRESS",
        /// Complete; not yet submitted.
        ReadyForVerification = "READY_FOR_VERIFICATION",
        /// Decided.
        Approved = "APPROVED",
        /// Decided.
        Rejected = "REJECTED",
    }
}

impl KycStatus {
    /// Whether it is a decision: approved or rejected.
    #[must_use]
    pub fn is_decision(&self) -> bool {
        match self {
            Self::Approved | Self::Rejected => true,
            Self::Unverified | Self::Pending | Self::Hold | Self::Other(_) => false,
        }
    }
}

impl VerificationStatus {
    /// Whether it is a decision: approved or rejected.
    #[must_use]
    pub fn is_decision(&self) -> bool {
        match self {
            Self::Approved | Self::Rejected => true,
            Self::ResolveErrors
            | Self::PendingManualReview
            | Self::InProgress
            | Self::ReadyForVerification
            | Self::Other(_) => false,
        }
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
