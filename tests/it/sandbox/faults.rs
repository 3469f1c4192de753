//! Answers that are made to go wrong.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use super::harness::{Grid, individual, send};

async fn faults(grid: &Grid, faults: Value) {
    grid.control(Method::POST, "/faults", json!({ "faults": faults })).await.expect(204);
}

#[tokio::test]
async fn an_answer_can_be_an_error() {
    let grid = Grid::start().await;
    faults(&grid, json!([{ "status": 429, "retryAfter": "7", "times": 1 }, { "status": 503, "times": 2 }])).await;
    let limited = grid.get("/config").await;
    assert_eq!((limited.error(429), limited.headers["retry-after"].to_str().unwrap()), ("RATE_LIMITED", "7"));
    for _ in 0..2 {
        assert_eq!(grid.post("/customers", individual("Jane Doe")).await.error(503), "INTERNAL_ERROR");
    }
    assert_eq!(grid.get("/customers").await.expect(200)["totalCount"], 0, "nothing was acted on");
    let left = grid.control(Method::GET, "/faults", Value::Null).await.expect(200);
    assert_eq!(left["faults"][1]["times"], 0);

    faults(&grid, json!([{ "status": 502, "body": "<h1>Bad gateway</h1>" }])).await;
    let proxy = grid.get("/config").await;
    assert_eq!(proxy.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(proxy.expect(502), "<h1>Bad gateway</h1>");
    grid.control(Method::DELETE, "/faults", Value::Null).await.expect(204);
    grid.get("/config").await.expect(200);
}

#[tokio::test]
async fn errors_can_be_written_as_they_were_until_september_2026() {
    let grid = Grid::with(|config| config.old_error_bodies = true).await;
    let missing = || grid.get("/customers/Customer:1");
    let old = missing().await.expect(404);
    assert_eq!(old, json!({ "status": 404, "code": "USER_NOT_FOUND", "message": "Customer not found" }));
    let bad = grid.post("/verifications", json!({})).await.expect(400);
    assert_eq!((&bad["status"], &bad["details"]["errors"][0]["field"]), (&json!(400), &json!("customerId")));
    faults(&grid, json!([{ "status": 501, "times": 1 }])).await;
    assert_eq!(grid.get("/config").await.expect(501)["status"], 501);

    let platform = grid.control(Method::POST, "/platform", json!({ "oldErrorBodies": false })).await.expect(200);
    assert_eq!(platform["oldErrorBodies"], false);
    let new = missing().await.expect(404);
    assert_eq!(new, json!({ "code": "USER_NOT_FOUND", "reason": "Customer not found" }));
    grid.control(Method::POST, "/reset", json!({})).await.expect(204);
    assert_eq!(missing().await.expect(404), old, "a reset brings back how it was started");
}

#[tokio::test]
async fn an_answer_can_say_what_is_wrong_with_a_file() {
    let grid = Grid::start().await;
    faults(&grid, json!([{ "path": "/documents", "status": 422, "precheckErrors": ["grayscale"], "times": 1 }])).await;
    let rejected = grid.get("/documents").await;
    assert_eq!(rejected.error(422), "DOCUMENT_REJECTED");
    assert_eq!(rejected.body["precheckErrors"], json!(["grayscale"]));
}

#[tokio::test]
async fn a_fault_meets_what_it_names() {
    let grid = Grid::start().await;
    faults(&grid, json!([{ "method": "post", "path": "/customers", "status": 500, "code": "GRID_SWITCH_ERROR" }]))
        .await;
    assert_eq!(grid.post("/customers", individual("Jane Doe")).await.error(500), "GRID_SWITCH_ERROR");
    grid.get("/customers").await.expect(200);
    assert_eq!(grid.post("/verifications", json!({})).await.error(400), "INVALID_INPUT");
    faults(&grid, json!([{ "percent": 0, "status": 500 }])).await;
    grid.get("/config").await.expect(200);
    for bad in [json!([{ "status": 99 }]), json!([{ "teapot": true }]), json!({})] {
        grid.control(Method::POST, "/faults", json!({ "faults": bad })).await.expect(400);
    }
}

#[tokio::test]
async fn a_connection_can_break_before_or_after_the_request_was_acted_on() {
    let grid = Grid::start().await;
    for (hang_up, total) in [("before", 0), ("after", 1)] {
        faults(&grid, json!([{ "hangUp": hang_up, "times": 1 }])).await;
        let request = grid.request(Method::POST, "/customers").json(&individual("Jane Doe"));
        let error = request.send().await.unwrap_err();
        assert!(error.is_request(), "{error:?}");
        assert_eq!(grid.get("/customers").await.expect(200)["totalCount"], total, "{hang_up}");
    }
    let received = grid.control(Method::GET, "/requests", Value::Null).await.expect(200);
    let statuses: Vec<_> = received["requests"].as_array().unwrap().iter().map(|entry| &entry["status"]).collect();
    assert_eq!(statuses, [&Value::Null, &json!(200), &Value::Null, &json!(200)]);
}

#[tokio::test]
async fn an_answer_can_be_slow_and_does_not_keep_the_sandbox_from_stopping() {
    let grid = Grid::start().await;
    faults(&grid, json!([{ "delayMillis": 50, "times": 1 }, { "delayMillis": 600_000 }])).await;
    let started = Instant::now();
    grid.get("/config").await.expect(200);
    assert!(started.elapsed() >= Duration::from_millis(50));

    let slow = tokio::spawn(send(grid.request(Method::GET, "/config")));
    let received = async {
        while grid.control(Method::GET, "/requests", Value::Null).await.body["requests"].as_array().unwrap().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), received).await.unwrap();
    grid.stop().await;
    slow.await.unwrap().expect(200);
}
