//! The names of the fields in a JSON value, without their values: what may be kept of a body that cannot be.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// How many names are kept.
const MAX_NAMES: usize = 100;
/// The most bytes of one key that is kept.
const MAX_KEY_BYTES: usize = 64;
/// How deep in the value names are looked for.
const MAX_DEPTH: usize = 3;
/// Stands for a key that does not look like a field's name, and so may be data.
const NO_NAME: &str = "?";

/// The paths of the fields in `json`, each once, as they come: `address.line1`, `beneficialOwners[].id`. At most 100 of
/// them, three levels deep. A key that is not a plain name is `?`. Empty for what is no JSON.
pub(super) fn field_names(json: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_str(json);
    // What was found before a mistake still counts.
    let _ = Names { path: "", depth: 0, names: &mut names }.deserialize(&mut deserializer);
    names
}

struct Names<'n> {
    path: &'n str,
    depth: usize,
    names: &'n mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Names<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.depth >= MAX_DEPTH {
            deserializer.deserialize_ignored_any(IgnoredAny).map(|_| ())
        } else {
            deserializer.deserialize_any(self)
        }
    }
}

impl<'de> Visitor<'de> for Names<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let Self { path, depth, names } = self;
        while let Some(key) = object.next_key::<Cow<'de, str>>()? {
            let name = if looks_like_a_name(&key) { &key } else { NO_NAME };
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            if names.len() < MAX_NAMES && !names.contains(&path) {
                names.push(path.clone());
            }
            let full = names.len() >= MAX_NAMES;
            let depth = if full { MAX_DEPTH } else { depth + 1 };
            object.next_value_seed(Names { path: &path, depth, names })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { path, depth, names } = self;
        let path = format!("{path}[]");
        while list.next_element_seed(Names { path: &path, depth: depth + 1, names })?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

fn looks_like_a_name(key: &str) -> bool {
    let mut bytes = key.bytes();
    key.len() <= MAX_KEY_BYTES
        && bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_kept_and_values_are_not() {
        let json = r#"{"id":"Customer:1","address":{"line1":"Canary 1","geo":{"at":{"x":1}}},
            "owners":[{"name":"Canary"},{"name":"Canary","age":3}],"canary@example.com":true,"9":null}"#;
        let expected = ["id", "address", "address.line1", "address.geo", "address.geo.at", "owners", "owners[].name"];
        assert_eq!(field_names(json), [expected.as_slice(), &["owners[].age", "?"]].concat());
    }

    #[test]
    fn what_has_no_fields_has_no_names() {
        for json in ["", "null", "3", "\"Canary\"", "[1,2]", "nonsense"] {
            assert!(field_names(json).is_empty(), "{json}");
        }
    }

    #[test]
    fn names_are_bounded_in_number_depth_and_length() {
        let many: Vec<_> = (0..1000).map(|n| format!("\"f{n}\":{{\"g\":{n}}}")).collect();
        assert_eq!(field_names(&format!("{{{}}}", many.join(","))).len(), MAX_NAMES);
        let deep = format!("{}1{}", "{\"a\":".repeat(50_000), "}".repeat(50_000));
        assert_eq!(field_names(&deep), ["a", "a.a", "a.a.a"]);
        assert_eq!(field_names(&format!("{{\"{}\":1}}", "a".repeat(65))), ["?"]);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,100}|[\\[\\]{}\":,a-z0-9]{0,100}") {
            prop_assert!(field_names(&text).len() <= MAX_NAMES);
        }
    }
}
