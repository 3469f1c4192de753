//! README.md's examples, run as written against `gridgate serve --sandbox`; only the addresses are this run's.

mod examples;
pub mod reader;

use examples::{Example, examples, is_as_expected};
use reader::{Reader, require_tools};
use std::process::Output;

const README: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));

#[tokio::test]
async fn readme_calls_work_as_written() {
    let examples = examples(README).unwrap_or_else(|wrong| panic!("README.md: {wrong}"));
    for language in ["sh", "python"] {
        assert!(examples.iter().any(|example| example.language == language), "README.md has no call in {language}");
    }
    require_tools().await;

    let reader = Reader::start().await;
    for example in examples {
        run(&reader, &example).await;
    }
}

async fn run(reader: &Reader, Example { name, language, line, text, prints }: &Example) {
    let Output { status, stdout, stderr } = match language.as_str() {
        "python" => reader.python(name, text).await,
        _ => reader.shell(text).await,
    };
    let printed = String::from_utf8_lossy(&stdout);
    let complained = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "README.md line {line}: {name} ended with {status}:\n{printed}\n{complained}");
    if let Some(expected) = prints {
        let expected = reader.here(expected);
        assert!(
            is_as_expected(&printed, &expected),
            "README.md line {line}: {name} printed\n{printed}\n{complained}\ninstead of\n{expected}"
        );
    }
}

#[test]
fn readme_starts_with_the_command_that_serves() {
    let first = README.lines().skip_while(|line| !line.starts_with("```sh")).nth(1);
    assert_eq!(first, Some("cargo run --release -- serve --sandbox"));
}
