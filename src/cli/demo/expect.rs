//! What a step should come to: sentences such as `customer.kyc_status is KYC_STATUS_PENDING`, and whether they hold.

use super::layout;
use super::names::Names;
use super::tree::Tree;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Something that has to hold for an answer: what a path of it leads to, compared in some way with some values.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Expectation {
    pub(super) path: String,
    relation: Relation,
    values: Vec<Tree>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Is,
    /// The path leads to another value, or nowhere.
    IsNot,
    IsOneOf,
    /// A list of exactly these, in any order.
    Are,
    /// A list with this among its items.
    Has,
    /// A list of so many.
    Counts,
    IsThere,
    IsNotThere,
}

/// What stands between a path and values; `no PATH` and `PATH has 2 items` are written otherwise. A value is JSON, or a word.
const WORDS: [(Relation, &str); 6] = [
    (Relation::IsThere, "is there"),
    (Relation::IsNot, "is not "),
    (Relation::IsOneOf, "is one of "),
    (Relation::Is, "is "),
    (Relation::Are, "are "),
    (Relation::Has, "has "),
];

/// An expectation, and whether it held.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Verdict {
    /// The expectation in words.
    pub(super) wanted: String,
    pub(super) held: bool,
    /// What was there instead, where something was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) came: Option<Tree>,
}

impl TryFrom<String> for Expectation {
    type Error = String;

    fn try_from(sentence: String) -> Result<Self, String> {
        Self::parse(&sentence).ok_or_else(|| format!("this is no expectation: {sentence}"))
    }
}

impl Expectation {
    /// The code is this one.
    pub(super) fn of_code(code: &str) -> Self {
        Expectation { path: "code".to_owned(), relation: Relation::Is, values: vec![Tree::Word(code.to_owned())] }
    }

    fn parse(sentence: &str) -> Option<Self> {
        let (path, rest) = sentence.split_once(' ')?;
        let new = |path: &str, relation, values| Some(Expectation { path: path.to_owned(), relation, values });
        if path == "no" {
            return if rest.contains(' ') { None } else { new(rest, Relation::IsNotThere, Vec::new()) };
        }
        if rest == "is empty" {
            return new(path, Relation::Are, Vec::new());
        }
        let number =
            rest.strip_prefix("has ").and_then(|rest| rest.strip_suffix(" items").or(rest.strip_suffix(" item")));
        if let Some(number) = number {
            return new(path, Relation::Counts, vec![Tree::Number(number.parse::<usize>().ok()?.into())]);
        }
        let (relation, rest) = WORDS.iter().find_map(|(relation, word)| Some((*relation, rest.strip_prefix(word)?)))?;
        let values = if relation == Relation::IsThere { Vec::new() } else { values(rest)? };
        let takes_many = matches!(relation, Relation::IsOneOf | Relation::Are);
        if takes_many || values.len() <= 1 { new(path, relation, values) } else { None }
    }

    /// The same, with what its names stand for: a name may stand for a whole list.
    pub(super) fn filled(&self, names: &Names) -> Option<Self> {
        let filled = self.values.iter().map(|value| value.filled(names)).collect::<Option<Vec<_>>>()?;
        let values = match self.relation {
            Relation::Are => filled.iter().flat_map(Tree::items).cloned().collect(),
            _ => filled,
        };
        Some(Expectation { values, ..self.clone() })
    }

    /// Looks whether it holds.
    pub(super) fn judge(&self, tree: &Tree) -> Verdict {
        let found = tree.at(&self.path);
        let held = self.holds(found.as_ref());
        Verdict { wanted: self.to_string(), held, came: if held { None } else { found } }
    }

    fn holds(&self, found: Option<&Tree>) -> bool {
        let is_wanted = |found: &Tree| self.values.iter().any(|value| found.says(value));
        // A repeated field that is empty is not there.
        let items = found.map_or(&[][..], Tree::items);
        match self.relation {
            Relation::Is | Relation::IsOneOf => found.is_some_and(is_wanted),
            Relation::IsNot => !found.is_some_and(is_wanted),
            Relation::Are => are_same_items(items, &self.values),
            Relation::Has => items.iter().any(is_wanted),
            Relation::Counts => self.values == [Tree::Number(items.len().into())],
            Relation::IsThere => found.is_some(),
            Relation::IsNotThere => found.is_none(),
        }
    }
}

/// Values with a comma between them.
fn values(text: &str) -> Option<Vec<Tree>> {
    let (mut values, mut rest) = (Vec::new(), text);
    loop {
        let mut json = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        let (value, after) = match json.next() {
            Some(Ok(value)) => (value.into(), rest.get(json.byte_offset()..)?),
            _ => {
                let (word, after) = rest.split_at(rest.find(", ").unwrap_or(rest.len()));
                let is_word = !word.is_empty() && !word.contains(['"', ' ']);
                (is_word.then(|| Tree::Word(word.to_owned()))?, after)
            }
        };
        values.push(value);
        match after.strip_prefix(", ") {
            Some(more) => rest = more,
            None => return after.is_empty().then_some(values),
        }
    }
}

fn are_same_items(these: &[Tree], those: &[Tree]) -> bool {
    let mut left: Vec<&Tree> = those.iter().collect();
    these.iter().all(|this| {
        let at = left.iter().position(|that| this.says(that));
        at.map(|at| left.swap_remove(at)).is_some()
    }) && left.is_empty()
}

impl std::fmt::Display for Expectation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Expectation { path, relation, values } = self;
        let values = values.iter().map(layout::plain).collect::<Vec<_>>().join(", ");
        match relation {
            Relation::IsNotThere => write!(f, "no {path}"),
            Relation::Are if values.is_empty() => write!(f, "{path} is empty"),
            Relation::Counts => write!(f, "{path} has {values} item{}", if values == "1" { "" } else { "s" }),
            _ => {
                let word = WORDS.iter().find(|(other, _)| other == relation).map_or("", |(_, word)| word);
                write!(f, "{path} {word}{values}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parsed(sentence: &str) -> Expectation {
        Expectation::try_from(sentence.to_owned()).unwrap()
    }

    #[test]
    fn each_kind_of_expectation_holds_and_fails() {
        let tree: Tree = json!({"status": "PENDING", "types": ["A", "B", "A"], "empty": [], "n": 3}).into();
        for (holds, sentence) in [
            (true, "status is PENDING"),
            (false, "status is APPROVED"),
            (false, "missing is PENDING"),
            (true, "n is 3"),
            (false, "n is 4"),
            (true, r#"types is ["A", "B", "A"]"#),
            (false, r#"types is ["A", "A", "B"]"#),
            (true, "status is not APPROVED"),
            (false, "status is not PENDING"),
            (true, "status is one of IN_PROGRESS, PENDING"),
            (false, "status is one of IN_PROGRESS"),
            (true, r#"types are B, "A", A"#),
            (false, "types are A, B"),
            (false, "types are A, B, B"),
            (true, "missing is empty"),
            (false, "types is empty"),
            (true, "types has B"),
            (false, "types has C"),
            (true, "types has 3 items"),
            (true, "empty has 0 items"),
            (false, "missing has 1 item"),
            (true, "types is there"),
            (false, "missing is there"),
            (true, "no missing"),
            (false, "no status"),
        ] {
            let verdict = parsed(sentence).judge(&tree);
            assert_eq!(verdict.held, holds, "{}", verdict.wanted);
            assert_eq!(verdict.wanted.replace('"', ""), sentence.replace('"', ""));
        }
    }

    #[test]
    fn what_is_no_expectation_is_an_error() {
        for sentence in [
            "",
            "status",
            "status is",
            "status PENDING",
            "status is two words",
            "status is A, B",
            "types are A,B C",
            r#"status is "open"#,
            "types has two items",
            "no such thing",
        ] {
            assert!(Expectation::try_from(sentence.to_owned()).is_err(), "{sentence}");
        }
    }

    #[test]
    fn names_are_filled_in_and_shown_quoted() {
        let mut names = Names::default();
        names.set("id", "V:1\u{1b}");
        names.set("none", json!([]));
        let filled = |sentence| parsed(sentence).filled(&names).unwrap().to_string();
        assert_eq!(filled("id is ${id}"), r#"id is "V:1\u001b""#);
        assert_eq!(filled("errors are ${none}"), "errors is empty");
        assert_eq!(filled(r#"ids is ["${id}"]"#), r#"ids is ["V:1\u001b"]"#);
        assert!(parsed("id is ${other}").filled(&names).is_none());
    }

    #[test]
    fn a_verdict_says_what_was_wanted_and_what_came() {
        let tree: Tree = json!({"status": "PENDING"}).into();
        let verdict = parsed("status is APPROVED").judge(&tree);
        assert_eq!(verdict.wanted, "status is APPROVED");
        assert_eq!(verdict.came, Some("PENDING".into()));
        assert_eq!(parsed("id is there").judge(&tree).came, None);
    }
}
