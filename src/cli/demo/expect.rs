//! What a step should come to: an expectation about what a path leads to, and whether it held.

use super::layout;
use super::tree::Tree;
use serde::Serialize;

/// Something that has to hold for an answer.
#[derive(Debug, Clone)]
pub(super) struct Expectation {
    path: String,
    want: Want,
}

#[derive(Debug, Clone)]
enum Want {
    Is(Tree),
    IsNot(Tree),
    /// One of these.
    OneOf(Vec<Tree>),
    /// A list of these, in any order.
    Items(Vec<Tree>),
    /// A list with this among its items.
    Has(Tree),
    /// A list of so many.
    Count(usize),
    Present,
    Absent,
}

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

/// The path leads to this value.
pub(super) fn is(path: impl Into<String>, value: impl Into<Tree>) -> Expectation {
    Expectation { path: path.into(), want: Want::Is(value.into()) }
}

/// The path leads to another value, or nowhere.
pub(super) fn is_not(path: impl Into<String>, value: impl Into<Tree>) -> Expectation {
    Expectation { path: path.into(), want: Want::IsNot(value.into()) }
}

/// The path leads to one of these values.
pub(super) fn one_of<T: Into<Tree>>(path: impl Into<String>, values: impl IntoIterator<Item = T>) -> Expectation {
    Expectation { path: path.into(), want: Want::OneOf(values.into_iter().map(Into::into).collect()) }
}

/// The path leads to a list of exactly these values, in any order.
pub(super) fn items<T: Into<Tree>>(path: impl Into<String>, values: impl IntoIterator<Item = T>) -> Expectation {
    Expectation { path: path.into(), want: Want::Items(values.into_iter().map(Into::into).collect()) }
}

/// The path leads to a list with this value in it.
pub(super) fn has(path: impl Into<String>, value: impl Into<Tree>) -> Expectation {
    Expectation { path: path.into(), want: Want::Has(value.into()) }
}

/// The path leads to a list of so many.
pub(super) fn count(path: impl Into<String>, number: usize) -> Expectation {
    Expectation { path: path.into(), want: Want::Count(number) }
}

/// The path leads somewhere.
pub(super) fn present(path: impl Into<String>) -> Expectation {
    Expectation { path: path.into(), want: Want::Present }
}

/// The path leads nowhere.
pub(super) fn absent(path: impl Into<String>) -> Expectation {
    Expectation { path: path.into(), want: Want::Absent }
}

impl Expectation {
    /// Looks whether it holds.
    pub(super) fn judge(&self, tree: &Tree) -> Verdict {
        let found = tree.at(&self.path);
        let held = self.want.holds(found.as_ref());
        Verdict { wanted: self.to_string(), held, came: if held { None } else { found } }
    }
}

impl Want {
    fn holds(&self, found: Option<&Tree>) -> bool {
        // A repeated field that is empty is not there.
        let items = found.map_or(&[][..], Tree::items);
        match self {
            Want::Is(value) => found.is_some_and(|found| found.says(value)),
            Want::IsNot(value) => !found.is_some_and(|found| found.says(value)),
            Want::OneOf(values) => values.iter().any(|value| found.is_some_and(|found| found.says(value))),
            Want::Items(values) => are_same_items(items, values),
            Want::Has(value) => items.iter().any(|item| item.says(value)),
            Want::Count(number) => items.len() == *number,
            Want::Present => found.is_some(),
            Want::Absent => found.is_none(),
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
        let Expectation { path, want } = self;
        let joined = |values: &[Tree]| values.iter().map(layout::plain).collect::<Vec<_>>().join(", ");
        match want {
            Want::Is(value) => write!(f, "{path} is {}", layout::plain(value)),
            Want::IsNot(value) => write!(f, "{path} is not {}", layout::plain(value)),
            Want::OneOf(values) => write!(f, "{path} is one of {}", joined(values)),
            Want::Items(values) if values.is_empty() => write!(f, "{path} is empty"),
            Want::Items(values) => write!(f, "{path} are {}", joined(values)),
            Want::Has(value) => write!(f, "{path} has {}", layout::plain(value)),
            Want::Count(number) => write!(f, "{path} has {number}"),
            Want::Present => write!(f, "{path} is there"),
            Want::Absent => write!(f, "no {path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_kind_of_expectation_holds_and_fails() {
        let tree: Tree = json!({"status": "PENDING", "types": ["A", "B", "A"], "empty": []}).into();
        let nothing: [&str; 0] = [];
        for (holds, expectation) in [
            (true, is("status", "PENDING")),
            (false, is("status", "APPROVED")),
            (false, is("missing", "PENDING")),
            (true, is_not("status", "APPROVED")),
            (false, is_not("status", "PENDING")),
            (true, one_of("status", ["IN_PROGRESS", "PENDING"])),
            (false, one_of("status", ["IN_PROGRESS"])),
            (true, items("types", ["B", "A", "A"])),
            (false, items("types", ["A", "B"])),
            (false, items("types", ["A", "B", "B"])),
            (true, items("missing", nothing)),
            (false, items("types", nothing)),
            (true, has("types", "B")),
            (false, has("types", "C")),
            (true, count("types", 3)),
            (true, count("empty", 0)),
            (false, count("missing", 1)),
            (true, present("types")),
            (false, present("missing")),
            (true, absent("missing")),
            (false, absent("status")),
        ] {
            let verdict = expectation.judge(&tree);
            assert_eq!(verdict.held, holds, "{}", verdict.wanted);
        }
    }

    #[test]
    fn a_verdict_says_what_was_wanted_and_what_came() {
        let tree: Tree = json!({"status": "PENDING"}).into();
        let verdict = is("status", Tree::Word("APPROVED".into())).judge(&tree);
        assert_eq!(verdict.wanted, "status is APPROVED");
        assert_eq!(verdict.came, Some("PENDING".into()));
        assert_eq!(present("id").judge(&tree).came, None);
    }
}
