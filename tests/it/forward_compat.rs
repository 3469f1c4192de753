//! Grid may add fields, words and error codes at any time, and leave out what it used to say. No call fails of it.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tonic::Code;

use crate::support::api::{RPCS, Repeat, Rpc, Sends};
use crate::support::details::Details;
use crate::support::diff::differences;
use crate::support::fake_grid::Reply;
use crate::support::odd::{self, Odd};
use crate::support::samples;
use crate::support::stage::Stage;
use crate::support::{equivalent, errors_doc};

/// A word that is in none of Grid's vocabularies.
const NEW_WORD: &str = "A_WORD_OF_TOMORROW";

/// Checks that what Grid answers now comes back as `known` would, the part of it that this version knows.
async fn comes_back_as(stage: &Stage, rpc: &Rpc, answer: &Value, known: &Value, what: &str) {
    stage.answers(rpc, answer);
    let got = stage.call(rpc, &samples::sent_by(rpc.name)).await;
    let got = got.unwrap_or_else(|status| panic!("{}, {what}: {status:?}", rpc.name));
    let expected = equivalent::answer(rpc, known).message;
    let differences = differences(&odd::without_losses(&expected), &odd::without_losses(&got));
    assert!(differences.is_empty(), "{}, {what}: {differences:#?}", rpc.name);
}

/// Everything that Grid answers, whole.
fn full_answers() -> impl Iterator<Item = (&'static Rpc, Value)> {
    samples::answered().into_iter().map(|(name, answer)| (Rpc::named(name), answer))
}

/// Each kind of answer once, for what is tried with every field of it: RPCs that answer the same, do so by the same code.
fn kinds_of_answers() -> Vec<(&'static Rpc, Value)> {
    let mut kinds: Vec<(&Rpc, Value)> = Vec::new();
    for (rpc, answer) in full_answers() {
        let is_new = |known: &(&Rpc, Value)| (known.0.answered(), &known.1) != (rpc.answered(), &answer);
        if kinds.iter().all(is_new) {
            kinds.push((rpc, answer));
        }
    }
    kinds
}

#[tokio::test]
async fn fields_that_nobody_has_heard_of_are_ignored() {
    let stage = Stage::start().await;
    // The configuration passes on what it does not know.
    for (rpc, answer) in full_answers().filter(|(rpc, _)| rpc.answers != "platform_config") {
        let mut extended = answer.clone();
        extend(&mut extended);
        comes_back_as(&stage, rpc, &extended, &answer, "with new fields").await;
    }
}

#[tokio::test]
async fn words_that_nobody_has_heard_of_are_passed_on() {
    let stage = Stage::start().await;
    let mut enums = 0;
    for (rpc, answer) in kinds_of_answers().into_iter().filter(|(rpc, _)| rpc.sends != Sends::Query) {
        for leaf in equivalent::answer(rpc, &answer).placed {
            if !(leaf.is_enum || leaf.is_text) {
                continue;
            }
            let mut changed = answer.clone();
            *changed.pointer_mut(&leaf.pointer).unwrap() = json!(NEW_WORD);
            let expected = serde_json::to_string(&equivalent::answer(rpc, &changed).message).unwrap();
            assert!(expected.contains(NEW_WORD), "{}: the word for {} is lost", rpc.name, leaf.grid);
            enums += usize::from(leaf.is_enum);
            comes_back_as(&stage, rpc, &changed, &changed, &leaf.grid).await;
        }
    }
    assert!(enums > 10, "the samples have enums");
}

#[tokio::test]
async fn a_field_that_is_not_as_documented_costs_itself_alone() {
    let kinds = kinds_of_answers();
    let share = kinds.len().div_ceil(4);
    let tried = join_all(kinds.chunks(share).map(async |kinds| {
        let stage = Stage::start().await;
        let mut tried = 0;
        for (rpc, answer) in kinds {
            for Odd { what, place: _, answer, like } in odd::variations(rpc, answer) {
                comes_back_as(&stage, rpc, &answer, &like, &what).await;
                tried += 1;
            }
        }
        tried
    }));
    assert!(tried.await.into_iter().sum::<usize>() > 2000, "the samples have every field");
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_named_and_the_others_are_there() {
    let stage = Stage::start().await;
    for (rpc, answer) in kinds_of_answers().into_iter().filter(|(rpc, _)| rpc.sends == Sends::Query) {
        let rows = answer["data"].as_array().unwrap();
        for (odd, field) in
            [(json!({ "email": "Jane" }), "id"), (json!({ "id": 17 }), "id"), (json!("Jane"), ""), (json!(null), "")]
        {
            let mut changed = answer.clone();
            changed["data"].as_array_mut().unwrap().insert(0, odd);
            stage.answers(rpc, &changed);
            let got = stage.call(rpc, &samples::sent_by(rpc.name)).await.unwrap();
            let got = serde_json::to_value(&got).unwrap();
            let mut expected = serde_json::to_value(equivalent::answer(rpc, &answer).message).unwrap();
            expected["unreadableRows"] = if field.is_empty() { json!([{}]) } else { json!([{ "field": field }]) };
            assert_eq!(differences(&expected, &got), Vec::<String>::new(), "{} with {} rows", rpc.name, rows.len());
        }
    }
}

#[tokio::test]
async fn an_answer_without_what_makes_it_one_can_t_be_understood() {
    let stage = Stage::start().await;
    for (rpc, answer) in kinds_of_answers() {
        for name in answer.as_object().unwrap().keys().filter(|name| odd::is_identity(rpc, &format!("/{name}"))) {
            let mut without = answer.clone();
            without.as_object_mut().unwrap().remove(name);
            // With it, there is a way past a page that says nothing.
            without.as_object_mut().unwrap().remove("nextCursor");
            stage.answers(rpc, &without);
            let status = stage.call(rpc, &samples::sent_by(rpc.name)).await.unwrap_err();
            let reason = if rpc.repeat == Repeat::Read { "GRID_UNREADABLE" } else { "OUTCOME_UNKNOWN" };
            assert_eq!(Details::of(&status).reason, reason, "{} without {name}", rpc.name);
        }
    }
}

#[tokio::test]
async fn a_status_of_success_that_nobody_has_heard_of_is_a_success() {
    let stage = Stage::start().await;
    for (rpc, answer) in full_answers().filter(|(rpc, _)| rpc.name != "UpdateCustomer") {
        for status in [200, 201, 202, 203, 207] {
            stage.on(rpc, Reply::json(status, answer.clone()));
            let got = stage.call(rpc, &samples::sent_by(rpc.name)).await;
            assert!(got.is_ok(), "{} answered with {status}: {got:?}", rpc.name);
        }
    }
}

#[tokio::test]
async fn error_codes_that_nobody_has_heard_of_are_passed_on() {
    let stage = Stage::start().await;
    for rpc in RPCS {
        for status in [400, 402, 403, 404, 409, 418, 422, 451, 499, 501, 599] {
            let error = json!({
                "status": status, "code": NEW_WORD, "message": "new", "severity": 9, "hint": ["x"],
                "details": { "shape": { "of": "tomorrow" }, "errors": [{ "constraint": { "shade": "blue" }, "since": 1 }] },
            });
            stage.on(rpc, Reply::json(status, error));
            let got = stage.call(rpc, &samples::sent_by(rpc.name)).await.unwrap_err();
            let details = Details::of(&got);
            assert_eq!(
                got.code(),
                errors_doc::code_of_refusal(rpc.name, status, Some(NEW_WORD)),
                "{} {status}",
                rpc.name
            );
            assert_eq!((details.domain.as_str(), details.reason.as_str()), ("grid.lightspark.com", NEW_WORD));
        }
    }
}

#[tokio::test]
async fn an_error_in_no_known_shape_is_still_an_error_of_its_status() {
    let stage = Stage::start().await;
    let shapes = [
        json!({}),
        json!(null),
        json!("no"),
        json!([1, 2]),
        json!({ "error": { "code": "NESTED" } }),
        json!({ "status": "400", "code": 17, "message": ["no"], "details": "none" }),
        json!({ "code": null, "message": null, "details": null }),
        json!({ "code": "has spaces, and is a sentence", "details": { "errors": null } }),
        json!({ "details": { "errors": [{ "field": 1, "message": 2, "constraint": [] }, null, "x"] } }),
    ];
    for rpc in RPCS {
        for shape in &shapes {
            stage.on(rpc, Reply::json(404, shape.clone()));
            let got = stage.call(rpc, &samples::sent_by(rpc.name)).await.unwrap_err();
            let details = Details::of(&got);
            assert_eq!(got.code(), Code::NotFound, "{}: {shape}", rpc.name);
            assert_eq!((details.domain.as_str(), details.reason.as_str()), ("gridgate", "GRID_ERROR"), "{shape}");
            assert_eq!(details.metadata["http_status"], "404");
        }
    }
}

/// Adds fields to every object.
fn extend(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            // The details of an import's error are passed on as they are, whatever is in them.
            fields.iter_mut().filter(|(name, _)| *name != "details").for_each(|(_, value)| extend(value));
            fields.insert("zz_new".to_owned(), json!({ "deep": [1, { "er": null }], "kycStatus": 5 }));
            fields.insert("Status".to_owned(), json!(1e300));
            fields.insert(String::new(), json!("nameless"));
        }
        Value::Array(items) => items.iter_mut().for_each(extend),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
