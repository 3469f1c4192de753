//! Grid's refusals: what is kept of them, and what is taken out.

use gridgate::grid::{Error, Operation, Refusal};
use serde_json::{Value, json};

use super::*;
use crate::support::fake_grid::{FakeGrid, Reply};

async fn refused(operation: Operation, reply: Reply) -> Refusal {
    let upstream = FakeGrid::start().await;
    upstream.on(operation.method().as_str(), &path_of(operation), reply);
    match perform(&client(upstream.base_url()), &call(), operation).await {
        Err(Error::Answered(refusal)) => *refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_bad_field_is_kept_with_its_constraint() {
    let body = json!({
        "status": 400, "code": "INVALID_INPUT", "message": "2 fields are invalid", "more": true,
        "details": { "unknown": 1, "errors": [
            { "field": "address.country", "message": "must be ISO 3166", "constraint": {
                "format": "iso3166-1-alpha-2", "pattern": "^[A-Z]{2}$", "enum": ["US", "DE"], "minLength": 2, "maxLength": 2 } },
            { "field": "fullName" },
        ] },
    });
    let refusal = refused(Operation::UpdateCustomer, Reply::json(400, body)).await;
    assert_eq!((refusal.operation, refusal.status), (Operation::UpdateCustomer, 400));
    assert_eq!(refusal.code.as_deref(), Some("INVALID_INPUT"));
    assert_eq!(refusal.message.as_deref(), Some("2 fields are invalid"));
    let fields: Vec<_> = refusal.field_errors.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(fields, ["address.country", "fullName"]);
    let constraint = refusal.field_errors[0].constraint.as_ref().unwrap();
    assert_eq!((constraint.min_length, constraint.allowed.len()), (Some(2), 2));
}

#[tokio::test]
async fn the_words_are_the_reason_or_the_older_message() {
    for (body, words) in [
        (json!({ "code": "CONFLICT", "reason": "taken" }), Some("taken")),
        (json!({ "status": 409, "code": "CONFLICT", "message": "taken" }), Some("taken")),
        (json!({ "code": "CONFLICT", "reason": "taken", "message": "old words" }), Some("taken")),
        (json!({ "code": "CONFLICT", "reason": null, "message": "old words" }), Some("old words")),
        (json!({ "code": "CONFLICT", "reason": "", "message": "old words" }), Some("old words")),
        (json!({ "code": "CONFLICT", "reason": { "no": "words" }, "message": "old words" }), Some("old words")),
        (json!({ "code": "CONFLICT", "reason": ["one", "two"] }), Some("one; two")),
        (json!({ "code": "CONFLICT", "reason": 7 }), Some("7")),
        (json!({ "code": "CONFLICT" }), None),
    ] {
        let refusal = refused(Operation::UpdateCustomer, Reply::json(409, body.clone())).await;
        assert_eq!((refusal.code.as_deref(), refusal.message.as_deref()), (Some("CONFLICT"), words), "{body}");
    }
}

/// The bad fields of a refusal whose body has these parts beside code and reason.
async fn bad_fields_of(parts: Value) -> Vec<(String, Option<String>)> {
    let mut body = json!({ "code": "UMA_ADDRESS_EXISTS", "reason": "taken" });
    body.as_object_mut().unwrap().extend(parts.as_object().unwrap().clone());
    let refusal = refused(Operation::UpdateCustomer, Reply::json(409, body)).await;
    assert_eq!((refusal.code.as_deref(), refusal.message.as_deref()), (Some("UMA_ADDRESS_EXISTS"), Some("taken")));
    refusal.field_errors.into_iter().map(|error| (error.field, error.message)).collect()
}

#[tokio::test]
async fn bad_fields_are_read_however_they_are_written() {
    for (parts, expected) in [
        (json!({ "details": { "errors": ["too short", "no name"] } }), vec![("", "too short"), ("", "no name")]),
        (json!({ "details": { "errors": "too short" } }), vec![("", "too short")]),
        (json!({ "details": { "errors": { "field": "taxId", "message": "bad" } } }), vec![("taxId", "bad")]),
        (
            json!({ "details": { "errors": { "taxId": "bad", "fullName": ["short", "odd"] } } }),
            vec![("fullName", "short; odd"), ("taxId", "bad")],
        ),
        (json!({ "details": { "errors": [{ "field": "taxId", "reason": "bad" }] } }), vec![("taxId", "bad")]),
        (
            json!({ "details": { "errors": [{ "field": ["address", "line1"], "message": 7 }] } }),
            vec![("address.line1", "7")],
        ),
        (json!({ "details": { "errors": [null, 7, {}, [], { "field": "taxId" }] } }), vec![("", "7"), ("taxId", "")]),
        (json!({ "details": [{ "field": "taxId", "message": "bad" }] }), vec![("taxId", "bad")]),
        (json!({ "details": "too short" }), vec![("", "too short")]),
        (json!({ "errors": [{ "field": "taxId", "message": "bad" }] }), vec![("taxId", "bad")]),
        (json!({ "details": { "errors": 7.5 } }), vec![("", "7.5")]),
        (
            json!({ "details": { "errors": { "jane@example.com": "bad", "Jane Doe": "odd", "1990-01-15": "late" } } }),
            vec![("", "late"), ("", "odd"), ("", "bad")],
        ),
        (
            json!({ "errors": [{ "field": "$.roles[0]" }, { "field": "/a/b-c" }] }),
            vec![("$.roles[0]", ""), ("/a/b-c", "")],
        ),
        (json!({ "details": { "errors": null } }), vec![]),
        (json!({ "details": null }), vec![]),
        (json!({ "details": false, "status": "409", "more": [[[]]] }), vec![("", "false")]),
    ] {
        let got = bad_fields_of(parts.clone()).await;
        let got: Vec<_> =
            got.iter().map(|(field, message)| (field.as_str(), message.as_deref().unwrap_or_default())).collect();
        assert_eq!(got, expected, "{parts}");
    }
}

#[tokio::test]
async fn each_part_of_a_constraint_is_read_by_itself() {
    let constraint = json!({
        "format": { "name": "email" }, "pattern": "^a$", "enum": ["A", 7, null, { "b": 1 }], "minLength": 1.0,
        "maxLength": 1e2,
    });
    let body = json!({
        "code": "INVALID_INPUT", "reason": "bad", "details": { "errors": [{ "field": "taxId", "constraint": constraint }] },
    });
    let refusal = refused(Operation::UpdateCustomer, Reply::json(400, body)).await;
    let constraint = refusal.field_errors[0].constraint.clone().unwrap();
    assert_eq!((constraint.format, constraint.pattern.as_deref()), (None, Some("^a$")));
    assert_eq!(constraint.allowed, ["A", "7"]);
    assert_eq!((constraint.min_length, constraint.max_length), (Some(1), Some(100)));
}

#[tokio::test]
async fn a_mistake_in_the_json_costs_only_what_comes_after_it() {
    let nested = format!("{}1{}", "[".repeat(2000), "]".repeat(2000));
    for body in [
        r#"{"code":"UMA_ADDRESS_EXISTS","reason":"taken","details":{"limit":NaN}}"#.to_owned(),
        r#"{"code":"UMA_ADDRESS_EXISTS","reason":"taken","details":{"#.to_owned(),
        r#"{"code":"UMA_ADDRESS_EXISTS","reason":"taken",}"#.to_owned(),
        r#"{"code":"UMA_ADDRESS_EXISTS","reason":"taken"} and more"#.to_owned(),
        r#"{"code":"WRONG","code":"UMA_ADDRESS_EXISTS","reason":"taken","details":{"n":1e999}}"#.to_owned(),
        format!(r#"{{"details":{{"deep":{nested}}},"code":"UMA_ADDRESS_EXISTS","reason":"taken"}}"#),
    ] {
        let reply = Reply::bytes(409, "application/json", body.clone());
        let refusal = refused(Operation::UpdateCustomer, reply).await;
        let read = (refusal.code.as_deref(), refusal.message.as_deref());
        assert_eq!(read, (Some("UMA_ADDRESS_EXISTS"), Some("taken")), "{body:.80}");
    }
}

#[tokio::test]
async fn text_that_is_no_unicode_costs_no_code() {
    for (body, words) in [
        (&b"\xef\xbb\xbf{\"code\":\"UMA_ADDRESS_EXISTS\",\"reason\":\"taken\"}"[..], Some("taken")),
        (b"{\"code\":\"UMA_ADDRESS_EXISTS\",\"reason\":\"tak\xffen\"}", Some("tak\u{fffd}en")),
        (
            b"{\"reason\":\"taken \\ud83d\",\"message\":\"taken\",\"code\":\"UMA_ADDRESS_EXISTS\"}",
            Some("taken \u{fffd}"),
        ),
    ] {
        let refusal = refused(Operation::UpdateCustomer, Reply::bytes(409, "application/json", body)).await;
        assert_eq!((refusal.code.as_deref(), refusal.message.as_deref()), (Some("UMA_ADDRESS_EXISTS"), words));
    }
}

#[tokio::test]
async fn the_file_of_a_rejected_document_says_what_is_wrong_with_it() {
    let words = ["dataNotReadable", "screenshot", "grayscale", "documentExpired"];
    for body in [
        json!({ "code": "DOCUMENT_REJECTED", "reason": "no", "precheckErrors": words }),
        json!({ "code": "DOCUMENT_REJECTED", "reason": "no", "details": { "precheckErrors": words } }),
        json!({ "code": "DOCUMENT_REJECTED", "reason": "no", "precheckErrors": [words[0], words[1], null, words[2], {}, words[3]] }),
        json!({ "code": "DOCUMENT_REJECTED", "reason": "no", "precheckErrors": [{ "code": words[0] }, { "type": words[1] }, words[2],
            { "documentExpired": true, "other": false }] }),
    ] {
        let refusal = refused(Operation::UploadDocument, Reply::json(422, body)).await;
        assert_eq!(
            (refusal.code.as_deref(), refusal.precheck_errors),
            (Some("DOCUMENT_REJECTED"), words.map(str::to_owned).to_vec())
        );
    }
}

#[tokio::test]
async fn other_details_are_kept_where_they_say_nothing_of_a_person() {
    let id = "Customer:019542f5-b3e7-1d02-0000-000000000001";
    let body = json!({ "code": "CONFLICT", "reason": "no", "details": {
        "column": "umaAddress", "row": 7, "isFinal": true, "nothing": null, "no name": 1, "why": "missing_required_column",
        "customerId": id, "since": "2026-05-06T07:08:09Z",
        // A person's, and so may be any of these.
        "existingCustomer": { "fullName": "Canary Jane", "birthDate": "1990-01-15", "taxId": "123-45-6789" },
        "owners": ["Canary"], "email": "canary@example.com", "raw": "Canary Jane is there", "who": "Canary", "tax_id": 123_456_789,
        "birthDate": "1990-01-15T00:00:00Z", "when": "1990-01-15", "number": "C01X00T47", "call": "+14155550100",
        "lastName": "canary", "long": "x".repeat(5000),
    } });
    let refusal = refused(Operation::UpdateCustomer, Reply::json(409, body)).await;
    let more: Vec<_> = refusal.more.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let kept = [
        ("column", "umaAddress"),
        ("customerId", id),
        ("isFinal", "true"),
        ("row", "7"),
        ("since", "2026-05-06T07:08:09Z"),
        ("why", "missing_required_column"),
    ];
    assert_eq!(more, kept);
}

#[tokio::test]
async fn our_own_credentials_are_not_repeated() {
    let words = "client-id with client-secret, Y2xpZW50LWlkOmNsaWVudC1zZWNyZXQ= is unknown";
    let refusal = refused(Operation::GetCustomer, Reply::error(401, "UNAUTHORIZED", words)).await;
    assert_eq!(refusal.message.as_deref(), Some("… with …, …= is unknown"));
    for status in [400, 403, 404, 409, 429, 500] {
        let refusal = refused(Operation::DeleteCustomer, Reply::error(status, "FORBIDDEN", words)).await;
        assert_eq!(refusal.message.as_deref(), Some("client-id with …, …= is unknown"), "{status}");
    }
}

#[tokio::test]
async fn what_a_message_repeats_of_the_request_is_taken_out() {
    let body = json!({
        "status": 400, "code": "INVALID_INPUT", "message": "'Ada Byron' is no full name: ADA is too short",
        "details": { "errors": [{ "field": "fullName", "message": "Byron?" }] },
    });
    for operation in [Operation::CreateCustomer, Operation::UpdateCustomer, Operation::UpdateCustomerSigned] {
        let refusal = refused(operation, Reply::json(400, body.clone())).await;
        assert_eq!(refusal.message.as_deref(), Some("'…' is no full name: … is too short"));
        assert_eq!(refusal.field_errors[0].message.as_deref(), Some("…?"));
        let shown = format!("{refusal} {refusal:?} {}", Error::Answered(Box::new(refusal.clone())));
        assert!(!shown.to_lowercase().contains("byron"), "{shown}");
    }
    let echo = Reply::error(400, "INVALID_INPUT", "number C01X00T47 in passport.pdf");
    let refusal = refused(Operation::UploadDocument, echo).await;
    assert_eq!(refusal.message.as_deref(), Some("number … in …"));
}

#[tokio::test]
async fn a_locked_resource_says_until_when() {
    let body = json!({ "code": "LOCKED", "details": { "lockedUntil": "2026-05-06T07:08:09Z" } });
    let refusal = refused(Operation::SubmitVerification, Reply::json(423, body)).await;
    assert_eq!(refusal.locked_until, Some("2026-05-06T07:08:09Z".parse().unwrap()));
    let until = "2026-05-06T07:08:09Z".parse::<jiff::Timestamp>().unwrap();
    for (said, expected) in [
        (json!(until.as_second()), Some(until)),
        (json!(until.as_millisecond()), Some(until)),
        (json!(until.as_second().to_string()), Some(until)),
        (json!(1.5e9), Some("2017-07-14T02:40:00Z".parse().unwrap())),
        (json!("2026-05-06T09:08:09+02:00"), Some(until)),
        (json!(1e300), None),
        (json!("soon"), None),
        (json!([until.as_second()]), None),
        (Value::Null, None),
    ] {
        let body = json!({ "code": "LOCKED", "reason": "later", "details": { "lockedUntil": said, "note": "n" } });
        let refusal = refused(Operation::SubmitVerification, Reply::json(423, body)).await;
        assert_eq!((refusal.code.as_deref(), refusal.locked_until), (Some("LOCKED"), expected), "{said}");
        let note = refusal.more.last().map(|(name, text)| (name.as_str(), text.as_str()));
        assert_eq!(note, Some(("note", "n")));
        assert_eq!(
            refusal.more.len() == 2,
            expected.is_none() && !said.is_null() && !said.is_array(),
            "what can't be read is told as it is, if it is no object or list"
        );
    }
}

#[tokio::test]
async fn a_body_that_is_no_error_of_grids_leaves_the_status() {
    let bodies = [
        Reply::empty(418),
        Reply::bytes(418, "text/html", "<html><h1>I'm a teapot, Ada Byron</h1></html>"),
        Reply::json(418, json!(["what", "ever"])),
        Reply::json(418, Value::Null),
        Reply::json(418, json!({ "code": 7, "message": {} })),
        Reply::json(418, json!({ "code": "not a code but a sentence" })),
    ];
    for reply in bodies {
        let refusal = refused(Operation::UpdateCustomer, reply).await;
        assert_eq!((refusal.status, refusal.code, refusal.message), (418, None, None));
    }
}

#[tokio::test]
async fn a_code_nobody_has_heard_of_is_kept() {
    let refusal = refused(Operation::GetCustomer, Reply::error(409, "QUANTUM_ENTANGLED", "try later")).await;
    assert_eq!(refusal.code.as_deref(), Some("QUANTUM_ENTANGLED"));
}

#[tokio::test]
async fn long_texts_are_bounded() {
    let errors: Vec<_> = (0..500)
        .map(|n| json!({ "field": "f".repeat(1000), "message": format!("{n} {}", "m ".repeat(5000)) }))
        .collect();
    let body = json!({ "code": "INVALID_INPUT", "message": "m ".repeat(50_000), "details": { "errors": errors } });
    let refusal = refused(Operation::UpdateCustomer, Reply::json(400, body)).await;
    assert!(refusal.message.unwrap().chars().count() <= 1024);
    assert_eq!(refusal.field_errors.len(), 100);
    for error in refusal.field_errors {
        assert!(error.field.len() <= 256 && error.message.unwrap().chars().count() <= 1024);
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = FakeGrid::start().await;
    for status in [301, 302, 303, 307, 308] {
        for operation in [Operation::GetCustomer, Operation::SubmitVerification, Operation::UploadDocument] {
            let upstream = FakeGrid::start().await;
            let reply = Reply::empty(status).header("location", elsewhere.base_url());
            upstream.on(operation.method().as_str(), &path_of(operation), reply);
            let performed = perform(&client(upstream.base_url()), &call(), operation).await;
            assert!(
                matches!(performed, Err(Error::Redirected { status: got, .. }) if got == status),
                "{operation}: {performed:?}"
            );
            assert_eq!(upstream.requests().len(), 1);
        }
    }
    assert_eq!(elsewhere.connections(), 0, "no credentials went elsewhere");
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let upstream = FakeGrid::start().await;
    let limit = 64 * 1024;
    let config = ClientConfig { max_answer_bytes: limit, ..config(upstream.base_url()) };
    let client = Client::new(config).unwrap();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let announced = format!("{head}content-length: 99999999999\r\n\r\n{{");
    let unannounced = format!("{head}\r\n{}", "[".repeat(limit + 1));
    for bytes in [announced, unannounced] {
        upstream.on("GET", "/config", Reply::raw(bytes));
        let performed = perform(&client, &call(), Operation::GetPlatformConfig).await;
        let Err(Error::ReadLost { cause, .. }) = performed else { panic!("{performed:?}") };
        assert!(cause.contains("larger than"), "{cause}");
    }
    upstream.on("GET", "/config", Reply::raw(format!("{head}\r\n{}{{}}", " ".repeat(limit - 2))));
    perform(&client, &call(), Operation::GetPlatformConfig).await.unwrap();
}
