//! The examples of a guide in Markdown: calls of `curl`, and blocks of JSON, told by what they have.

use serde_json::{Map, Value, json};

use super::exchange::{Exchange, Part};
use crate::support::api::{RPCS, Rpc};

/// What stands for an address that is not written out.
const ELIDED: &str = "{...}";

pub(super) fn exchanges(guide: &str) -> Vec<Exchange> {
    let mut found = Vec::new();
    for (line, language, block) in blocks(guide) {
        let exchanges = match language {
            "json" => of_json(&block),
            "bash" => vec![of_curl(&block)],
            _ => continue,
        };
        for (rpc, part) in exchanges {
            found.push(Exchange { source: format!("guide, line {line}"), rpc, part });
        }
    }
    found
}

/// Fenced blocks: the line they begin at, their language, and what is in them.
fn blocks(guide: &str) -> Vec<(usize, &str, String)> {
    let mut blocks = Vec::new();
    let mut lines = guide.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(info) = line.trim_start().strip_prefix("```") else { continue };
        let language = info.split_whitespace().next().unwrap_or_default();
        let inner = lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim() != "```");
        blocks.push((number + 1, language, inner.collect::<Vec<_>>().join("\n")));
    }
    blocks
}

fn json_of(text: &str) -> Value {
    let address = json!({ "line1": "1 Elided Row", "postalCode": "0", "country": "XX" });
    let text = text.replace(ELIDED, &address.to_string());
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

fn of_json(block: &str) -> Vec<(&'static Rpc, Part)> {
    let body = json_of(block);
    let has = |name| body.get(name).is_some();
    let answers = |names: &[&str], body: &Value| {
        let answer = |name: &&str| (Rpc::named(name), Part::Answered(Rpc::named(name).status, body.clone()));
        names.iter().map(answer).collect()
    };
    if has("data") && has("timestamp") {
        answers(&["GetCustomer"], &body["data"])
    } else if has("kycUrl") {
        answers(&["CreateKycLink"], &body)
    } else if has("verificationStatus") {
        answers(&["SubmitVerification", "GetVerification"], &body)
    } else if has("customerType") && !has("id") {
        vec![(Rpc::named("CreateCustomer"), Part::Sent(body))]
    } else {
        panic!("nobody knows what this is: {body}")
    }
}

fn of_curl(block: &str) -> (&'static Rpc, Part) {
    let mut words = shell_words(block).into_iter();
    assert_eq!(words.next().as_deref(), Some("curl"), "{block}");
    let (mut method, mut url, mut body, mut form) = ("GET".to_owned(), String::new(), None, Map::new());
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_else(|| panic!("nothing after {word}"));
        match word.as_str() {
            "-X" => method = value(),
            "-H" | "-u" => drop(value()),
            "-d" => body = Some(json_of(&value())),
            "-F" => {
                let field = value();
                let (name, value) = field.split_once('=').expect("a field");
                if !value.starts_with('@') {
                    form.insert(name.to_owned(), json!(value));
                }
            }
            _ => url = word,
        }
    }
    let (_, path) = url.split_once("/grid/").expect("a URL of Grid's");
    let (_version, path) = path.split_once('/').expect("a path");
    let rpc = RPCS.iter().find(|rpc| rpc.method == method && is_path(rpc.path, path));
    let rpc = rpc.unwrap_or_else(|| panic!("{method} {path} has no RPC"));
    (rpc, Part::Sent(body.unwrap_or(Value::Object(form))))
}

fn is_path(pattern: &str, path: &str) -> bool {
    let pattern: Vec<_> = pattern.split('/').skip(1).collect();
    let path: Vec<_> = path.split('/').collect();
    pattern.len() == path.len()
        && pattern.iter().zip(&path).all(|(pattern, segment)| *pattern == "*" || pattern == segment)
}

/// The words of a command, as far as quotes and continued lines go.
fn shell_words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => word.get_or_insert_default().push(c),
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c == '\\' => {
                let next = chars.next();
                if next != Some('\n') {
                    word.get_or_insert_default().extend(next);
                }
            }
            None if c.is_whitespace() => words.extend(word.take()),
            None => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}
