//! Ids: each is one segment of a path at Grid, and reaches no other path.

use uuid::Uuid;

use super::{refused, set, text};
use crate::support::api::{RPCS, Rpc};
use crate::support::samples;
use crate::support::stage::{Stage, full_answer, messages};

/// Ids that are required and are in no path.
const IN_BODIES: &[(&str, &str)] = &[
    ("CreateBeneficialOwner", "customer_id"),
    ("SubmitVerification", "customer_id"),
    ("ListBeneficialOwners", "customer_id"),
    ("UploadDocument", "metadata.document_holder"),
];

fn required() -> impl Iterator<Item = (&'static Rpc, &'static str)> {
    let in_paths = RPCS.iter().filter_map(|rpc| Some((rpc, rpc.id?)));
    in_paths.chain(IN_BODIES.iter().map(|(rpc, field)| (Rpc::named(rpc), *field)))
}

#[tokio::test]
async fn an_id_that_is_none_is_named() {
    let stage = Stage::start().await;
    let long = "x".repeat(257);
    let bad = [
        "",
        ".",
        "..",
        "bulk",
        "BULK",
        "end-user-terms",
        "a/b",
        "/",
        "a\\b",
        "%2e",
        "%2E%2e",
        "a%",
        "a b",
        "a?b",
        "a#b",
        "a\nb",
        "a\u{0}b",
        "a\u{2003}b",
        long.as_str(),
    ];
    for (rpc, field) in required() {
        for id in bad {
            let mut messages = messages(rpc, &samples::sent_by(rpc.name));
            set(&mut messages[0], field, text(id));
            let said = refused(&stage, rpc, messages, &[field]).await;
            assert_eq!(said[0] == "is required", id.is_empty(), "{}: {said:?}", rpc.name);
        }
    }
    assert!(required().count() > 15);
}

#[tokio::test]
async fn a_request_id_that_is_no_uuid_is_named() {
    let stage = Stage::start().await;
    for name in ["CreateCustomer", "CreateKycLink"] {
        let rpc = Rpc::named(name);
        for bad in ["", "1", "0190d3c2-7b1e-7cc3-98c4", "0190d3c2-7b1e-7cc3-98c4-dc0c0c07398g", "Customer:1"] {
            let mut messages = messages(rpc, &samples::sent_by(name));
            set(&mut messages[0], "request_id", text(bad));
            refused(&stage, rpc, messages, &["request_id"]).await;
        }
        stage.on(rpc, full_answer(rpc));
        let mut messages = messages(rpc, &samples::sent_by(name));
        set(&mut messages[0], "request_id", text(&Uuid::now_v7().to_string()));
        stage.gateway.call(rpc, messages).await.unwrap();
        stage.received();
    }
}
