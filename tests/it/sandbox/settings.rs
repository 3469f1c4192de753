//! What goes wrong on purpose, set on the command line.

use serde_json::{Value, json};

use crate::support::control::Control;
use crate::support::process::Process;

async fn sandbox(flags: &[&str]) -> (Process, Control) {
    let mut program = Process::start(&[&["sandbox", "--sandbox-addr=127.0.0.1:0"], flags].concat(), &[]);
    let addr = program.json_line().await["sandbox"].parse().unwrap();
    (program, Control::of(addr))
}

#[tokio::test]
async fn mischief_with_webhooks_is_what_the_flags_say() {
    let (_program, control) = sandbox(&[
        "--sandbox-webhook-endpoint=http://127.0.0.1:9/hooks",
        "--sandbox-webhook-duplicates=2",
        "--sandbox-webhook-reorder=3",
        "--sandbox-webhook-delay=1m",
        "--sandbox-webhook-drop-percent=4",
    ])
    .await;
    let shown = control.get("/webhooks").await;
    assert_eq!(shown["endpoint"], "http://127.0.0.1:9/hooks");
    let expected = json!({
        "onlyTypes": [], "duplicates": 2, "reorder": 3, "delaySeconds": 60, "dropPercent": 4, "dropNext": 0,
        "restampRetries": false, "oldTest": false,
    });
    assert_eq!(shown["mischief"], expected);
    // It can be changed while the sandbox runs, and a reset brings it back.
    control.post("/webhooks/mischief", json!({})).await;
    control.post("/reset", Value::Null).await;
    assert_eq!(control.get("/webhooks").await["mischief"], expected);
}

#[tokio::test]
async fn the_old_rules_are_a_flag() {
    let (_program, control) = sandbox(&["--sandbox-approve-at-creation"]).await;
    assert_eq!(control.get("/platform").await["approveAtCreation"], true);
    let (_program, control) = sandbox(&[]).await;
    assert_eq!(control.get("/platform").await["approveAtCreation"], false);
}

#[tokio::test]
async fn mischief_with_answers_is_shared_out_as_the_flags_say() {
    let (_program, control) =
        sandbox(&["--sandbox-answer-delay=5ms", "--sandbox-answer-429-percent=20", "--sandbox-answer-503-percent=40"])
            .await;
    let faults = control.get("/faults").await;
    // Forty of a hundred are half of the eighty that the first one leaves.
    let expected = json!([
        { "percent": 20, "delayMillis": 5, "status": 429, "retryAfter": "1" },
        { "percent": 50, "delayMillis": 5, "status": 503 },
        { "percent": 100, "delayMillis": 5 },
    ]);
    assert_eq!(faults["faults"], expected);
    let (_program, control) = sandbox(&["--sandbox-answer-503-percent=100"]).await;
    assert_eq!(control.get("/faults").await["faults"], json!([{ "percent": 100, "delayMillis": 0, "status": 503 }]));
    let (_program, control) = sandbox(&[]).await;
    assert_eq!(control.get("/faults").await["faults"], json!([]));
    assert_eq!(control.get("/webhooks").await["endpoint"], Value::Null);
}
