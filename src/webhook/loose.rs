//! JSON values of any type, of which only one type is kept.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A JSON value: a text or a truth value is kept, anything else is known to be something else, and never fails what it
/// is a part of. A missing one is [`Loose::Nothing`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Loose<'a> {
    /// Absent, or `null`.
    #[default]
    Nothing,
    Text(Cow<'a, str>),
    Truth(bool),
    /// A number, a list or an object.
    Other,
}

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Loose<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Loose::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Loose::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
                Ok(Loose::Truth(truth))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Loose::Nothing)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Loose::Other)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Loose::Other)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Loose::Other)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Loose::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
                while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Loose::Other)
            }
        }

        deserializer.deserialize_any(Any)
    }
}

/// Whether the text of a JSON value is that of an object. (serde would take a list for a struct, too.)
pub(super) fn is_object(json: &str) -> bool {
    json.trim_ascii_start().starts_with('{')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_taken() {
        for (json, expected) in [
            ("null", Loose::Nothing),
            ("true", Loose::Truth(true)),
            (r#""a""#, Loose::Text("a".into())),
            (r#""\u0061""#, Loose::Text("a".into())),
            ("1", Loose::Other),
            ("-1", Loose::Other),
            ("1.5", Loose::Other),
            (r#"[[["a"]],{}]"#, Loose::Other),
            (r#"{"a":{"b":[1]}}"#, Loose::Other),
        ] {
            assert_eq!(serde_json::from_str::<Loose<'_>>(json).unwrap(), expected, "{json}");
        }
        let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
        assert_eq!(serde_json::from_str::<Loose<'_>>(&deep).unwrap(), Loose::Other);
    }
}
