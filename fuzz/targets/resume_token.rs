//! Any text as a resume token: it is none, or it is the very text that its content is written as.

#![no_main]

use gridgate::kyc::token::ResumeToken;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(token) = ResumeToken::parse(text) {
        assert_eq!(token.encode(), text);
    }
});
