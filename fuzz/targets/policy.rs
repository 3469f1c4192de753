//! Any policy file.

#![no_main]

use std::sync::{Arc, LazyLock};

use gridgate::identity::Policy;
use libfuzzer_sys::fuzz_target;

static METHODS: LazyLock<Vec<Arc<str>>> = LazyLock::new(|| ["a.v1.One/Get", "a.v1.Two/Set"].map(Arc::from).into());

fuzz_target!(|text: &str| {
    match Policy::read(text, &METHODS) {
        Ok(policy) => assert!(policy.callers() > 0, "a policy without callers"),
        Err(mistakes) => assert!(!mistakes.is_empty() && mistakes.iter().all(|mistake| mistake.line > 0)),
    }
});
