//! The lines that say who called what, and what became of it.

use serde_json::Value;
use tonic::Code;

use super::rig::{Rig, bearer, caller, token};
use crate::support::api::{RPCS, Repeat};
use crate::support::log::CapturedLog;

/// The audit lines of a log, without what all lines have.
fn lines(log: &CapturedLog) -> Vec<Value> {
    let all = log.text();
    let lines = all.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["target"] == "audit").map(|line| line["fields"].clone()).collect()
}

#[tokio::test]
async fn every_mutating_call_has_one_line_and_a_reading_one_none() {
    let token = token();
    let log = CapturedLog::start();
    let rig = Rig::with(&caller("shop", &token, "methods = [\"*/*\"]")).await;
    let mut client = rig.client().await;
    for rpc in RPCS {
        let method = format!("{}/{}", rpc.descriptor().parent_service().full_name(), rpc.name);
        let before = lines(&log).len();
        let answer = client.call(&format!("/{method}"), &[("authorization", &bearer(&token))]).await;
        let lines = lines(&log).split_off(before);
        if rpc.repeat == Repeat::Read {
            assert!(lines.is_empty(), "{method}: {lines:?}");
            continue;
        }
        assert_eq!(lines.len(), 1, "{method}: {lines:?}");
        let line = &lines[0];
        for (key, value) in [
            ("decision", "allowed"),
            ("caller", "shop"),
            ("source", "token"),
            ("method", &method),
            ("peer", "127.0.0.1"),
            ("code", &code(answer.code())),
        ] {
            assert_eq!(line[key], value, "{line}");
        }
        assert!(line.get("trace_id").is_none(), "{line}");
    }
    assert!(!log.text().contains(token.expose()), "the token is in the log");
}

fn code(code: Code) -> String {
    let words = format!("{code:?}");
    let mut name = String::new();
    for (index, letter) in words.char_indices() {
        if letter.is_uppercase() && index > 0 {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

#[tokio::test]
async fn a_line_names_the_trace_and_a_refusal_its_reason() {
    let (known, wrong) = (token(), token());
    let log = CapturedLog::start();
    let rig = Rig::with(&caller("shop", &known, "methods = [\"gridgate.v1.CustomerService/*\"]")).await;
    let trace = ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let header = bearer(&known);
    rig.call("gridgate.v1.CustomerService/CreateCustomer", &[("authorization", &header), trace]).await;
    rig.call("gridgate.v1.DocumentService/DeleteDocument", &[("authorization", &header), trace]).await;
    rig.call_as(&wrong, "gridgate.v1.CustomerService/GetCustomer").await;
    rig.call("gridgate.v1.CustomerService/GetCustomer", &[]).await;
    let lines = lines(&log);
    let of = |key: &str| -> Vec<_> { lines.iter().map(|line| line[key].as_str().unwrap_or("").to_owned()).collect() };
    assert_eq!(of("decision"), ["allowed", "denied", "denied", "denied"]);
    assert_eq!(of("code"), ["INVALID_ARGUMENT", "PERMISSION_DENIED", "UNAUTHENTICATED", "UNAUTHENTICATED"]);
    assert_eq!(of("caller"), ["shop", "shop", "", ""]);
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    assert_eq!(of("trace_id"), [id, id, "", ""]);
    assert_eq!(of("reason"), ["", "the caller may not call this method", "the token is nobody's", "no credentials"]);
}

#[tokio::test]
async fn refusals_do_not_flood_the_log() {
    let log = CapturedLog::start();
    let rig = Rig::with(&caller("shop", &token(), "methods = [\"*/*\"]")).await;
    let mut client = rig.client().await;
    for _ in 0..300 {
        client.call("/gridgate.v1.CustomerService/DeleteCustomer", &[]).await;
    }
    let written = lines(&log).len();
    assert!((100..200).contains(&written), "{written} lines of 300 calls");
}

#[tokio::test]
async fn a_call_that_its_caller_gives_up_has_its_line_too() {
    let token = token();
    let log = CapturedLog::start();
    let rig = Rig::with(&caller("shop", &token, "methods = [\"*/*\"]")).await;
    let mut client = rig.client().await;
    // The deadline passes before the handler does anything.
    let headers = [("authorization", bearer(&token)), ("grpc-timeout", "0n".to_owned())];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let answer = client.call("/gridgate.v1.CustomerService/DeleteCustomer", &headers).await;
    assert_eq!(answer.code(), Code::DeadlineExceeded);
    assert_eq!(lines(&log)[0]["code"], "DEADLINE_EXCEEDED");
}
