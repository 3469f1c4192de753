//! Bodies and query parameters of every RPC: whole, and with any one of their fields.

use serde_json::{Value, json};

use crate::support::api::{RPCS, Rpc, Sends};
use crate::support::diff::differences;
use crate::support::equivalent;
use crate::support::samples;
use crate::support::stage::{Stage, said};

#[tokio::test]
async fn everything_that_is_said_reaches_grid() {
    let stage = Stage::start().await;
    stage.answers_everything(RPCS);
    for rpc in RPCS {
        let mut samples: Vec<_> =
            samples::sent().into_iter().filter(|(name, _)| *name == rpc.name).map(|(_, sent)| sent).collect();
        if samples.is_empty() {
            assert!(matches!(rpc.sends, Sends::Nothing | Sends::Csv), "{} has no sample", rpc.name);
            samples.push(json!({}));
        }
        for sent in &samples {
            reaches_grid(&stage, rpc, sent).await;
        }
    }
}

#[tokio::test]
async fn every_field_is_sent_with_and_without_the_others() {
    let stage = Stage::start().await;
    stage.answers_everything(RPCS);
    for (name, sent) in samples::sent() {
        let rpc = Rpc::named(name);
        let placed = equivalent::request(rpc, "", &sent).placed;
        for leaf in placed.iter().filter(|leaf| !is_needed(rpc, &leaf.grid)) {
            reaches_grid(&stage, rpc, &without(&sent, &leaf.pointer)).await;
            reaches_grid(&stage, rpc, &alone(rpc, &sent, &leaf.pointer)).await;
        }
    }
}

async fn reaches_grid(stage: &Stage, rpc: &Rpc, sent: &Value) {
    if let Err(status) = stage.call(rpc, sent).await {
        panic!("{} with {sent}: {status:?}", rpc.name);
    }
    let request = stage.received();
    let id = rpc.id.map_or("", samples::id_for);
    assert_eq!((request.method.as_str(), request.path.as_str()), (rpc.method, rpc.path_of(id).as_str()));
    let differences = differences(sent, &said(rpc, &request).await);
    assert!(differences.is_empty(), "{} with {sent}: {differences:#?}", rpc.name);
}

/// Fields without which there is no call, or which are made up where they are missing.
fn is_needed(rpc: &Rpc, field: &str) -> bool {
    match rpc.name {
        "CreateCustomer" => matches!(field, "customerType" | "platformCustomerId"),
        "UpdateCustomer" => field == "customerType",
        "CreateBeneficialOwner" | "SubmitVerification" => field == "customerId",
        "ListBeneficialOwners" => matches!(field, "customerId" | "limit"),
        "ListCustomers" | "ListDocuments" | "ListVerifications" => field == "limit",
        "UploadDocument" => field == "documentHolder",
        // A currency is sent whole.
        "UpdatePlatformConfig" => field.starts_with("supportedCurrencies"),
        "ConfirmEmailVerification" | "ConfirmPhoneVerification" => field == "code",
        _ => false,
    }
}

/// The sample without one leaf.
fn without(sent: &Value, pointer: &str) -> Value {
    let mut rest = sent.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match rest.pointer_mut(parent).unwrap() {
        Value::Object(fields) => {
            fields.remove(name);
        }
        Value::Array(items) => {
            items.remove(name.parse().unwrap());
        }
        other => panic!("{other} has no parts"),
    }
    rest
}

/// What is needed of the sample, and one leaf.
fn alone(rpc: &Rpc, sent: &Value, pointer: &str) -> Value {
    let mut alone = json!({});
    for (name, value) in sent.as_object().unwrap() {
        if is_needed(rpc, name) {
            alone[name] = value.clone();
        }
    }
    let mut whole = sent;
    let mut part = &mut alone;
    for segment in pointer.split('/').skip(1) {
        match whole {
            Value::Object(fields) => {
                whole = &fields[segment];
                part = &mut part[segment];
            }
            Value::Array(items) => {
                whole = &items[segment.parse::<usize>().unwrap()];
                *part = json!([null]);
                part = &mut part[0];
            }
            other => panic!("{other} has no parts"),
        }
    }
    *part = whole.clone();
    alone
}
