//! The examples of README.md and docs/IDENTITY.md, run as written against `gridgate serve --sandbox`; only the addresses are
//! this run's.

mod examples;
pub mod reader;

use crate::support::certificates::{Authority, Identity};
use examples::{Example, examples, is_as_expected};
use gridgate::identity::NewToken;
use reader::{Reader, require_tools};
use std::path::Path;
use std::process::Output;

const README: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));
const IDENTITY: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/IDENTITY.md"));

#[tokio::test]
async fn readme_calls_work_as_written() {
    require_tools().await;
    run_all("README.md", README, &Reader::start().await).await;
}

#[tokio::test]
async fn readme_calls_end_where_the_server_is_frozen() {
    require_tools().await;
    let reader = Reader::start().await;
    reader.program.signal("STOP").await;
    let examples = of("README.md", README);
    // What is typed by hand is ended by hand.
    for Example { name, text, .. } in examples.iter().filter(|example| example.language == "python") {
        let Output { status, stderr, .. } = reader.python(name, text).await;
        let complained = String::from_utf8_lossy(&stderr);
        assert!(!status.success() && complained.contains("DEADLINE_EXCEEDED"), "{name}: {complained}");
    }
}

#[tokio::test]
async fn callers_of_a_policy_call_as_written() {
    require_tools().await;
    let reader = Reader::with(callers_of_a_policy).await;
    run_all("IDENTITY.md", IDENTITY, &reader).await;

    // Neither is let in for nothing.
    let by_token = of("IDENTITY.md", IDENTITY).into_iter().find(|example| example.name == "with_token.py").unwrap();
    let wrong = by_token.text.replace("Path(\"token\").read_text()", "Path(\"checkout.pem\").name");
    assert_ne!(wrong, by_token.text);
    let Output { status, stderr, .. } = reader.python("wrong.py", &wrong).await;
    let complained = String::from_utf8_lossy(&stderr);
    assert!(!status.success() && complained.contains("UNAUTHENTICATED"), "{complained}");
}

/// Makes the policy of the document, its caller's token and certificate, and certificates for the port.
fn callers_of_a_policy(folder: &Path) -> Vec<String> {
    let file = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).unwrap();
        folder.join(name).to_str().unwrap().to_owned()
    };
    let (authority, token) = (Authority::new("shop"), NewToken::generate().unwrap());
    let Identity { certificate, key } = authority.client("spiffe://shop.example/checkout");
    file("checkout.pem", &certificate);
    file("checkout.key", &key);
    file("token", &format!("{}\n", token.expose()));
    let policy = format!(
        "[callers.checkout]\ntokens = [\"{}\"]\nidentities = [\"spiffe://shop.example/checkout\"]\n\
         methods = [\"gridgate.v1.CustomerService/*\"]\n",
        token.hash()
    );
    let Identity { certificate, key } = authority.server("gridgate.shop.internal");
    let ca = file("ca.pem", &authority.pem());
    [
        ("identity-policy-file", file("policy.toml", &policy)),
        ("grpc-tls-certificate", file("server.pem", &certificate)),
        ("grpc-tls-key", file("server.key", &key)),
        ("grpc-tls-client-ca", ca),
        ("grpc-tls-client-certificates", "optional".to_owned()),
    ]
    .map(|(flag, value)| format!("--{flag}={value}"))
    .to_vec()
}

fn of(document: &str, text: &str) -> Vec<Example> {
    let examples = examples(text).unwrap_or_else(|wrong| panic!("{document}: {wrong}"));
    for language in ["sh", "python"] {
        assert!(examples.iter().any(|example| example.language == language), "{document} has no call in {language}");
    }
    examples
}

async fn run_all(document: &str, text: &str, reader: &Reader) {
    for example in of(document, text) {
        run(document, reader, &example).await;
    }
}

async fn run(document: &str, reader: &Reader, Example { name, language, line, text, prints }: &Example) {
    let Output { status, stdout, stderr } = match language.as_str() {
        "python" => reader.python(name, text).await,
        _ => reader.shell(text).await,
    };
    let printed = String::from_utf8_lossy(&stdout);
    let complained = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{document} line {line}: {name} ended with {status}:\n{printed}\n{complained}");
    if let Some(expected) = prints {
        let expected = reader.here(expected);
        assert!(
            is_as_expected(&printed, &expected),
            "{document} line {line}: {name} printed\n{printed}\n{complained}\ninstead of\n{expected}"
        );
    }
}

#[test]
fn readme_starts_with_the_command_that_serves() {
    let first = README.lines().skip_while(|line| !line.starts_with("```sh")).nth(1);
    assert_eq!(first, Some("cargo run --release -- serve --sandbox"));
}
