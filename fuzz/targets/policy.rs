//! Any policy file.

#![no_main]

use std::sync::LazyLock;

use gridgate::identity::{Grantable, Policy};
use libfuzzer_sys::fuzz_target;

static METHODS: LazyLock<Vec<Grantable>> = LazyLock::new(|| ["a.v1.One/Get", "a.v1.Two/Set"].map(Grantable::from).into());

fuzz_target!(|text: &str| {
    match Policy::read(text, &METHODS) {
        Ok(policy) => assert!(policy.callers() > 0, "a policy without callers"),
        Err(mistakes) => assert!(!mistakes.is_empty() && mistakes.iter().all(|mistake| mistake.line > 0)),
    }
});
