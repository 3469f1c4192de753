//! The lines that say who called what, and what became of it.

use gridgate::identity::Counted;
use gridgate::pb;
use gridgate::pb::customer_service_client::CustomerServiceClient;
use serde_json::Value;
use tonic::{Code, Request};

use super::rig::{Rig, bearer, caller, token, until};
use crate::support::api::{RPCS, Repeat};
use crate::support::log::CapturedLog;
use crate::support::silent_grid::SilentGrid;
use crate::support::soon;

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
    let methods = "methods = [\"*/*\", \"gridgate.v1.PlatformService/UpdatePlatformConfig\"]";
    let rig = Rig::with(&caller("shop", &token, methods)).await;
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

/// How many calls of these lines had none of their own.
fn held_back(lines: &[Value]) -> u64 {
    lines.iter().filter_map(|line| line["held_back"].as_u64()).sum()
}

/// Lines about one call each.
fn of_calls(lines: &[Value]) -> usize {
    lines.iter().filter(|line| line.get("method").is_some()).count()
}

#[tokio::test]
async fn strangers_do_not_flood_the_log_and_each_of_their_refusals_is_counted() {
    let log = CapturedLog::start();
    let rig = Rig::with(&caller("shop", &token(), "methods = [\"*/*\"]")).await;
    let mut client = rig.client().await;
    // A header that is not believed is warned of, and that takes no line away.
    let forged = ("x-forwarded-client-cert", "Hash=1;URI=spiffe://mesh/shop");
    for headers in [&[][..], &[forged], &[("authorization", "Bearer no")], &[("authorization", "Bearer no"), forged]] {
        for _ in 0..75 {
            client.call("/gridgate.v1.CustomerService/DeleteCustomer", headers).await;
        }
    }
    let written = of_calls(&lines(&log));
    assert!((100..200).contains(&written), "{written} lines of 300 calls");
    assert_eq!(rig.gate.counters().of(Counted::HeaderIgnored), 150);
    let warnings = log.text().matches("a proxy's header was ignored").count();
    assert!((1..75).contains(&warnings), "{warnings} warnings of 150 headers");
    // What no later line counts is told when the server stops.
    drop(client);
    rig.stop().await;
    let lines = lines(&log);
    let all = u64::try_from(of_calls(&lines)).unwrap() + held_back(&lines);
    assert_eq!(all, 300, "{:?}", lines.last());
    assert_eq!(lines.last().unwrap()["peer"], "127.0.0.1");
}

#[tokio::test]
async fn a_noisy_stranger_and_a_noisy_caller_hide_nobody_elses_refusal() {
    let (noisy, quiet) = (token(), token());
    let log = CapturedLog::start();
    let reads = "methods = [\"gridgate.v1.*/Get*\"]";
    let limited = format!("{reads}\nrate = {{ per_second = 1, burst = 1 }}");
    let rig = Rig::with(&[caller("noisy", &noisy, &limited), caller("quiet", &quiet, reads)].concat()).await;
    let mut client = rig.client().await;
    let (delete, get) =
        ("/gridgate.v1.CustomerService/DeleteCustomer", "/gridgate.v1.PlatformService/GetPlatformConfig");
    for _ in 0..150 {
        client.call(delete, &[]).await;
        client.call(get, &[("authorization", &bearer(&noisy))]).await;
    }
    // Through the same proxy, as it were: from the same address.
    client.call(delete, &[("authorization", &bearer(&quiet))]).await;
    let last = lines(&log).pop().unwrap();
    assert_eq!((&last["caller"], &last["code"]), (&"quiet".into(), &"PERMISSION_DENIED".into()), "{last}");
    assert!(last.get("held_back").is_none(), "{last}");
    // What would have changed something has its line however many came before, and counts those without.
    client.call(delete, &[("authorization", &bearer(&noisy))]).await;
    let last = lines(&log).pop().unwrap();
    assert_eq!((&last["caller"], &last["code"]), (&"noisy".into(), &"PERMISSION_DENIED".into()), "{last}");
    let before = lines(&log);
    let of_noisy: Vec<_> = before.into_iter().filter(|line| line["caller"] == "noisy").collect();
    let refused = rig.gate.counters().of(Counted::RateLimited) + rig.gate.counters().of(Counted::MethodNotAllowed) - 1;
    assert_eq!(u64::try_from(of_noisy.len()).unwrap() + held_back(&of_noisy), refused);
    assert!(held_back(&of_noisy) > 0, "{last}");
}

#[tokio::test]
async fn every_refusal_of_a_callers_mutation_has_a_line() {
    let known = token();
    let log = CapturedLog::start();
    let rig = Rig::with(&caller("shop", &known, "methods = [\"gridgate.v1.*/Get*\"]")).await;
    let mut client = rig.client().await;
    for _ in 0..150 {
        client.call("/gridgate.v1.CustomerService/DeleteCustomer", &[("authorization", &bearer(&known))]).await;
    }
    assert_eq!(of_calls(&lines(&log)), 150);
    assert_eq!(held_back(&lines(&log)), 0);
}

#[tokio::test]
async fn a_call_that_runs_out_of_time_has_its_line() {
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

#[tokio::test]
async fn a_call_that_its_caller_gives_up_has_its_line_too() {
    let token = token();
    let log = CapturedLog::start();
    let mut grid = SilentGrid::start().await;
    let rig = Rig::in_front_of(&grid.base_url(), &caller("shop", &token, "methods = [\"*/*\"]")).await;
    let mut client = CustomerServiceClient::new(rig.app.channel().await);
    let mut request = Request::new(pb::DeleteCustomerRequest { customer_id: "Customer:1".to_owned() });
    request.metadata_mut().insert("authorization", bearer(&token).parse().unwrap());
    tokio::select! {
        answer = client.delete_customer(request) => panic!("answered: {answer:?}"),
        () = grid.request() => {}
    }
    soon("the line", until(|| !lines(&log).is_empty())).await;
    let lines = lines(&log);
    assert_eq!(lines.len(), 1, "{lines:?}");
    for (key, value) in [
        ("decision", "allowed"),
        ("caller", "shop"),
        ("method", "gridgate.v1.CustomerService/DeleteCustomer"),
        ("code", "CANCELLED"),
    ] {
        assert_eq!(lines[0][key], value, "{lines:?}");
    }
}
