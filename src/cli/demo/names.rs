//! Names in the text of flows: `${customer_id}` stands for what an earlier step kept.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// What each name stands for: a text, or a list.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Names(BTreeMap<String, Value>);

impl Names {
    pub(super) fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    pub(super) fn extend(&mut self, others: &Names) {
        self.0.extend(others.0.clone());
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0.iter()
    }

    /// A text with what its names stand for; `None` if one of them stands for nothing.
    pub(super) fn fill_text(&self, text: &str) -> Option<String> {
        let (mut filled, mut rest) = (String::new(), text);
        while let Some((before, name, after)) = first_name(rest) {
            filled.push_str(before);
            filled.push_str(self.0.get(name)?.as_str()?);
            rest = after;
        }
        Some(filled + rest)
    }

    /// A value with all texts in it filled. A text that is nothing but a name becomes what that stands for.
    pub(super) fn fill(&self, value: &Value) -> Option<Value> {
        Some(match value {
            Value::String(text) => match first_name(text) {
                Some(("", name, "")) => self.0.get(name)?.clone(),
                _ => Value::String(self.fill_text(text)?),
            },
            Value::Array(items) => items.iter().map(|item| self.fill(item)).collect::<Option<_>>()?,
            Value::Object(fields) => {
                let filled = fields.iter().map(|(name, value)| Some((name.clone(), self.fill(value)?)));
                Value::Object(filled.collect::<Option<_>>()?)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        })
    }
}

/// The first name in a text, and what stands before and after it.
fn first_name(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("${")?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_replaced_by_what_they_stand_for() {
        let mut names = Names::default();
        names.set("run", "1f");
        names.set("errors", json!(["A", "B"]));
        for (text, filled) in [
            (json!("none"), json!("none")),
            (json!("a-${run}"), json!("a-1f")),
            (json!("$a-${run}-${run}."), json!("$a-1f-1f.")),
            (json!("${errors}"), json!(["A", "B"])),
            (json!({"a": ["${run}", 1, true]}), json!({"a": ["1f", 1, true]})),
            (json!("${unfinished"), json!("${unfinished")),
        ] {
            assert_eq!(names.fill(&text), Some(filled), "{text}");
        }
        assert_eq!(names.fill(&json!("${nobody}")), None);
        assert_eq!(names.fill_text("x${nobody}"), None);
    }
}
