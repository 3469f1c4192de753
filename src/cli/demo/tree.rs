//! Messages as trees of names and values: the demo prints, searches and compares messages of any type with them.

use super::names::Names;
use serde::{Serialize, Serializer};
use serde_json::{Number, Value};

/// A value of a message, or a whole message.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tree {
    Bool(bool),
    Number(Number),
    /// Text that somebody wrote.
    Text(String),
    /// A word of a fixed vocabulary (an enum value, a code) or a time.
    Word(String),
    /// Stands for something that is not shown, such as the bytes of a file.
    Note(String),
    List(Vec<Tree>),
    /// Fields in the order of their declaration.
    Object(Vec<(String, Tree)>),
}

impl Tree {
    /// An object with one field.
    pub(super) fn field(name: &str, value: Tree) -> Tree {
        Tree::Object(vec![(name.to_owned(), value)])
    }

    /// What a path leads to: `customer.id`, `errors[0].type`; `errors[].type` is the list of all types.
    pub(super) fn at(&self, path: &str) -> Option<Tree> {
        if path.is_empty() {
            return Some(self.clone());
        }
        let (step, rest) = path.split_once('.').unwrap_or((path, ""));
        let Some((name, index)) = step.split_once('[') else {
            return self.get(step)?.at(rest);
        };
        let Tree::List(items) = self.get(name)? else { return None };
        match index.trim_end_matches(']') {
            "" => Some(Tree::List(items.iter().filter_map(|item| item.at(rest)).collect())),
            index => items.get(index.parse::<usize>().ok()?)?.at(rest),
        }
    }

    fn get(&self, name: &str) -> Option<&Tree> {
        match self {
            Tree::Object(fields) => fields.iter().find(|(field, _)| field == name).map(|(_, value)| value),
            Tree::Bool(_) | Tree::Number(_) | Tree::Text(_) | Tree::Word(_) | Tree::Note(_) | Tree::List(_) => None,
        }
    }

    /// The text or the word that this is.
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Tree::Text(text) | Tree::Word(text) | Tree::Note(text) => Some(text),
            Tree::Bool(_) | Tree::Number(_) | Tree::List(_) | Tree::Object(_) => None,
        }
    }

    /// The same, with what the names in its texts stand for.
    pub(super) fn filled(&self, names: &Names) -> Option<Tree> {
        Some(match self {
            Tree::Text(text) => names.fill(&Value::from(text.as_str()))?.into(),
            Tree::Word(text) => match names.fill(&Value::from(text.as_str()))? {
                // What is filled in may be anything. Only what looks like a word stays one, and the rest is shown quoted.
                Value::String(filled) if filled == *text || is_word(&filled) => Tree::Word(filled),
                other => other.into(),
            },
            Tree::List(items) => Tree::List(items.iter().map(|item| item.filled(names)).collect::<Option<_>>()?),
            Tree::Bool(_) | Tree::Number(_) | Tree::Note(_) | Tree::Object(_) => self.clone(),
        })
    }

    /// The same without one of its fields.
    pub(super) fn without(&self, name: &str) -> Tree {
        match self {
            Tree::Object(fields) => Tree::Object(fields.iter().filter(|(field, _)| field != name).cloned().collect()),
            other => other.clone(),
        }
    }

    /// Whether both say the same. A word and a text do when they are spelt alike.
    pub(super) fn says(&self, other: &Tree) -> bool {
        match (self, other) {
            (Tree::List(these), Tree::List(those)) => {
                these.len() == those.len() && these.iter().zip(those).all(|(this, that)| this.says(that))
            }
            _ => match (self.as_text(), other.as_text()) {
                (Some(this), Some(that)) => this == that,
                _ => self == other,
            },
        }
    }

    /// The values of a list, or this value alone.
    pub(super) fn items(&self) -> &[Tree] {
        match self {
            Tree::List(items) => items,
            one => std::slice::from_ref(one),
        }
    }
}

/// Whether a text looks like a value of an enum.
fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Tree::Bool(value) => serializer.serialize_bool(*value),
            Tree::Number(value) => value.serialize(serializer),
            Tree::Text(text) | Tree::Word(text) | Tree::Note(text) => serializer.serialize_str(text),
            Tree::List(items) => serializer.collect_seq(items),
            Tree::Object(fields) => serializer.collect_map(fields.iter().map(|(name, value)| (name, value))),
        }
    }
}

impl From<&str> for Tree {
    fn from(text: &str) -> Self {
        Tree::Text(text.to_owned())
    }
}

impl From<Value> for Tree {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Tree::Word("null".to_owned()),
            Value::Bool(value) => Tree::Bool(value),
            // A float that is whole is shown as such.
            Value::Number(value) => {
                match format!("{value}").strip_suffix(".0").and_then(|whole| whole.parse::<i64>().ok()) {
                    Some(whole) => Tree::Number(whole.into()),
                    None => Tree::Number(value),
                }
            }
            Value::String(text) => Tree::Text(text),
            Value::Array(items) => Tree::List(items.into_iter().map(Into::into).collect()),
            Value::Object(fields) => {
                Tree::Object(fields.into_iter().map(|(name, value)| (name, value.into())).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Tree;
    use serde_json::json;

    fn tree() -> Tree {
        json!({"id": "V:1", "errors": [{"type": "A", "field": "x"}, {"type": "B"}], "none": []}).into()
    }

    fn list(items: &[&str]) -> Tree {
        Tree::List(items.iter().map(|item| Tree::from(*item)).collect())
    }

    #[test]
    fn paths_lead_into_objects_and_lists() {
        let tree = tree();
        for (path, value) in [
            ("id", Some(Tree::from("V:1"))),
            ("errors[1].type", Some("B".into())),
            ("errors[].type", Some(list(&["A", "B"]))),
            ("errors[].field", Some(list(&["x"]))),
            ("none[].type", Some(Tree::List(Vec::new()))),
            ("errors[2].type", None),
            ("errors[x].type", None),
            ("id.more", None),
            ("missing", None),
        ] {
            assert_eq!(tree.at(path), value, "{path}");
        }
        assert_eq!(tree.at(""), Some(tree.clone()));
    }

    #[test]
    fn words_and_texts_are_compared_by_their_spelling() {
        assert!(Tree::Word("APPROVED".into()).says(&"APPROVED".into()));
        assert!(!Tree::Word("APPROVED".into()).says(&"REJECTED".into()));
        assert!(Tree::List(vec![Tree::Word("A".into())]).says(&list(&["A"])));
        assert!(!list(&["A"]).says(&list(&["A", "B"])));
        assert!(!Tree::from(json!(1)).says(&"1".into()));
    }

    #[test]
    fn as_json_the_fields_keep_their_order() {
        let tree = Tree::Object(vec![("b".into(), json!(1).into()), ("a".into(), json!([true]).into())]);
        assert_eq!(serde_json::to_string(&tree).unwrap(), r#"{"b":1,"a":[true]}"#);
    }
}
