//! Vocabularies that Grid may extend at any time.

/// Declares an enum of Grid's words that keeps a word it does not know as `Other` instead of failing.
macro_rules! open_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
            /// A word that this version of gridgate does not know, as Grid sent it.
            Other(String),
        }

        impl $name {
            /// Every word known here, in Grid's order.
            pub const KNOWN: &'static [&'static str] = &[$($word),+];

            /// Grid's own word.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)+
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        /// No word at all: what is made of an answer that leaves it out.
        impl Default for $name {
            fn default() -> Self {
                Self::Other(String::new())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                let word = Self::from(word.as_ref());
                if let Self::Other(_) = word {
                    $crate::grid::model::open_enum::note_unknown_word(stringify!($name));
                }
                Ok(word)
            }
        }
    };
}

pub(super) use open_enum;

use std::cell::RefCell;

thread_local! {
    /// The vocabularies of unknown words that were read on this thread, while somebody counts them.
    static UNKNOWN: RefCell<Option<Vec<&'static str>>> = const { RefCell::new(None) };
}

/// Reads something, and says afterwards of each word that is not known which vocabulary it should have been of.
///
/// What deserializes a word has nobody to tell: it is called by serde, deep inside. It does not wait either, so what it
/// notes on its thread is what was read here.
pub(in crate::grid) fn counting_unknown_words<T>(mut tell: impl FnMut(&'static str), read: impl FnOnce() -> T) -> T {
    UNKNOWN.set(Some(Vec::new()));
    let read = read();
    UNKNOWN.take().into_iter().flatten().for_each(&mut tell);
    read
}

/// Notes, while words are counted, that one of this vocabulary is not known.
pub(in crate::grid) fn note_unknown_word(vocabulary: &'static str) {
    UNKNOWN.with_borrow_mut(|unknown| {
        if let Some(unknown) = unknown {
            unknown.push(vocabulary);
        }
    });
}
