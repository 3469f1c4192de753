//! Any body, with a good signature: what is behind the signature has to stand everything.

#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use gridgate::kyc::event::{Problem, Subject};
use gridgate::webhook::parse::{Content, Delivery, parse};
use gridgate::webhook::signature::{Received, SIGNATURE_HEADER};
use gridgate_fuzz::Grid;
use http::header::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;

static GRID: LazyLock<Grid> = LazyLock::new(Grid::new);

fuzz_target!(|body: &[u8]| {
    let mut headers = HeaderMap::new();
    headers.insert(SIGNATURE_HEADER, HeaderValue::from_str(&GRID.sign(body)).expect("base64 is a header"));
    let received = Received::new(&headers, Bytes::copy_from_slice(body)).expect("a signature");
    let webhook = received.verify(&GRID.keys).expect("a good signature");
    let Ok(Delivery { id, webhook_type, timestamp: _, content }) = parse(&webhook) else { return };
    assert!(!id.as_str().is_empty() && !webhook_type.as_str().is_empty());
    let about_kyc =
        webhook_type.as_str().starts_with("CUSTOMER.") || webhook_type.as_str().starts_with("VERIFICATION.");
    match content {
        Content::Status { observation, type_disagrees: _ } => {
            assert!(about_kyc);
            assert_eq!(observation.id, id);
            assert!(observation.subject.status_word().bytes().all(|byte| byte.is_ascii_graphic()));
            if let Subject::Verification { id: _, status: _, problems } = &observation.subject {
                assert!(problems.len() <= Problem::MAX_KEPT);
            }
        }
        Content::Unreadable(unreadable) => {
            assert!(about_kyc);
            assert!(unreadable.field_names.len() <= 100);
            let plain =
                |name: &String| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.[]?".contains(&byte));
            assert!(unreadable.field_names.iter().all(plain), "{:?}", unreadable.field_names);
        }
        Content::Test | Content::BulkUpload | Content::Other => assert!(!about_kyc),
    }
    // What another reader of JSON makes of it, as far as it can read it at all.
    if let Ok(json) = serde_json::from_slice::<serde_json::Value>(body) {
        assert_eq!(json["id"].as_str(), Some(id.as_str()));
        assert_eq!(json["type"].as_str(), Some(webhook_type.as_str()));
    }
});
