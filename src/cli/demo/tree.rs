//! Messages as trees of names and values: what the demo prints, looks into and compares, whatever the message.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Number;

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

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Tree::Bool(value) => serializer.serialize_bool(*value),
            Tree::Number(value) => value.serialize(serializer),
            Tree::Text(text) | Tree::Word(text) | Tree::Note(text) => serializer.serialize_str(text),
            Tree::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Tree::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                fields.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
                map.end()
            }
        }
    }
}

impl From<&str> for Tree {
    fn from(text: &str) -> Self {
        Tree::Text(text.to_owned())
    }
}

impl From<&String> for Tree {
    fn from(text: &String) -> Self {
        Tree::Text(text.clone())
    }
}

impl From<String> for Tree {
    fn from(text: String) -> Self {
        Tree::Text(text)
    }
}

impl From<bool> for Tree {
    fn from(value: bool) -> Self {
        Tree::Bool(value)
    }
}

impl From<i64> for Tree {
    fn from(value: i64) -> Self {
        Tree::Number(value.into())
    }
}

impl<T: Into<Tree>, const N: usize> From<[T; N]> for Tree {
    fn from(items: [T; N]) -> Self {
        Tree::List(items.map(Into::into).into())
    }
}

impl<T: Into<Tree>> From<Vec<T>> for Tree {
    fn from(items: Vec<T>) -> Self {
        Tree::List(items.into_iter().map(Into::into).collect())
    }
}

impl From<serde_json::Value> for Tree {
    fn from(value: serde_json::Value) -> Self {
        use serde_json::Value;
        match value {
            Value::Null => Tree::Word("null".to_owned()),
            Value::Bool(value) => Tree::Bool(value),
            Value::Number(value) => Tree::Number(value),
            Value::String(text) => Tree::Text(text),
            Value::Array(items) => items.into(),
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

    #[test]
    fn paths_lead_into_objects_and_lists() {
        let tree = tree();
        for (path, value) in [
            ("id", Some(Tree::from("V:1"))),
            ("errors[1].type", Some("B".into())),
            ("errors[].type", Some(["A", "B"].into())),
            ("errors[].field", Some(["x"].into())),
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
        assert!(Tree::List(vec![Tree::Word("A".into())]).says(&["A"].into()));
        assert!(!Tree::from(["A"]).says(&["A", "B"].into()));
        assert!(!Tree::from(1).says(&"1".into()));
    }

    #[test]
    fn as_json_the_fields_keep_their_order() {
        let tree = Tree::Object(vec![("b".into(), 1.into()), ("a".into(), [true].into())]);
        assert_eq!(serde_json::to_string(&tree).unwrap(), r#"{"b":1,"a":[true]}"#);
    }
}
