//! Trees as text for a terminal: on one line where they fit, and indented below each other where they do not.

use super::tree::Tree;
use anstyle::{AnsiColor, Style};
use serde_json::Value;

/// Items of a list that are shown.
const SHOWN_ITEMS: usize = 4;

/// How things look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Palette {
    pub(super) heading: Style,
    pub(super) strong: Style,
    pub(super) dim: Style,
    pub(super) good: Style,
    pub(super) bad: Style,
    pub(super) name: Style,
    pub(super) text: Style,
    pub(super) word: Style,
}

impl Palette {
    /// For terminals.
    pub(super) fn coloured() -> Self {
        let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
        Palette {
            heading: colour(AnsiColor::Cyan).bold(),
            strong: Style::new().bold(),
            dim: Style::new().dimmed(),
            good: colour(AnsiColor::Green),
            bad: colour(AnsiColor::Red).bold(),
            name: colour(AnsiColor::Blue),
            text: Style::new(),
            word: colour(AnsiColor::Yellow),
        }
    }

    /// For everything else.
    pub(super) fn plain() -> Self {
        let none = Style::new();
        Palette { heading: none, strong: none, dim: none, good: none, bad: none, name: none, text: none, word: none }
    }
}

/// A tree on one line, whole, without colour.
pub(super) fn plain(tree: &Tree) -> String {
    inline(tree, usize::MAX, &Palette::plain()).0
}

/// The lines of a message: each at most `width` columns where that can be had.
pub(super) fn lines(tree: &Tree, width: usize, palette: &Palette) -> Vec<String> {
    let Tree::Object(fields) = tree else { return block(tree, width, palette) };
    if fields.is_empty() {
        return vec![format!("{}nothing{:#}", palette.dim, palette.dim)];
    }
    let (line, length) = inline_fields(fields, SHOWN_ITEMS, palette);
    if length <= width { vec![line] } else { block(tree, width, palette) }
}

/// A tree on several lines.
fn block(tree: &Tree, width: usize, palette: &Palette) -> Vec<String> {
    match tree {
        Tree::Object(fields) => block_of_fields(fields, width, palette),
        Tree::List(items) => {
            let shown = items.iter().take(SHOWN_ITEMS).flat_map(|item| {
                let lines = fitting(item, width.saturating_sub(2), palette);
                indented(lines, "- ", "  ")
            });
            shown.chain(left_out(items.len(), SHOWN_ITEMS).map(|text| note(&text, palette))).collect()
        }
        Tree::Bool(_) | Tree::Number(_) | Tree::Text(_) | Tree::Word(_) | Tree::Note(_) => {
            vec![inline(tree, SHOWN_ITEMS, palette).0]
        }
    }
}

/// Fields one after the other, as many on a line as fit; a field that needs several lines has them for itself.
fn block_of_fields(fields: &[(String, Tree)], width: usize, palette: &Palette) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    // Columns used of the last line, where another field may follow on it.
    let mut used = None;
    for (name, value) in fields {
        let (field, length) = inline_field(name, value, SHOWN_ITEMS, palette);
        if length > width && matches!(value, Tree::Object(_) | Tree::List(_)) {
            let style = palette.name;
            lines.push(format!("{style}{name}{style:#}:"));
            lines.extend(indented(block(value, width.saturating_sub(2), palette), "  ", "  "));
            used = None;
            continue;
        }
        match (lines.last_mut(), used) {
            (Some(line), Some(before)) if before + 2 + length <= width => {
                line.push_str(", ");
                line.push_str(&field);
                used = Some(before + 2 + length);
            }
            _ => {
                lines.push(field);
                used = Some(length);
            }
        }
    }
    lines
}

fn fitting(tree: &Tree, width: usize, palette: &Palette) -> Vec<String> {
    let (line, length) = inline(tree, SHOWN_ITEMS, palette);
    if length <= width { vec![line] } else { block(tree, width, palette) }
}

fn indented(lines: Vec<String>, first: &str, others: &str) -> Vec<String> {
    lines.into_iter().enumerate().map(|(at, line)| format!("{}{line}", if at == 0 { first } else { others })).collect()
}

/// A tree on one line, and how many columns that takes.
fn inline(tree: &Tree, shown: usize, palette: &Palette) -> (String, usize) {
    let styled = |text: String, style: Style| {
        let length = text.chars().count();
        (format!("{style}{text}{style:#}"), length)
    };
    match tree {
        Tree::Bool(value) => styled(value.to_string(), palette.word),
        Tree::Number(value) => styled(value.to_string(), palette.word),
        Tree::Text(text) => styled(Value::from(text.as_str()).to_string(), palette.text),
        Tree::Word(text) => styled(text.clone(), palette.word),
        Tree::Note(text) => styled(format!("<{text}>"), palette.dim),
        Tree::List(items) => {
            let parts = items.iter().take(shown).map(|item| inline(item, shown, palette));
            let rest = left_out(items.len(), shown).map(|text| styled(text, palette.dim));
            let (line, length) = joined(parts.chain(rest));
            (format!("[{line}]"), length + 2)
        }
        Tree::Object(fields) if fields.is_empty() => ("{}".to_owned(), 2),
        Tree::Object(fields) => {
            let (line, length) = inline_fields(fields, shown, palette);
            (format!("{{ {line} }}"), length + 4)
        }
    }
}

fn inline_fields(fields: &[(String, Tree)], shown: usize, palette: &Palette) -> (String, usize) {
    joined(fields.iter().map(|(name, value)| inline_field(name, value, shown, palette)))
}

fn inline_field(name: &str, value: &Tree, shown: usize, palette: &Palette) -> (String, usize) {
    let style = palette.name;
    let (line, length) = inline(value, shown, palette);
    (format!("{style}{name}{style:#}: {line}"), name.chars().count() + 2 + length)
}

fn joined(parts: impl Iterator<Item = (String, usize)>) -> (String, usize) {
    let (lines, lengths): (Vec<_>, Vec<_>) = parts.unzip();
    let separators = 2 * lines.len().saturating_sub(1);
    (lines.join(", "), lengths.iter().sum::<usize>() + separators)
}

fn left_out(all: usize, shown: usize) -> Option<String> {
    (all > shown).then(|| format!("… {} more", all - shown))
}

fn note(text: &str, palette: &Palette) -> String {
    let style = palette.dim;
    format!("{style}{text}{style:#}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(value: Value, width: usize) -> String {
        lines(&value.into(), width, &Palette::plain()).join("\n")
    }

    #[test]
    fn what_fits_is_on_one_line() {
        assert_eq!(shown(json!({"id": "C:1", "list": ["a"]}), 80), r#"id: "C:1", list: ["a"]"#);
        assert_eq!(shown(json!({}), 80), "nothing");
        assert_eq!(plain(&Tree::Object(vec![("a".into(), Tree::Word("B".into()))])), "{ a: B }");
    }

    #[test]
    fn what_does_not_fit_is_below_each_other() {
        let value = json!({"a": {"city": "Seattle", "line": "1 Pike Place"}, "b": "x", "c": "y", "n": 1});
        assert_eq!(
            shown(value.clone(), 50),
            "a: { city: \"Seattle\", line: \"1 Pike Place\" }\nb: \"x\", c: \"y\", n: 1"
        );
        assert_eq!(shown(value, 24), "a:\n  city: \"Seattle\"\n  line: \"1 Pike Place\"\nb: \"x\", c: \"y\", n: 1");
        assert_eq!(shown(json!({"long": "0123456789"}), 8), "long: \"0123456789\"");
    }

    #[test]
    fn long_lists_are_cut_on_the_terminal_and_whole_in_expectations() {
        let list = json!({"l": [1, 2, 3, 4, 5, 6]});
        assert_eq!(shown(list.clone(), 80), "l: [1, 2, 3, 4, … 2 more]");
        assert_eq!(shown(list.clone(), 8), "l:\n  - 1\n  - 2\n  - 3\n  - 4\n  … 2 more");
        assert_eq!(plain(&list.into()), "{ l: [1, 2, 3, 4, 5, 6] }");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(shown(json!({"name": "a\u{1b}[2Jb\n"}), 80), r#"name: "a\u001b[2Jb\n""#);
    }
}
