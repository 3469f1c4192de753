//! Grid's error bodies, as its OpenAPI has them since September 2026 and as it had them before: code, words and details
//! of each reach the caller.

use serde_json::{Value, json};
use tonic::Code;

use crate::support::api::{RPCS, Rpc};
use crate::support::details::Details;
use crate::support::errors_doc;
use crate::support::fake_grid::Reply;
use crate::support::samples;
use crate::support::stage::Stage;

/// What each status comes with.
const ERRORS: &[(u16, &[&str])] = &[
    (400, &["INVALID_INPUT", "END_USER_TERMS_VERSION_NOT_FOUND", "LOW_QUALITY"]),
    (401, &["UNAUTHORIZED", "INVALID_SIGNATURE", "WALLET_SIGNATURE_MISSING", "WALLET_SIGNATURE_INVALID"]),
    (403, &["FORBIDDEN", "USER_NOT_READY", "END_USER_TERMS_NOT_ACCEPTED", "CUSTOMER_NOT_VERIFIED"]),
    (404, &["USER_NOT_FOUND", "CUSTOMER_NOT_FOUND", "DOCUMENT_HOLDER_NOT_FOUND", "VERIFICATION_NOT_FOUND"]),
    (405, &["METHOD_NOT_ALLOWED"]),
    (409, &["CONFLICT", "UMA_ADDRESS_EXISTS", "SMS_OTP_PHONE_NUMBER_ALREADY_EXISTS", "SMS_OTP_CREDENTIAL_SET_CHANGED"]),
    (410, &["CUSTOMER_DELETED"]),
    (422, &["DOCUMENT_REJECTED"]),
    (424, &["EMAIL_OTP_CREDENTIAL_SYNC_FAILED", "SMS_OTP_CREDENTIAL_SYNC_FAILED"]),
    (500, &["INTERNAL_ERROR", "GRID_SWITCH_ERROR"]),
    (501, &["NOT_IMPLEMENTED", "UNRECOGNIZED_MANDATORY_PAYEE_DATA_KEY"]),
];

const WORDS: &str = "it can't be done now";

fn new_body(code: &str, details: &Value) -> Value {
    json!({ "code": code, "reason": WORDS, "details": details })
}

fn old_body(status: u16, code: &str, details: &Value) -> Value {
    json!({ "status": status, "code": code, "message": WORDS, "details": details })
}

#[tokio::test]
async fn code_words_and_details_of_every_error_reach_the_caller() {
    let stage = Stage::start().await;
    let errors = json!([
        { "field": "notes", "message": "too long", "constraint": { "maxLength": 9 } }, { "field": "tags" }, "and more",
    ]);
    for rpc in RPCS.iter().filter(|rpc| ["CreateBeneficialOwner", "GetCustomer", "UploadDocument"].contains(&rpc.name))
    {
        for &(status, codes) in ERRORS {
            for &code in codes {
                let details = json!({ "note": "anything", "attemptsLeft": 2, "errors": errors });
                for body in [new_body(code, &details), old_body(status, code, &details)] {
                    stage.on(rpc, Reply::json(status, body.clone()));
                    let told = stage.call(rpc, &samples::sent_by(rpc.name)).await.unwrap_err();
                    assert_eq!(
                        told.code(),
                        errors_doc::code_of_refusal(rpc.name, status, Some(code)),
                        "{} {body}",
                        rpc.name
                    );
                    assert!(told.message().contains(WORDS), "{body} became {told:?}");
                    let details = Details::of(&told);
                    assert_eq!((details.reason.as_str(), details.domain.as_str()), (code, "grid.lightspark.com"));
                    let metadata = |name: &str| details.metadata.get(name).map(String::as_str);
                    assert_eq!(metadata("details_note"), Some("anything"));
                    assert_eq!(metadata("details_attempts_left"), Some("2"));
                    let bad: Vec<_> = details.bad_fields.iter().map(|(_, description)| description.as_str()).collect();
                    assert_eq!(bad, ["too long", "is not valid", "and more"]);
                    assert_eq!(details.bad_fields[2].0, "", "the request as a whole");
                    let fields = details.field_errors.unwrap().errors;
                    let names: Vec<_> = fields.iter().map(|error| error.grid_field.as_str()).collect();
                    assert_eq!((names, fields[0].max_length), (vec!["notes", "tags", ""], Some(9)));
                }
            }
        }
    }
}

#[tokio::test]
async fn a_part_that_is_not_as_documented_costs_no_other() {
    let stage = Stage::start().await;
    let rpc = Rpc::named("UpdateCustomer");
    for details in [
        json!({ "errors": ["words"] }),
        json!({ "errors": [{ "field": "umaAddress", "constraint": { "minLength": 1.0 } }] }),
        json!({ "lockedUntil": 1_767_225_600 }),
        json!(["words"]),
        json!("words"),
        json!(7),
    ] {
        for body in [new_body("UMA_ADDRESS_EXISTS", &details), old_body(409, "UMA_ADDRESS_EXISTS", &details)] {
            stage.on(rpc, Reply::json(409, body.clone()));
            let told = stage.call(rpc, &samples::sent_by(rpc.name)).await.unwrap_err();
            assert_eq!((told.code(), Details::of(&told).reason.as_str()), (Code::AlreadyExists, "UMA_ADDRESS_EXISTS"));
            assert!(told.message().contains(WORDS), "{body}");
        }
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_said_of_the_file() {
    let stage = Stage::start().await;
    let words = ["dataNotReadable", "screenshot", "grayscale", "documentExpired", "upsideDown"];
    let body = json!({ "code": "DOCUMENT_REJECTED", "reason": "no good", "precheckErrors": words });
    for rpc in RPCS.iter().filter(|rpc| rpc.name.ends_with("Document") && rpc.is_upload()) {
        stage.on(rpc, Reply::json(422, body.clone()));
        let told = stage.call(rpc, &samples::sent_by(rpc.name)).await.unwrap_err();
        assert_eq!(told.code(), Code::InvalidArgument);
        let details = Details::of(&told);
        assert_eq!((details.reason.as_str(), details.bad_paths()), ("DOCUMENT_REJECTED", vec!["chunk"; 5]));
        assert!(details.bad_fields.iter().zip(words).all(|((_, said), word)| said.starts_with(word)), "{details:?}");
        let bad = tonic_types::StatusExt::get_details_bad_request(&told).unwrap().field_violations;
        assert_eq!(bad.len(), 5);
        let fields = details.field_errors.unwrap().errors;
        assert!(fields.iter().zip(words).all(|(field, word)| field.message.as_deref() == Some(word)));
    }
}

#[tokio::test]
async fn many_details_stay_within_bounds() {
    let stage = Stage::start().await;
    let rpc = Rpc::named("UpdateCustomer");
    let more = (0..200).map(|index| (format!("note{index}"), json!("n ".repeat(400))));
    let mut details: serde_json::Map<_, _> = more.collect();
    details.insert("errors".to_owned(), json!(vec![json!({ "field": "notes", "message": "m ".repeat(300) }); 50]));
    stage.on(rpc, Reply::json(409, new_body("UMA_ADDRESS_EXISTS", &Value::Object(details))));
    let told = stage.call(rpc, &samples::sent_by(rpc.name)).await.unwrap_err();
    assert!(told.details().len() <= 4096);
    let details = Details::of(&told);
    assert_eq!((details.reason.as_str(), details.field_errors.unwrap().truncated), ("UMA_ADDRESS_EXISTS", true));
}
