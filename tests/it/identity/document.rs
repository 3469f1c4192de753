//! The policies in docs/IDENTITY.md are policies.

use gridgate::identity::{NewToken, Policy};

const DOCUMENT: &str = include_str!("../../../docs/IDENTITY.md");

/// The blocks of a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let begins = format!("```{language}\n");
    DOCUMENT.split(&begins).skip(1).map(|rest| rest.split_once("\n```").unwrap().0).collect()
}

#[test]
fn every_policy_is_read_without_a_mistake() {
    let methods: Vec<_> = gridgate::server::methods().unwrap().grantable().collect();
    let policies = blocks("toml");
    assert!(policies.len() >= 5, "the document was read");
    for policy in policies {
        let mut text = policy.to_owned();
        while text.contains("sha256:…") {
            text = text.replacen("sha256:…", &NewToken::generate().unwrap().hash().to_string(), 1);
        }
        if !text.contains("[callers.") {
            text.push_str("\n[callers.some]\nidentities = [\"spiffe://x/some\"]\nmethods = [\"*/*\"]\n");
        }
        if let Err(mistakes) = Policy::read(&text, &methods) {
            panic!("{mistakes:#?} in\n{text}");
        }
    }
}

#[test]
fn what_callers_hear_is_what_the_table_of_errors_says() {
    let errors = include_str!("../../../docs/ERRORS.md");
    let rows = DOCUMENT.split_once("| | code | reason |").unwrap().1.lines().skip(2);
    let mut count = 0;
    for row in rows.take_while(|line| line.starts_with('|')) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let code = cells[1].split(' ').next().unwrap();
        assert!(errors.contains(&format!("| {} | {code} |", cells[2])), "{row}");
        count += 1;
    }
    assert!(count >= 6, "the table was read");
}
