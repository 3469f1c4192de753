//! What is not about KYC: passed on as it came, or answered so that nothing is approved by accident.

use std::time::Duration;

use gridgate::webhook::relay::RELAY_TIMEOUT;
use gridgate::webhook::{Outcome, Relay, RelayConfig};
use serde_json::json;

use super::log::Mood;
use super::{Door, Opening};
use crate::support::fake_grid::{FakeGrid, Refusing, Reply};
use crate::support::webhook_sender::{kyc, webhook};
use gridgate::kyc::log::LogError;

const PAYMENT: &str = "INCOMING_PAYMENT.PENDING";

async fn relaying_to(url: &str, timeout: Duration) -> Door {
    let relay = Relay::new(RelayConfig { url: url.parse().unwrap(), timeout }).unwrap();
    Opening { relay: Some(relay), ..Opening::new() }.open().await
}

async fn with_relay() -> (Door, FakeGrid) {
    let relay = FakeGrid::start().await;
    let door = relaying_to(&format!("{}/payments", relay.base_url()), RELAY_TIMEOUT).await;
    (door, relay)
}

#[tokio::test]
async fn without_a_relay_payments_fail_closed_and_the_rest_is_acknowledged() {
    let door = Door::open().await;
    let payment = door.deliver(webhook("W:1", PAYMENT, json!({ "amount": 1 }))).await;
    assert_eq!((payment.status, payment.code().as_str()), (503, "payment_undecided"));
    for other in
        ["INCOMING_PAYMENT.COMPLETED", "OUTGOING_PAYMENT.PENDING", "CARD.STATE_CHANGE", "BULK_UPLOAD.FAILED", "X"]
    {
        let answer = door.deliver(webhook("W:2", other, json!({}))).await;
        assert_eq!((answer.status, answer.code().as_str()), (200, "acknowledged"), "{other}");
    }
    assert_eq!((door.count(Outcome::PaymentUndecided), door.count(Outcome::Acknowledged)), (1, 5));
    assert!(door.log.observations().is_empty());
}

#[tokio::test]
async fn body_and_signature_arrive_as_they_came_and_the_answer_goes_back_as_it_comes() {
    let (door, relay) = with_relay().await;
    let answers = [
        (200, "application/json", r#"{"receiverCustomerInfo":{}}"#),
        (202, "application/json", ""),
        (403, "application/problem+json", r#"{"code":"REJECTED"}"#),
        (409, "text/plain", "seen"),
        (422, "application/json", r#"{"requestedReceiverCustomerInfoFields":[]}"#),
        (500, "text/html", "<p>sorry</p>"),
    ];
    for (status, media_type, body) in answers {
        relay.forget_requests();
        relay.on("POST", "/payments", Reply::bytes(status, media_type, body));
        let sent = format!("{{ \"id\" :\"W:{status}\",\n\t\"type\":\"{PAYMENT}\", \"n\": 1.0 }}");
        let request = door.grid.webhook(&sent);
        let answer = door.send(request.clone()).await;
        assert_eq!((answer.status, answer.header("content-type")), (status, Some(media_type)));
        assert_eq!(String::from_utf8(answer.body).unwrap(), body);
        let received = &relay.requests_to("POST", "/payments")[..];
        assert_eq!(received.len(), 1);
        assert_eq!(received[0].text(), sent);
        assert_eq!(received[0].header("content-type"), Some("application/json"));
        let signature = String::from_utf8(request.bytes()).unwrap();
        assert!(
            signature.contains(&format!("X-Grid-Signature: {}\r\n", received[0].header("x-grid-signature").unwrap()))
        );
    }
    assert_eq!(door.counters.snapshot().relayed, [(1, 0), (2, 2), (3, 0), (4, 3), (5, 1)]);
}

#[tokio::test]
async fn a_content_type_is_not_made_up_in_either_direction() {
    let (door, relay) = with_relay().await;
    relay.on("POST", "/payments", Reply::empty(200));
    let answer = door.send(door.grid.webhook(webhook("W:1", PAYMENT, json!({}))).without("Content-Type")).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, None));
    assert_eq!(relay.requests_to("POST", "/payments")[0].header("content-type"), None);
}

#[tokio::test]
async fn only_what_is_signed_and_not_about_kyc_is_passed_on() {
    let (door, relay) = with_relay().await;
    relay.on("POST", "/payments", Reply::empty(204));
    assert_eq!(door.deliver(kyc("W:1", "Customer:1", "APPROVED")).await.code(), "recorded");
    assert_eq!(door.deliver(webhook("W:2", "CUSTOMER.KYC_APPROVED", json!(1))).await.code(), "quarantined");
    assert_eq!(door.deliver(webhook("W:3", "TEST", json!({}))).await.code(), "tested");
    assert_eq!(door.deliver("[]").await.code(), "not_a_webhook");
    let unsigned = door.grid.webhook(webhook("W:4", PAYMENT, json!({}))).without("x-grid-signature");
    assert_eq!(door.send(unsigned).await.status, 401);
    assert!(relay.requests().is_empty());
    // The log has nothing to do with what is passed on.
    door.log.set(Mood::Fails(LogError::Closed));
    for passed_on in [PAYMENT, "BULK_UPLOAD.COMPLETED", "CARD.STATE_CHANGE"] {
        assert_eq!(door.deliver(webhook("W:5", passed_on, json!({}))).await.status, 204, "{passed_on}");
    }
    // Copies too: whoever decides has to know them apart, and the answer is theirs.
    assert_eq!(door.deliver(webhook("W:5", PAYMENT, json!({}))).await.status, 204);
    assert_eq!(relay.requests().len(), 4);
}

#[tokio::test]
async fn a_redirect_is_passed_on_and_not_followed() {
    let (door, relay) = with_relay().await;
    let elsewhere = format!("{}/elsewhere", relay.base_url());
    relay.on("POST", "/payments", Reply::empty(307).header("location", &elsewhere));
    relay.on("POST", "/elsewhere", Reply::empty(200));
    let answer = door.deliver(webhook("W:1", PAYMENT, json!({}))).await;
    assert_eq!((answer.status, answer.header("location")), (307, None));
    assert!(relay.requests_to("POST", "/elsewhere").is_empty());
}

#[tokio::test]
async fn a_relay_that_fails_is_503_and_is_asked_once() {
    let (door, relay) = with_relay().await;
    let failures = [
        ("closes", Reply::close()),
        ("is no HTTP", Reply::raw("220 smtp.example ESMTP\r\n")),
        ("breaks off", Reply::bytes(200, "text/plain", "approved").cut()),
        ("answers too much", Reply::bytes(200, "text/plain", vec![b' '; 1024 * 1024])),
    ];
    for (name, reply) in failures {
        relay.forget_requests();
        relay.on("POST", "/payments", reply);
        let answer = door.deliver(webhook("W:1", PAYMENT, json!({}))).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "relay_broken"), "{name}");
        assert_eq!(relay.requests().len(), 1, "{name}");
    }
    assert_eq!(door.count(Outcome::RelayBroken), 4);
}

#[tokio::test]
async fn a_relay_that_cannot_be_reached_or_takes_too_long_is_503() {
    let nobody = Refusing::start();
    let door = relaying_to(&nobody.base_url(), RELAY_TIMEOUT).await;
    assert_eq!(door.deliver(webhook("W:1", PAYMENT, json!({}))).await.code(), "relay_unreachable");
    let silent = FakeGrid::start().await;
    silent.on("POST", "/payments", Reply::hang());
    let door = relaying_to(&format!("{}/payments", silent.base_url()), Duration::from_millis(200)).await;
    let answer = door.deliver(webhook("W:1", PAYMENT, json!({}))).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "relay_timed_out"));
    silent.wait_until_abandoned(1).await;
}

#[test]
fn a_relay_needs_http() {
    for url in ["ftp://example.com/", "file:///etc/passwd", "unix:/run/relay"] {
        let config = RelayConfig { url: url.parse().unwrap(), timeout: RELAY_TIMEOUT };
        assert!(Relay::new(config).is_err(), "{url}");
    }
}
