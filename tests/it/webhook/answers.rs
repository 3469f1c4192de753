//! Each thing Grid can send, and the answer that Grid acts on.

use std::time::Duration;

use gridgate::kyc::log::LogError;
use gridgate::kyc::token::Mark;
use gridgate::webhook::{Limits, Outcome};
use serde_json::json;
use tokio::task::JoinSet;

use super::log::{Mood, customer};
use super::{Door, Opening};
use crate::support::soon;
use crate::support::webhook_sender::{Request, WebhookSender, kyc, webhook};

#[tokio::test]
async fn a_status_is_recorded_once_and_its_copies_are_known() {
    let door = Door::open().await;
    let body = kyc("Webhook:1", "Customer:1", "APPROVED");
    let first = door.deliver(&body).await;
    assert_eq!((first.status, first.code().as_str()), (200, "recorded"));
    let copy = door.deliver(&body).await;
    assert_eq!((copy.status, copy.code().as_str()), (409, "duplicate"));
    let observations = door.log.observations();
    assert_eq!(observations.len(), 1);
    assert_eq!((observations[0].customer.as_str(), observations[0].id.as_str()), ("Customer:1", "Webhook:1"));
    assert_eq!(observations[0].subject.status_word(), "APPROVED");
    assert_eq!((door.count(Outcome::Recorded), door.count(Outcome::Duplicate)), (1, 1));
}

#[tokio::test]
async fn a_signature_s_version_may_be_a_number() {
    let door = Door::open().await;
    let body = kyc("W:1", "Customer:1", "PENDING");
    let signature = door.grid.signature(body.as_bytes());
    let number = signature.replace(r#""v": "1""#, r#""v": 1"#);
    assert_ne!(number, signature);
    assert_eq!(door.send(Request::post(&body).header("x-grid-signature", &number)).await.status, 200);
    let tampered = Request::post(kyc("W:2", "Customer:1", "APPROVED")).header("x-grid-signature", &number);
    assert_eq!(door.send(tampered).await.status, 401);
    let unknown = Request::post(&body).header("x-grid-signature", number.replace(r#""v": 1"#, r#""v": 2"#));
    assert_eq!(door.send(unknown).await.status, 401);
}

#[tokio::test]
async fn a_verification_and_a_type_of_tomorrow_are_recorded_too() {
    let door = Door::open().await;
    let verification = json!({
        "id": "Verification:1", "customerId": "Customer:1", "verificationStatus": "READY_FOR_VERIFICATION", "errors": [],
    });
    assert_eq!(door.deliver(webhook("W:1", "VERIFICATION.READY_FOR_VERIFICATION", verification)).await.status, 200);
    let held = json!({ "id": "Customer:1", "customerType": "BUSINESS", "kybStatus": "HOLD", "new": { "a": [1] } });
    assert_eq!(door.deliver(webhook("W:2", "CUSTOMER.KYB_ON_HOLD", held)).await.status, 200);
    let words: Vec<_> = door.log.observations().iter().map(|seen| seen.subject.status_word().to_owned()).collect();
    assert_eq!(words, ["READY_FOR_VERIFICATION", "HOLD"]);
}

#[tokio::test]
async fn both_shapes_of_signature_and_every_active_key_count() {
    let next = WebhookSender::new();
    let opening = Opening { more_keys: vec![next.public_key()], ..Opening::new() };
    let door = opening.open().await;
    for (id, signer) in [("W:1", &door.grid), ("W:2", &next)] {
        let body = kyc(id, "Customer:1", "PENDING");
        assert_eq!(door.send(signer.webhook(&body)).await.status, 200);
    }
    let body = kyc("W:3", "Customer:1", "PENDING");
    let versioned: serde_json::Value = serde_json::from_str(&door.grid.signature(body.as_bytes())).unwrap();
    let bare = Request::post(&body).header("x-grid-signature", versioned["s"].as_str().unwrap());
    assert_eq!(door.send(bare).await.status, 200);
    let retired = WebhookSender::new();
    let refused = door.send(retired.webhook(kyc("W:4", "Customer:1", "PENDING"))).await;
    assert_eq!((refused.status, refused.code().as_str()), (401, "signature_mismatch"));
    assert_eq!(door.log.observations().len(), 3);
}

#[tokio::test]
async fn what_cannot_be_understood_is_kept_without_its_body() {
    let door = Door::open().await;
    let data = json!({ "id": "Customer:9", "kycStatus": { "is": "Canary" }, "fullName": "Jane Canary" });
    let body = webhook("W:1", "CUSTOMER.KYC_APPROVED", data);
    assert_eq!(door.deliver(&body).await.code(), "quarantined");
    let copy = door.deliver(&body).await;
    assert_eq!((copy.status, copy.code().as_str()), (409, "quarantined_before"));
    let kept = door.log.quarantine();
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].id.as_str(), kept[0].kind.as_str()), ("W:1", "CUSTOMER.KYC_APPROVED"));
    assert_eq!(kept[0].customer, Some(customer("Customer:9")));
    assert_eq!(kept[0].timestamp, Some("2025-08-15T14:32:00Z".parse().unwrap()));
    assert_eq!(kept[0].reason, "`kycStatus` is invalid");
    assert_eq!(kept[0].field_names, ["fullName", "id", "kycStatus", "kycStatus.is"]);
    assert!(!format!("{kept:?}").contains("Canary"));
    assert!(door.log.observations().is_empty());
}

#[tokio::test]
async fn signed_and_no_webhook_is_400_and_a_test_is_200() {
    let door = Door::open().await;
    for body in [&b""[..], b"null", b"[]", b"{}", br#"{"id":"W:1"}"#, br#"{"id":1,"type":"TEST"}"#, b"{\"id\":\"\xff\""]
    {
        let answer = door.deliver(body).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "not_a_webhook"), "{body:?}");
    }
    for _ in 0..2 {
        assert_eq!(door.deliver(webhook("W:1", "TEST", json!({}))).await.code(), "tested");
    }
    assert!(door.log.observations().is_empty() && door.log.quarantine().is_empty());
}

#[tokio::test]
async fn a_pending_payment_is_not_acknowledged_however_its_type_is_written() {
    let door = Door::open().await;
    for written in ["INCOMING_PAYMENT.PENDING", " INCOMING_PAYMENT.PENDING", "incoming_payment.pending"] {
        let answer = door.deliver(webhook("W:1", written, json!({}))).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "payment_undecided"), "{written}");
    }
    for lost in [&b"INCOMING_PAYMENT.PENDI\xffNG"[..], br"INCOMING_PAYMENT.PENDING\ud83d"] {
        let answer = door.deliver([br#"{"id":"W:1","type":""#, lost, br#""}"#].concat()).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "not_a_webhook"), "{lost:?}");
    }
}

#[tokio::test]
async fn other_methods_and_other_paths_are_405_and_404() {
    let door = Door::open().await;
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "BREW"] {
        let answer = door.send(door.grid.webhook("{}").method(method)).await;
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("POST"), "{method}");
    }
    for path in ["/", "/webhooks", "/webhooks/grid/", "/webhooks/grid/x", "/WEBHOOKS/GRID"] {
        let answer = door.send(door.grid.webhook(kyc("W:1", "Customer:1", "PENDING")).path(path)).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    let with_query = door.grid.webhook(kyc("W:1", "Customer:1", "PENDING")).path("/webhooks/grid?from=grid");
    assert_eq!(door.send(with_query).await.status, 200);
    assert_eq!((door.count(Outcome::WrongMethod), door.count(Outcome::WrongPath)), (5, 5));
}

#[tokio::test]
async fn a_log_that_is_down_is_503_and_the_retry_is_200() {
    let door = Door::open().await;
    let errors = [
        LogError::Unavailable { reason: "busy".into() },
        LogError::Full,
        LogError::Closed,
        LogError::Corrupt { reason: "row".into() },
        LogError::Expired { oldest: Mark::START },
        LogError::Foreign,
    ];
    let status = kyc("W:1", "Customer:1", "APPROVED");
    let strange = webhook("W:2", "CUSTOMER.KYC_APPROVED", json!([]));
    for error in errors {
        door.log.set(Mood::Fails(error.clone()));
        for body in [&status, &strange] {
            let answer = door.deliver(body).await;
            assert_eq!((answer.status, answer.code().as_str()), (503, "log_unavailable"), "{error}");
        }
    }
    assert_eq!(door.deliver(webhook("W:3", "TEST", json!({}))).await.status, 200, "it needs no log");
    door.log.set(Mood::Takes);
    assert_eq!(door.deliver(&status).await.status, 200);
    assert_eq!(door.deliver(&strange).await.status, 200);
}

#[tokio::test]
async fn a_log_that_takes_too_long_is_503() {
    let limits = Limits { record_timeout: Duration::from_millis(1), ..Limits::default() };
    let door = Opening { limits, ..Opening::new() }.open().await;
    door.log.set(Mood::Waits);
    let answer = door.deliver(kyc("W:1", "Customer:1", "APPROVED")).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "log_timed_out"));
    let answer = door.deliver(webhook("W:2", "VERIFICATION.APPROVED", json!({}))).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "log_timed_out"));
}

#[tokio::test]
async fn a_hundred_copies_at_once_are_one_event_and_none_is_answered_before_it_is_kept() {
    let door = Door::open().await;
    door.log.set(Mood::Waits);
    let request = door.grid.webhook(kyc("W:1", "Customer:1", "APPROVED"));
    let mut copies = JoinSet::new();
    for _ in 0..100 {
        let (request, address) = (request.clone(), door.address);
        copies.spawn(async move { request.send(address).await.status });
    }
    door.log.wait_for(100).await;
    assert!(copies.try_join_next().is_none(), "an answer before anything is kept");
    assert!(door.counters.snapshot().outcomes.iter().all(|(_, count)| *count == 0));
    door.log.set(Mood::Takes);
    let mut statuses = soon("answers", copies.join_all()).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![200], vec![409; 99]].concat());
    assert_eq!(door.log.observations().len(), 1);
}

/// Grid's older form of a test webhook has `webhookId` instead of `id`. Of what is recorded, only `id` tells copies apart.
#[tokio::test]
async fn a_test_may_call_its_id_otherwise_and_nothing_else_may() {
    let door = Door::open().await;
    for body in [
        json!({ "webhookId": "Webhook:1", "type": "TEST", "timestamp": "2025-08-15T14:32:00Z", "data": {} }),
        json!({ "webhookId": "Webhook:1", "id": null, "type": "TEST" }),
        json!({ "webhookId": 7, "id": "Webhook:2", "type": "TEST" }),
    ] {
        let tested = door.deliver(body.to_string()).await;
        assert_eq!((tested.status, tested.code().as_str()), (200, "tested"), "{body}");
    }
    let decision = json!({
        "webhookId": "Webhook:3", "type": "CUSTOMER.KYC_APPROVED",
        "data": { "id": "Customer:1", "customerType": "INDIVIDUAL", "kycStatus": "APPROVED" },
    });
    let payment = json!({ "webhookId": "Webhook:4", "type": "INCOMING_PAYMENT.PENDING", "data": {} });
    for body in [decision, payment] {
        assert_eq!(door.deliver(body.to_string()).await.status, 400, "{body}");
    }
    assert!(door.log.observations().is_empty());
}
