//! The examples of a Markdown file, and what is said about running them.
//!
//! Every fenced block in a language that can be run stands under a comment that says what becomes of it:
//!
//! - `<!-- run: NAME -->`: the tests run it as it is. A `python` block is written to the file NAME first.
//! - `<!-- not run: REASON -->`: they do not, for that reason.
//!
//! A block under `<!-- prints: NAME -->` is what the block of that name prints, where `…` stands for anything.

use std::fmt::Write as _;

/// The languages that can be run.
const RUNNABLE: [&str; 5] = ["bash", "console", "python", "sh", "shell"];
/// Those of them that the tests know how to run: one name for each language keeps the file even.
const RUN: [&str; 2] = ["python", "sh"];

/// A block that is run.
#[derive(Debug, PartialEq)]
pub struct Example {
    pub name: String,
    pub language: String,
    /// The line of the file where its fence is, from 1.
    pub line: usize,
    pub text: String,
    /// What it prints, if the file says so.
    pub prints: Option<String>,
}

/// A fenced block, with the comment above it.
struct Fence {
    language: String,
    line: usize,
    text: String,
    comment: Option<String>,
}

/// The examples to run, in the order of the file; or what is wrong with the file's blocks and comments.
pub fn examples(markdown: &str) -> Result<Vec<Example>, String> {
    let mut examples: Vec<Example> = Vec::new();
    let mut wrong = String::new();
    for Fence { language, line, text, comment } in fences(markdown) {
        let runnable = RUNNABLE.contains(&language.as_str());
        let said = comment.as_deref().and_then(|comment| comment.split_once(": "));
        let problem = match said {
            Some(("run", name)) if RUN.contains(&language.as_str()) => {
                let name = name.to_owned();
                let twice = examples.iter().any(|example| example.name == name);
                let problem = twice.then(|| format!("there are two blocks named {name}"));
                examples.push(Example { name, language, line, text, prints: None });
                problem
            }
            Some(("run", _)) => Some(format!("a block of language `{language}` cannot be run: use `sh` or `python`")),
            Some(("not run", _)) => None,
            Some(("prints", name)) => match examples.iter_mut().find(|example| example.name == name) {
                Some(example) => {
                    example.prints = Some(text);
                    None
                }
                None => Some(format!("no block named {name} is run before it")),
            },
            _ if runnable => Some("has no comment `run: NAME` or `not run: REASON` above it".to_owned()),
            _ => None,
        };
        if let Some(problem) = problem {
            let _ = writeln!(wrong, "line {line}: {problem}");
        }
    }
    if wrong.is_empty() { Ok(examples) } else { Err(wrong) }
}

/// The fenced blocks of a file. A comment belongs to a block if only empty lines stand between them.
fn fences(markdown: &str) -> Vec<Fence> {
    let mut fences = Vec::new();
    let mut comment = None;
    let mut open: Option<Fence> = None;
    for (number, line) in (1..).zip(markdown.lines()) {
        if let Some(fence) = &mut open {
            if line.trim_end() == "```" {
                fences.extend(open.take());
            } else {
                fence.text.push_str(line);
                fence.text.push('\n');
            }
        } else if let Some(language) = line.strip_prefix("```") {
            let language = language.trim().to_owned();
            open = Some(Fence { language, line: number, text: String::new(), comment: comment.take() });
        } else if let Some(said) = line.strip_prefix("<!-- ").and_then(|rest| rest.trim_end().strip_suffix(" -->")) {
            comment = Some(said.to_owned());
        } else if !line.trim().is_empty() {
            comment = None;
        }
    }
    fences
}

/// Whether something printed is what was expected, where `…` stands for anything.
pub fn is_as_expected(printed: &str, expected: &str) -> bool {
    let mut pieces = expected.trim().split('…');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = printed.trim().strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        let Some((_, after)) = rest.split_once(piece) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

#[test]
fn a_block_is_run_under_its_name_and_knows_what_it_prints() {
    let markdown = "# Title\n\n<!-- run: greet -->\n\n```sh\necho hello\n```\n\nIt says:\n\n<!-- prints: greet -->\n```\nhel…\n```\n";
    let greet = Example {
        name: "greet".to_owned(),
        language: "sh".to_owned(),
        line: 5,
        text: "echo hello\n".to_owned(),
        prints: Some("hel…\n".to_owned()),
    };
    assert_eq!(examples(markdown), Ok(vec![greet]));
}

#[test]
fn a_block_that_could_be_run_has_to_say_what_becomes_of_it() {
    let wrong = examples("```sh\nfalse\n```\n\n<!-- run: x -->\ntext between\n```python\n1\n```\n").unwrap_err();
    assert!(wrong.contains("line 1: has no comment") && wrong.contains("line 7: has no comment"), "{wrong}");
    assert_eq!(examples("<!-- not run: it never ends -->\n```sh\nyes\n```\n```json\n{}\n```\n"), Ok(vec![]));
}

#[test]
fn comments_that_make_no_sense_are_refused() {
    let wrong = examples(
        "<!-- run: x -->\n```ruby\n1\n```\n<!-- prints: y -->\n```\n1\n```\n<!-- run: z -->\n```sh\n```\n<!-- run: z -->\n```sh\n```\n",
    )
    .unwrap_err();
    assert_eq!(wrong.lines().count(), 3, "{wrong}");
}

#[test]
fn an_ellipsis_stands_for_anything() {
    assert!(is_as_expected("a 1 b 2 c\n", "a … b … c"));
    assert!(is_as_expected("a\nlong\ntext\nc\n", "a\n…\nc\n"));
    assert!(is_as_expected("same", "same\n"));
    assert!(!is_as_expected("a 1 b 2 c d", "a … b … c"));
    assert!(!is_as_expected("x a 1 b 2 c", "a … b … c"));
    assert!(!is_as_expected("a c", "a … b … c"));
    assert!(!is_as_expected("same and more", "same"));
}
