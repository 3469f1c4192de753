//! What callers are told of Grid's errors: the fields in the API's own paths, what a call was about, and none of the
//! personal data that Grid repeats.

use std::time::Duration;

use serde_json::{Value, json};
use tonic::Code;

use crate::support::api::{RPCS, Rpc, Sends};
use crate::support::details::Details;
use crate::support::equivalent::{self, Placed};
use crate::support::fake_grid::Reply;
use crate::support::samples;
use crate::support::stage::Stage;

/// So many fields fit into the details of a status.
const AT_ONCE: usize = 6;

/// RPCs that send something, and every leaf of it.
fn leaves() -> impl Iterator<Item = (&'static Rpc, Value, Vec<Placed>)> {
    let sending = samples::sent().into_iter().filter(|(name, sent)| *sent == samples::sent_by(name));
    sending.map(|(name, sent)| {
        let rpc = Rpc::named(name);
        let placed = equivalent::request(rpc, "", &sent).placed;
        (rpc, sent, placed)
    })
}

#[tokio::test]
async fn bad_fields_are_named_by_their_path_in_the_request() {
    let stage = Stage::start().await;
    for (rpc, sent, placed) in leaves() {
        for leaves in placed.chunks(AT_ONCE) {
            let error =
                |leaf: &Placed| json!({ "field": leaf.grid, "message": "no good", "constraint": { "maxLength": 3 } });
            let errors: Vec<_> = leaves.iter().map(error).collect();
            let body =
                json!({ "status": 400, "code": "INVALID_INPUT", "message": "bad", "details": { "errors": errors } });
            stage.on(rpc, Reply::json(400, body));
            let status = stage.call(rpc, &sent).await.unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument);
            let details = Details::of(&status);
            let expected: Vec<_> = leaves.iter().map(|leaf| leaf.api.as_str()).collect();
            assert_eq!(details.bad_paths(), expected, "{}", rpc.name);
            let errors = details.field_errors.unwrap();
            assert_eq!((errors.total_errors, errors.truncated), (i32::try_from(leaves.len()).unwrap(), false));
            for (error, leaf) in errors.errors.iter().zip(leaves) {
                assert_eq!((&error.field, &error.grid_field), (&leaf.api, &leaf.grid));
                assert_eq!((error.max_length, error.min_length), (Some(3), None));
            }
        }
    }
}

#[tokio::test]
async fn a_bad_file_is_named_as_what_it_came_in() {
    let stage = Stage::start().await;
    for rpc in RPCS.iter().filter(|rpc| rpc.is_upload()) {
        let error =
            json!({ "code": "LOW_QUALITY", "message": "blurred", "details": { "errors": [{ "field": "file" }] } });
        stage.on(rpc, Reply::json(400, error));
        let status = stage.call(rpc, &samples::sent_by(rpc.name)).await.unwrap_err();
        let details = Details::of(&status);
        assert_eq!((details.reason.as_str(), details.bad_paths()), ("LOW_QUALITY", vec!["chunk"]), "{}", rpc.name);
    }
}

#[tokio::test]
async fn every_bad_field_is_there_or_counted() {
    let stage = Stage::start().await;
    let rpc = Rpc::named("CreateCustomer");
    let errors: Vec<_> = (0..90)
        .map(|index| json!({ "field": format!("address.line{index}"), "message": "must be shorter than it is" }))
        .collect();
    stage.on(rpc, Reply::json(400, json!({ "code": "INVALID_INPUT", "details": { "errors": errors } })));
    let status = stage.call(rpc, &samples::sent_by(rpc.name)).await.unwrap_err();
    assert!(status.details().len() <= 4096, "{} bytes of details", status.details().len());
    let details = Details::of(&status);
    let errors = details.field_errors.unwrap();
    assert_eq!((errors.total_errors, errors.truncated), (90, true));
    let omitted: usize = details.metadata["field_violations_omitted"].parse().unwrap();
    assert_eq!(details.bad_fields.len() + omitted, 90);
    assert!(details.bad_fields.len() > 5, "as many as there is room for");
}

#[tokio::test]
async fn personal_data_that_grid_repeats_is_left_out() {
    let stage = Stage::start().await;
    for (rpc, sent, placed) in leaves().filter(|(rpc, ..)| rpc.sends != Sends::Query) {
        let value = |leaf: &Placed| sent.pointer(&leaf.pointer).unwrap().as_str().unwrap_or_default().to_owned();
        let said: Vec<_> =
            placed.iter().map(|leaf| format!("'{}' (in {}) is no good", value(leaf), leaf.grid)).collect();
        let errors: Vec<_> = placed
            .iter()
            .zip(&said)
            .take(AT_ONCE)
            .map(|(leaf, said)| json!({ "field": leaf.grid, "message": said }))
            .collect();
        for words in said.chunks(4) {
            let body = json!({
                "code": "INVALID_INPUT", "message": words.join("; ").to_uppercase(), "details": { "errors": errors },
            });
            stage.on(rpc, Reply::json(400, body));
            let status = stage.call(rpc, &sent).await.unwrap_err();
            let details = Details::of(&status);
            let told = format!("{} {details:?}", status.message()).to_lowercase();
            assert!(told.contains("is no good"), "{}: {told}", rpc.name);
            for leaf in placed.iter().filter(|leaf| leaf.personal && value(leaf).chars().count() > 2) {
                assert!(
                    !told.contains(&format!("'{}'", value(leaf).to_lowercase())),
                    "{}: {} is in {told}",
                    rpc.name,
                    leaf.grid
                );
            }
        }
    }
}

#[tokio::test]
async fn what_a_call_was_about_is_named() {
    let stage = Stage::start().await;
    for rpc in RPCS {
        stage.on(rpc, Reply::error(404, "NOT_FOUND", "no such thing"));
        let status = stage.call(rpc, &samples::sent_by(rpc.name)).await.unwrap_err();
        let details = Details::of(&status);
        assert_eq!(details.metadata["operation"], rpc.name);
        assert_eq!(details.metadata["http_status"], "404");
        let resource = details.resource.as_ref().map(|(kind, name)| (kind.as_str(), name.as_str()));
        let expected = match (rpc.name, rpc.id) {
            ("CreateBeneficialOwner" | "ListBeneficialOwners" | "SubmitVerification", None) => {
                Some(("gridgate.v1.Customer", samples::CUSTOMER))
            }
            ("UploadDocument", None) => Some(("gridgate.v1.DocumentHolder", samples::OWNER)),
            (_, None) => None,
            (_, Some("customer_id")) => Some(("gridgate.v1.Customer", samples::CUSTOMER)),
            (_, Some("beneficial_owner_id")) => Some(("gridgate.v1.BeneficialOwner", samples::OWNER)),
            (_, Some("job_id")) => Some(("gridgate.v1.ImportJob", samples::JOB)),
            (_, Some("verification_id")) => Some(("gridgate.v1.Verification", samples::VERIFICATION)),
            (_, Some(_)) => Some(("gridgate.v1.Document", samples::DOCUMENT)),
        };
        assert_eq!(resource, expected, "{}", rpc.name);
    }
}

#[tokio::test]
async fn a_lock_says_when_it_ends() {
    let stage = Stage::start().await;
    let rpc = Rpc::named("UpdateCustomer");
    let until = jiff::Timestamp::now() + Duration::from_secs(600);
    let body = json!({ "code": "LOCKED", "message": "later", "details": { "lockedUntil": until.to_string() } });
    stage.on(rpc, Reply::json(423, body));
    let status = stage.call(rpc, &samples::sent_by(rpc.name)).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    let wait = Details::of(&status).retry_after.unwrap();
    assert!(wait > Duration::from_secs(500) && wait <= Duration::from_secs(600), "{wait:?}");
}

#[tokio::test]
async fn sentences_name_fields_as_this_api_does() {
    let stage = Stage::start().await;
    for (rpc, sent, placed) in leaves() {
        for leaf in placed.iter().filter(|leaf| leaf.grid.contains(|c: char| c.is_ascii_uppercase())) {
            let said = format!("{} is no good.", leaf.grid);
            let errors = json!([{ "field": "address.line1", "message": said }]);
            let body = json!({ "code": "INVALID_INPUT", "reason": said, "details": { "errors": errors } });
            stage.on(rpc, Reply::json(400, body));
            let status = stage.call(rpc, &sent).await.unwrap_err();
            if status.message().contains('…') {
                continue; // The request has the field's name as a value too.
            }
            let details = Details::of(&status);
            let expected = format!("{} is no good.", leaf.api);
            assert_eq!(status.message(), format!("Grid: {expected}"), "{}: {}", rpc.name, leaf.grid);
            assert_eq!(details.bad_fields[0].1, expected);
            let errors = details.field_errors.unwrap().errors;
            assert_eq!(
                (errors[0].message.as_deref(), errors[0].grid_field.as_str()),
                (Some(&*expected), "address.line1")
            );
        }
    }
}
