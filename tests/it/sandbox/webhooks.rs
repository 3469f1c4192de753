//! Webhooks: what is sent, signed, repeated, and made to go wrong.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::harness::{Grid, business, form, id, individual, send, with};

const WAIT: Duration = Duration::from_secs(20);

/// An endpoint that answers what it was told to, and 200 after that.
struct Endpoint {
    url: String,
    received: mpsc::UnboundedReceiver<Received>,
    answers: Arc<Mutex<VecDeque<u16>>>,
    _server: tokio_util::task::AbortOnDropHandle<()>,
}

struct Received {
    headers: HeaderMap,
    bytes: Bytes,
}

impl Received {
    fn body(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }
}

impl Endpoint {
    async fn start() -> Self {
        let (sender, received) = mpsc::unbounded_channel();
        let answers = Arc::new(Mutex::new(VecDeque::new()));
        let scripted = Arc::clone(&answers);
        let handler = async move |headers: HeaderMap, bytes: Bytes| {
            sender.send(Received { headers, bytes }).unwrap();
            let answer = scripted.lock().unwrap().pop_front().unwrap_or(200);
            (StatusCode::from_u16(answer).unwrap(), format!("answered {answer}"))
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/webhooks/grid", listener.local_addr().unwrap());
        let router = Router::new().route("/webhooks/grid", post(handler));
        let server = tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
        Self { url, received, answers, _server: tokio_util::task::AbortOnDropHandle::new(server) }
    }

    fn answer(&self, answers: impl IntoIterator<Item = u16>) {
        self.answers.lock().unwrap().extend(answers);
    }

    async fn next(&mut self) -> Received {
        timeout(WAIT, self.received.recv()).await.expect("a webhook arrives").unwrap()
    }

    /// The types of the next webhooks.
    async fn types(&mut self, count: usize) -> Vec<String> {
        let mut types = Vec::new();
        for _ in 0..count {
            types.push(self.next().await.body()["type"].as_str().unwrap().to_owned());
        }
        types
    }

    /// Sends a marker, and says that nothing came before it.
    async fn silent(&mut self, grid: &Grid) {
        let body = json!({ "type": "MARKER" });
        grid.control(Method::POST, "/webhooks/send", body).await.expect(202);
        assert_eq!(self.types(1).await, ["MARKER"]);
    }
}

/// A sandbox that decides at creation, so that one request sends one webhook.
async fn pair() -> (Grid, Endpoint) {
    pair_by_rules(true).await
}

async fn pair_by_rules(approve_at_creation: bool) -> (Grid, Endpoint) {
    let endpoint = Endpoint::start().await;
    let url = endpoint.url.clone();
    let grid = Grid::with(|config| {
        config.webhook_endpoint = Some(url);
        config.approve_at_creation = approve_at_creation;
    });
    (grid.await, endpoint)
}

async fn webhooks(grid: &Grid) -> Value {
    grid.control(Method::GET, "/webhooks", Value::Null).await.expect(200)
}

/// Waits until so many webhooks have ended, and returns them.
async fn ended(grid: &Grid, count: usize) -> Vec<Value> {
    let wait = async {
        loop {
            let ended = webhooks(grid).await["ended"].as_array().unwrap().clone();
            if ended.len() >= count {
                return ended;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(WAIT, wait).await.expect("the webhooks end")
}

async fn mischief(grid: &Grid, mischief: Value) {
    grid.control(Method::POST, "/webhooks/mischief", mischief).await.expect(200);
}

#[tokio::test]
async fn every_status_is_told_and_signed() {
    let (grid, mut endpoint) = pair().await;
    let pem = grid.control(Method::GET, "/webhooks/key", Value::Null).await.expect(200);
    let pem = pem["publicKeyPem"].as_str().unwrap();
    let der: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = BASE64_STANDARD.decode(der).unwrap();
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &der[der.len() - 65..]);

    let customer = grid.create_id(individual("Jane Doe 001")).await;
    let told = endpoint.next().await;
    let signature: Value = serde_json::from_str(told.headers["x-grid-signature"].to_str().unwrap()).unwrap();
    assert_eq!(signature["v"], "1");
    let signature = BASE64_STANDARD.decode(signature["s"].as_str().unwrap()).unwrap();
    key.verify(&told.bytes, &signature).expect("signed over the bytes that were sent");
    assert_eq!(told.headers["content-type"], "application/json");
    let body = told.body();
    assert!(id(&body).starts_with("Webhook:"));
    assert_eq!(body["type"], "CUSTOMER.KYC_PENDING");
    let current = grid.get(&format!("/customers/{customer}")).await.expect(200);
    assert_eq!(body["data"], current, "the whole customer");
    assert_eq!(body["timestamp"], current["createdAt"]);
    assert!(body["data"].get("identifier").is_none());

    let blocked = grid.submit(&customer).await.expect(200);
    let told = endpoint.next().await.body();
    assert_eq!((&told["type"], &told["data"]), (&json!("VERIFICATION.RESOLVE_ERRORS"), &blocked));
    grid.upload(&customer, "PASSPORT", None).await;
    grid.submit(&customer).await.expect(200);
    assert_eq!(endpoint.types(1).await, ["VERIFICATION.PENDING_MANUAL_REVIEW"]);
    grid.decide(&customer, "HOLD").await;
    grid.decide(&customer, "PENDING").await;
    grid.decide(&customer, "PENDING").await;
    grid.decide(&customer, "APPROVED").await;
    assert_eq!(
        endpoint.types(3).await,
        ["CUSTOMER.KYC_PENDING", "VERIFICATION.APPROVED", "CUSTOMER.KYC_APPROVED"],
        "nothing tells of HOLD, and the same status again is no transition"
    );
    grid.decide(&customer, "FROZEN").await;
    assert_eq!(endpoint.types(1).await, ["CUSTOMER.KYC_FROZEN"]);
    grid.create(individual("Jane Doe 003")).await;
    endpoint.silent(&grid).await;
}

#[tokio::test]
async fn what_is_decided_at_a_verification_is_told_in_two_steps() {
    let (grid, mut endpoint) = pair_by_rules(false).await;
    for (suffix, types) in [
        ("001", &["VERIFICATION.IN_PROGRESS", "CUSTOMER.KYB_PENDING"][..]),
        (
            "002",
            &["VERIFICATION.IN_PROGRESS", "CUSTOMER.KYB_PENDING", "VERIFICATION.REJECTED", "CUSTOMER.KYB_REJECTED"],
        ),
        ("003", &["VERIFICATION.IN_PROGRESS", "VERIFICATION.RESOLVE_ERRORS"]),
        (
            "417",
            &["VERIFICATION.IN_PROGRESS", "CUSTOMER.KYB_PENDING", "VERIFICATION.APPROVED", "CUSTOMER.KYB_APPROVED"],
        ),
    ] {
        let person = grid.create_id(individual(&format!("Jane Doe {suffix}"))).await;
        grid.upload(&person, "PASSPORT", None).await;
        let (company, _) = grid.complete_business(&format!("BRN-{suffix}"), "Doe").await;
        for (customer, kind) in [(person, "KYC"), (company, "KYB")] {
            grid.submit(&customer).await.expect(200);
            let mut told = Vec::new();
            for _ in types {
                told.push(endpoint.next().await.body());
            }
            let said: Vec<_> = told.iter().map(|body| body["type"].as_str().unwrap().to_owned()).collect();
            let expected: Vec<_> = types.iter().map(|name| name.replace("KYB", kind)).collect();
            assert_eq!(said, expected, "creation tells of nothing, and nothing is told twice");
            // Whoever hears of both can tell which is the later, of the customer and of the verification.
            let time = |time: &Value| time.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
            let times = |told: &Value| (time(&told["timestamp"]), time(&told["data"]["updatedAt"]));
            let (first, last) = (times(&told[0]), times(told.last().unwrap()));
            if suffix != "001" {
                assert!(first.0 < last.0 && first.1 < last.1, "{told:#?}");
            }
        }
    }
    endpoint.silent(&grid).await;

    // The hosted flow tells the same.
    let customer = grid.create_id(json!({ "customerType": "INDIVIDUAL", "fullName": "Jane Doe" })).await;
    let link = grid.post(&format!("/customers/{customer}/kyc-link"), json!({})).await.expect(201);
    let page = link["kycUrl"].as_str().unwrap().strip_prefix(&grid.origin).unwrap();
    let form = grid.bare(Method::POST, page).header("content-type", "application/x-www-form-urlencoded");
    send(form.body("decision=submit")).await.expect(200);
    assert_eq!(
        endpoint.types(4).await,
        ["VERIFICATION.IN_PROGRESS", "CUSTOMER.KYC_PENDING", "VERIFICATION.APPROVED", "CUSTOMER.KYC_APPROVED"]
    );
    endpoint.silent(&grid).await;
}

#[tokio::test]
async fn businesses_verifications_and_imports_are_told() {
    let (grid, mut endpoint) = pair().await;
    for (number, types) in [
        ("5523041", ["VERIFICATION.APPROVED", "CUSTOMER.KYB_APPROVED"]),
        ("BRN-002", ["VERIFICATION.REJECTED", "CUSTOMER.KYB_REJECTED"]),
    ] {
        let customer = grid.create_id(business(number)).await;
        grid.submit(&customer).await.expect(200);
        assert_eq!(endpoint.types(2).await, types);
    }
    let customer = grid.create_id(business("BRN-001")).await;
    let verification = id(&grid.submit(&customer).await.expect(200));
    grid.decide(&verification, "IN_PROGRESS").await;
    grid.decide(&verification, "READY_FOR_VERIFICATION").await;
    assert_eq!(
        endpoint.types(3).await,
        ["VERIFICATION.RESOLVE_ERRORS", "VERIFICATION.IN_PROGRESS", "CUSTOMER.KYB_PENDING"]
    );
    endpoint.silent(&grid).await;

    let header = "umaAddress,platformCustomerId,customerType";
    for (csv, webhook_type, status) in
        [(header, "BULK_UPLOAD.COMPLETED", "COMPLETED"), ("x", "BULK_UPLOAD.FAILED", "FAILED")]
    {
        let form = form(&[], Some(("a.csv", csv.as_bytes().to_vec())));
        let job = send(grid.request(Method::POST, "/customers/bulk/csv").multipart(form)).await.expect(202);
        let told = endpoint.next().await.body();
        assert_eq!((&told["type"], &told["data"]["status"]), (&json!(webhook_type), &json!(status)));
        let path = format!("/customers/bulk/jobs/{}", job["jobId"].as_str().unwrap());
        assert_eq!(told["data"], grid.get(&path).await.expect(200));
    }
}

#[tokio::test]
async fn what_is_not_acknowledged_is_sent_again_unchanged() {
    let (grid, mut endpoint) = pair().await;
    endpoint.answer([500, 429, 404, 302, 200]);
    grid.create(individual("Jane Doe")).await;
    let first = endpoint.next().await;
    for pause in [15, 30, 60, 120] {
        // The attempt before has to be over, or there is nothing yet that the clock could make due.
        let waiting = async {
            while webhooks(&grid).await["waiting"] != 1 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(WAIT, waiting).await.unwrap();
        grid.advance(pause).await;
        assert_eq!(endpoint.next().await.bytes, first.bytes);
    }
    let outcome = &ended(&grid, 1).await[0];
    let expected = (&json!("ACKNOWLEDGED"), &json!(5), &json!(200));
    assert_eq!((&outcome["outcome"], &outcome["attempts"], &outcome["lastStatus"]), expected);

    endpoint.answer([409]);
    grid.create(individual("Jane Doe")).await;
    endpoint.next().await;
    assert_eq!(ended(&grid, 2).await[1]["outcome"], "ALREADY_PROCESSED");
    grid.advance(3600).await;
    endpoint.silent(&grid).await;
}

#[tokio::test]
async fn seven_days_of_retries_pass_in_a_moment() {
    let (grid, mut endpoint) = pair().await;
    endpoint.answer(std::iter::repeat_n(503, 400));
    grid.create(individual("Jane Doe")).await;
    let first = endpoint.next().await;
    grid.advance(8 * 24 * 3600).await;
    let outcome = &ended(&grid, 1).await[0];
    assert_eq!((&outcome["outcome"], &outcome["attempts"]), (&json!("EXPIRED"), &json!(342)));
    for _ in 1..342 {
        assert_eq!(endpoint.next().await.bytes, first.bytes);
    }
    endpoint.silent(&grid).await;
}

#[tokio::test]
async fn an_endpoint_that_comes_back_hears_everything_once() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let grid = Grid::with(|config| {
        config.webhook_endpoint = Some(format!("http://{gone}/"));
        config.approve_at_creation = true;
    })
    .await;
    for _ in 0..3 {
        grid.create(individual("Jane Doe")).await;
    }
    let mut endpoint = Endpoint::start().await;
    grid.control(Method::POST, "/webhooks/endpoint", json!({ "url": endpoint.url })).await.expect(204);
    grid.advance(3600).await;
    let outcomes = ended(&grid, 3).await;
    assert!(outcomes.iter().all(|outcome| outcome["outcome"] == "ACKNOWLEDGED"), "{outcomes:?}");
    assert_eq!(endpoint.types(3).await, ["CUSTOMER.KYC_APPROVED"; 3]);
    endpoint.silent(&grid).await;
    assert_eq!(grid.get("/config").await.expect(200)["webhookEndpoint"], endpoint.url);

    // Without an endpoint nothing is kept for one that may come.
    grid.control(Method::POST, "/webhooks/endpoint", json!({ "url": null })).await.expect(204);
    grid.create(individual("Jane Doe")).await;
    assert_eq!(webhooks(&grid).await["waiting"], 0);
    grid.control(Method::POST, "/webhooks/endpoint", json!({ "url": "x" })).await.expect(400);
    grid.control(Method::POST, "/webhooks/send", json!({ "type": "X" })).await.expect(409);
}

#[tokio::test]
async fn a_late_pending_arrives_after_the_decision() {
    let (grid, mut endpoint) = pair().await;
    mischief(&grid, json!({ "onlyTypes": ["CUSTOMER.KYC_PENDING"], "delaySeconds": 3600 })).await;
    let customer = grid.create_id(individual("Jane Doe 001")).await;
    grid.decide(&customer, "APPROVED").await;
    assert_eq!(endpoint.types(1).await, ["CUSTOMER.KYC_APPROVED"]);
    grid.advance(3600).await;
    let late = endpoint.next().await.body();
    assert_eq!((&late["type"], &late["data"]["kycStatus"]), (&json!("CUSTOMER.KYC_PENDING"), &json!("PENDING")));
}

#[tokio::test]
async fn webhooks_are_duplicated_reordered_and_dropped_on_demand() {
    let (grid, mut endpoint) = pair().await;
    mischief(&grid, json!({ "duplicates": 2 })).await;
    grid.create(individual("Jane Doe")).await;
    let first = endpoint.next().await.bytes;
    assert_eq!([endpoint.next().await.bytes, endpoint.next().await.bytes], [first.clone(), first]);

    mischief(&grid, json!({ "reorder": 3 })).await;
    let customer = grid.create_id(individual("Jane Doe 001")).await;
    grid.decide(&customer, "REJECTED").await;
    grid.decide(&customer, "APPROVED").await;
    let reversed = ["CUSTOMER.KYC_APPROVED", "CUSTOMER.KYC_REJECTED", "CUSTOMER.KYC_PENDING"];
    assert_eq!(endpoint.types(3).await, reversed);
    grid.create(individual("Jane Doe 002")).await;
    assert_eq!(endpoint.types(1).await, ["CUSTOMER.KYC_REJECTED"], "what stays alone goes out after a while");

    mischief(&grid, json!({ "dropNext": 1 })).await;
    grid.create(individual("Jane Doe 001")).await;
    grid.create(individual("Jane Doe")).await;
    assert_eq!(endpoint.types(1).await, ["CUSTOMER.KYC_APPROVED"]);
    let state = webhooks(&grid).await;
    assert_eq!(state["mischief"]["dropNext"], 0);
    assert!(state["ended"].as_array().unwrap().iter().any(|outcome| outcome["outcome"] == "DROPPED"));
    grid.control(Method::POST, "/webhooks/mischief", json!({ "explode": true })).await.expect(400);
}

#[tokio::test]
async fn retries_carry_their_own_time_if_asked_to() {
    let (grid, mut endpoint) = pair().await;
    mischief(&grid, json!({ "restampRetries": true })).await;
    endpoint.answer([500]);
    grid.create(individual("Jane Doe")).await;
    let first = endpoint.next().await.body();
    grid.advance(3600).await;
    let second = endpoint.next().await.body();
    assert_eq!(first["id"], second["id"]);
    assert!(first["timestamp"].as_str() < second["timestamp"].as_str());
}

#[tokio::test]
async fn any_webhook_can_be_sent() {
    let (grid, mut endpoint) = pair().await;
    let sent = json!({
        "type": "INCOMING_PAYMENT.PENDING", "id": "Webhook:1", "timestamp": "2025-08-15T14:32:00Z",
        "data": { "status": "PENDING" },
    });
    let answer = grid.control(Method::POST, "/webhooks/send", sent.clone()).await.expect(202);
    assert_eq!(answer, json!({ "id": "Webhook:1" }));
    let told = endpoint.next().await;
    assert_eq!(told.body(), sent);
    assert!(told.headers.contains_key("x-grid-signature"));
}

#[tokio::test]
async fn a_status_can_leave_updated_at_behind() {
    let (grid, mut endpoint) = pair().await;
    grid.control(Method::POST, "/platform", json!({ "laggingUpdatedAt": true })).await.expect(200);
    let customer = grid.create_id(individual("Jane Doe 001")).await;
    grid.decide(&customer, "APPROVED").await;
    endpoint.next().await;
    let told = endpoint.next().await.body();
    assert_eq!(told["data"]["updatedAt"], told["data"]["createdAt"]);
    assert!(told["timestamp"].as_str() > told["data"]["updatedAt"].as_str());
}

#[tokio::test]
async fn a_test_webhook_is_sent_once_and_answered() {
    let (grid, mut endpoint) = pair().await;
    mischief(&grid, json!({ "duplicates": 3, "dropPercent": 100 })).await;
    for answer in [200, 401, 500] {
        endpoint.answer([answer]);
        let result = send(grid.request(Method::POST, "/webhooks/test")).await.expect(200);
        let expected =
            json!({ "url": endpoint.url, "response_status": answer, "response_body": format!("answered {answer}") });
        assert_eq!(result, expected);
        let told = endpoint.next().await;
        assert_eq!((&told.body()["type"], &told.body()["data"]), (&json!("TEST"), &json!({})));
        assert!(told.headers.contains_key("x-grid-signature"));
    }
    mischief(&grid, json!({ "oldTest": true })).await;
    send(grid.request(Method::POST, "/webhooks/test")).await.expect(200);
    let told = endpoint.next().await;
    assert_eq!(told.body()["id"], Value::Null);
    assert!(told.body()["webhookId"].as_str().unwrap().starts_with("Webhook:"), "{}", told.body());
    assert!(told.headers.contains_key("x-grid-signature"));
    grid.advance(3600).await;
    mischief(&grid, json!({})).await;
    endpoint.silent(&grid).await;
    // Where it was until June 2026.
    send(grid.request(Method::POST, "/sandbox/webhooks/test")).await.expect(404);

    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let gone = json!({ "url": format!("http://{gone}/") });
    for (url, code) in [(gone, "WEBHOOK_DELIVERY_ERROR"), (json!({ "url": null }), "WEBHOOK_ENDPOINT_NOT_SET")] {
        grid.control(Method::POST, "/webhooks/endpoint", url).await.expect(204);
        assert_eq!(send(grid.request(Method::POST, "/webhooks/test")).await.error(400), code);
    }
}

#[tokio::test]
async fn a_reset_forgets_what_was_to_be_sent() {
    let (grid, mut endpoint) = pair().await;
    endpoint.answer([500]);
    mischief(&grid, json!({ "duplicates": 1 })).await;
    grid.create(individual("Jane Doe")).await;
    for _ in 0..2 {
        endpoint.next().await;
    }
    grid.control(Method::POST, "/reset", Value::Null).await.expect(204);
    let state = webhooks(&grid).await;
    assert_eq!((&state["waiting"], &state["mischief"]["duplicates"]), (&json!(0), &json!(0)));
    assert_eq!(state["endpoint"], endpoint.url);
    grid.advance(3600).await;
    endpoint.silent(&grid).await;
}

#[tokio::test]
async fn the_page_behind_a_link_leads_to_webhooks() {
    let (grid, mut endpoint) = pair().await;
    let customer = grid.create_id(with(individual(""), &json!({ "fullName": null }))).await;
    let link = grid.post(&format!("/customers/{customer}/kyc-link"), json!({})).await.expect(201);
    let page = link["kycUrl"].as_str().unwrap().strip_prefix(&grid.origin).unwrap();
    let form = grid.bare(Method::POST, page).header("content-type", "application/x-www-form-urlencoded");
    send(form.body("decision=approve")).await.expect(200);
    assert_eq!(
        endpoint.types(4).await,
        [
            "VERIFICATION.PENDING_MANUAL_REVIEW",
            "CUSTOMER.KYC_PENDING",
            "VERIFICATION.APPROVED",
            "CUSTOMER.KYC_APPROVED"
        ]
    );
}
