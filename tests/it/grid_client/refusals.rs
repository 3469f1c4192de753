//! Grid's refusals: what is kept of them, and what is taken out.

use gridgate::grid::{Error, Operation, Refusal};
use serde_json::{Value, json};

use super::*;
use crate::support::upstream::{Reply, Upstream};

async fn refused(operation: Operation, reply: Reply) -> Refusal {
    let upstream = Upstream::start().await;
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
    let elsewhere = Upstream::start().await;
    for status in [301, 302, 303, 307, 308] {
        for operation in [Operation::GetCustomer, Operation::SubmitVerification, Operation::UploadDocument] {
            let upstream = Upstream::start().await;
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
    let upstream = Upstream::start().await;
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
