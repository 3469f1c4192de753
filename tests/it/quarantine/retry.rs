//! At the admin port.

use gridgate::config::settings;
use gridgate::pb;
use reqwest::Method;
use serde_json::json;

use super::rig::{Rig, answer, change};
use crate::support::app::{TestApp, free_ports};

#[tokio::test]
async fn a_webhook_that_is_tried_again_is_what_grid_says_of_the_customer() {
    let rig = Rig::start().await;
    let customer = rig.customer().await;
    rig.decide_in_silence(&customer, "APPROVED").await;
    let mut stream = rig.watch(&customer).await;
    rig.quarantine("Webhook:odd", Some(&customer)).await;

    let (status, listed) = answer(rig.request(Method::GET, "/quarantine")).await;
    assert_eq!(status, 200);
    let row = &listed["webhooks"][0];
    assert_eq!(row["id"], "Webhook:odd");
    assert_eq!(row["type"], "CUSTOMER.KYC_APPROVED");
    assert_eq!(row["customer_id"], customer.as_str());
    assert_eq!(row["field_names"], json!(["id", "kycStatus", "kycStatus.of"]));
    assert!(row["sent_at"].is_string() && row["quarantined_at"].is_string(), "{row}");
    assert!(!listed.to_string().contains("matters"), "{listed}");

    let (status, retried) = rig.act("retry", "Webhook:odd").await;
    assert_eq!(status, 200, "{retried}");
    let expected = json!({ "id": "Webhook:odd", "customer_id": customer, "status": "APPROVED", "outcome": "change" });
    assert_eq!(retried, expected);
    let heard = change(&mut stream).await;
    assert_eq!((heard.customer_id, heard.status_raw), (customer, "APPROVED".to_owned()));
    assert_eq!(heard.record.unwrap().source(), pb::KycEventSource::Resolver);
    assert_eq!(rig.ids().await, Vec::<String>::new());
    let (status, gone) = rig.act("retry", "Webhook:odd").await;
    assert_eq!((status, &gone["code"]), (404, &json!("not_in_quarantine")));
}

#[tokio::test]
async fn what_was_known_already_is_taken_out_as_well() {
    let rig = Rig::start().await;
    let customer = rig.customer().await;
    rig.quarantine("Webhook:odd", Some(&customer)).await;
    let (status, retried) = rig.act("retry", "Webhook:odd").await;
    assert_eq!((status, &retried["outcome"], &retried["status"]), (200, &json!("confirmation"), &json!("PENDING")));
    assert_eq!(rig.ids().await, Vec::<String>::new());
}

#[tokio::test]
async fn what_nobody_can_be_asked_about_stays_until_it_is_dismissed() {
    let rig = Rig::start().await;
    rig.quarantine("Webhook:nobody", None).await;
    rig.quarantine("Webhook:stranger", Some("Customer:unheard-of")).await;
    for (id, code) in [("Webhook:nobody", "no_customer"), ("Webhook:stranger", "customer_unknown")] {
        let (status, refused) = rig.act("retry", id).await;
        assert_eq!((status, &refused["code"]), (409, &json!(code)));
    }
    assert_eq!(rig.ids().await, ["Webhook:nobody", "Webhook:stranger"]);
    for id in ["Webhook:nobody", "Webhook:stranger"] {
        assert_eq!(rig.act("dismiss", id).await.0, 204);
        assert_eq!(rig.act("dismiss", id).await.0, 404);
    }
    assert_eq!(rig.ids().await, Vec::<String>::new());
}

#[tokio::test]
async fn while_grid_is_away_it_stays() {
    let rig = Rig::start().await;
    let customer = rig.customer().await;
    rig.decide_in_silence(&customer, "REJECTED").await;
    rig.quarantine("Webhook:odd", Some(&customer)).await;
    for (fault, code) in [
        (json!({ "method": "GET", "status": 429, "retryAfter": "600" }), "grid_unavailable"),
        (json!({ "method": "GET", "status": 403 }), "grid_refused"),
    ] {
        rig.control.post("/faults", json!({ "faults": [fault] })).await;
        assert_eq!(rig.act("retry", "Webhook:odd").await.1["code"], code);
        assert_eq!(rig.ids().await, ["Webhook:odd"]);
    }
    rig.control.post("/faults", json!({ "faults": [] })).await;
    assert_eq!(rig.act("retry", "Webhook:odd").await.1["status"], "REJECTED");
}

#[tokio::test]
async fn pages_follow_each_other_and_one_among_many_is_found() {
    let rig = Rig::start().await;
    let customer = rig.customer().await;
    // More that begin alike than are read at once, with one right before, one within, one right after and one long one.
    let mut ids: Vec<_> = (0..120).map(|number| format!("Webhook:a{number:03}")).collect();
    ids.extend(["Webhook:".to_owned(), "Webhook:a".to_owned(), "Webhook:b".to_owned(), "Z".to_owned(), "ü".to_owned()]);
    ids.push("x".repeat(256));
    for id in &ids {
        rig.send_unreadable(id, Some(&customer)).await;
    }
    for id in &ids {
        rig.control.ended(id).await;
    }
    ids.sort();
    let mut listed = Vec::new();
    let mut path = "/quarantine?limit=50".to_owned();
    loop {
        let (status, page) = answer(rig.request(Method::GET, &path)).await;
        assert_eq!(status, 200);
        listed.extend(page["webhooks"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_after"].as_str() else { break };
        path = format!("/quarantine?limit=50&after={next}");
    }
    assert_eq!(listed, ids);
    for id in &ids {
        assert_eq!(rig.act("retry", id).await.0, 200, "{id}");
    }
    assert_eq!(rig.ids().await, Vec::<String>::new());
}

#[tokio::test]
async fn requests_that_say_nothing_sensible_are_refused_with_a_sentence() {
    let rig = Rig::start().await;
    for path in [
        "/quarantine?limit=0",
        "/quarantine?limit=1001",
        "/quarantine?limit=x",
        "/quarantine?afer=x",
        "/quarantine?after=",
    ] {
        let (status, refused) = answer(rig.request(Method::GET, path)).await;
        assert_eq!(status, 400, "{path}");
        assert!(refused["error"].as_str().unwrap().len() > 5, "{path}");
    }
    for (body, expected) in [("{", 400), (r#"{"id":7}"#, 422), (r#"{"id":"a","all":true}"#, 422), (r#"{"id":""}"#, 400)]
    {
        let request = rig.request(Method::POST, "/quarantine/dismiss").header("content-type", "application/json");
        let (status, refused) = answer(request.body(body)).await;
        assert_eq!(status, expected, "{body}");
        assert!(refused["error"].as_str().unwrap().len() > 5, "{body}");
    }
    let large = json!({ "id": "x".repeat(64 * 1024) });
    assert_eq!(answer(rig.request(Method::POST, "/quarantine/dismiss").json(&large)).await.0, 413);
    assert_eq!(answer(rig.request(Method::GET, "/quarantines")).await.0, 404);
}

#[tokio::test]
async fn what_became_of_webhooks_is_counted() {
    let rig = Rig::start().await;
    rig.customer().await;
    rig.quarantine("Webhook:odd", None).await;
    let (status, counted) = answer(rig.request(Method::GET, "/webhooks")).await;
    assert_eq!(status, 200);
    assert_eq!(counted["outcomes"]["recorded"], 1);
    assert_eq!(counted["outcomes"]["quarantined"], 1);
    assert_eq!(counted["outcomes"]["tested"], 0);
}

#[tokio::test]
async fn without_a_door_there_are_no_webhooks_to_count() {
    let app = TestApp::in_front_of("http://127.0.0.1:9", free_ports().with(&settings::WEBHOOK_PATH, "/x")).await;
    assert_eq!(app.addresses.webhook, None);
    let (status, body) = app.admin("/webhooks").await;
    assert_eq!(status, 404);
    assert!(body.contains("no_webhooks"), "{body}");
}
