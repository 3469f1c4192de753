//! `gridgate watch`: the real program against the event service.

use std::sync::Arc;

use gridgate::kyc::clock::SystemClock;
use gridgate::kyc::event::Asker;

use super::history::Writer;
use super::proxy::Proxy;
use super::requests::{from_earliest, from_now};
use super::rig::Rig;
use super::source::Scripted;
use super::watched::{Watched, watched};
use crate::event_log::seen::{answer, status};
use crate::support::memory_log::MemoryLog;
use crate::support::process::Process;

fn watch(addr: std::net::SocketAddr, args: &[&str]) -> Process {
    let addr = format!("--grpc-addr={addr}");
    Process::start(&[&["watch", addr.as_str()], args].concat(), &[])
}

/// A line without the time that it begins with.
fn after_time(line: &str) -> &str {
    let (time, rest) = line.split_once("  ").unwrap();
    assert!(time.parse::<jiff::Timestamp>().is_ok(), "{line}");
    rest
}

/// What a line of JSON says: its kind, the customer and the status.
fn said(line: &str) -> String {
    let json: serde_json::Value = serde_json::from_str(line).unwrap();
    assert!(json["resumeToken"].is_string(), "{line}");
    let kind = json.as_object().unwrap().keys().find(|key| *key != "resumeToken").unwrap().clone();
    let said = match kind.as_str() {
        "snapshotEntry" => &json[&kind]["customer"],
        _ => &json[&kind],
    };
    let word = |field: &str| said[field].as_str().unwrap_or_default().to_owned();
    format!("{kind} {} {}", word("customerId"), word("statusRaw")).trim().to_owned()
}

const UP_TO_DATE: &str = "– up to date; live changes follow –";

#[tokio::test]
async fn watches_until_all_are_decided() {
    let Watched { store: _, log, writer, rig: _ } = watched().await;
    let rig = Rig::asking(&log, Arc::new(Scripted::default())).await;
    writer.says_of("user-1", "a", "PENDING").await;
    writer.says("b", "PENDING").await;
    let args = ["--from=earliest", "--customer=Customer:a", "--customer=Customer:c", "--until-decided"];
    let mut program = watch(rig.addr(), &args);
    assert_eq!(after_time(&program.line().await), "Customer:a (user-1)  PENDING");
    assert_eq!(program.line().await, UP_TO_DATE);
    program.complains("Grid has no customer Customer:c; waiting").await;
    writer.says("a", "REJECTED").await;
    log.record(answer(log.as_ref(), Asker::Call, "c", status("APPROVED"))).await.unwrap();
    assert_eq!(after_time(&program.line().await), "Customer:a (user-1)  PENDING → REJECTED");
    let ended = program.ended().await;
    assert_eq!(after_time(ended.stdout.trim_end()), "Customer:c  APPROVED  from a response of Grid");
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
}

#[tokio::test]
async fn prints_json_for_programs() {
    let Watched { store: _, log: _, writer, rig } = watched().await;
    writer.says("a", "PENDING").await;
    writer.says("b", "APPROVED").await;
    let args = ["--json", "--snapshot", "--kind=customer", "--status=approved", "--status=HOLD"];
    let mut program = watch(rig.addr(), &args);
    assert_eq!(said(&program.line().await), "snapshotEntry Customer:b APPROVED");
    assert_eq!(said(&program.line().await), "synced");
    writer.says("a", "HOLD").await;
    let change = program.line().await;
    assert_eq!(said(&change), "statusChange Customer:a HOLD");
    assert!(change.contains(r#""previousStatus":"KYC_STATUS_PENDING""#), "{change}");
    program.signal("INT").await;
    let ended = program.ended().await;
    assert_eq!(ended.status.code(), Some(0));
    let change: serde_json::Value = serde_json::from_str(&change).unwrap();
    let token = change["resumeToken"].as_str().unwrap();
    assert_eq!(ended.stderr, format!("gridgate: stopped; --from {token} resumes here\n"));
}

#[tokio::test]
async fn goes_on_where_it_was_when_the_connection_breaks() {
    let Watched { store, log, writer, rig } = watched().await;
    let proxy = Proxy::to(rig.addr()).await;
    let mut program = watch(proxy.addr, &["--json", "--from=earliest", "--customer=Customer:a", "--until-decided"]);
    assert_eq!(said(&program.line().await), "synced");
    writer.says("a", "UNVERIFIED").await;
    assert_eq!(said(&program.line().await), "statusChange Customer:a UNVERIFIED");
    // Broken, and nobody there for a while, in which something happens.
    proxy.cut(None);
    writer.says("a", "PENDING").await;
    proxy.cut(Some(rig.addr()));
    assert_eq!(said(&program.line().await), "statusChange Customer:a PENDING");
    assert_eq!(said(&program.line().await), "synced");
    // A shutdown; another process takes over.
    rig.leaving.cancel();
    assert_eq!(said(&program.line().await), "goingAway");
    log.close().await;
    let log = MemoryLog::open(store, Arc::new(SystemClock), 64).log();
    let rig = Rig::of(&log).await;
    Writer::beginning(&log, 50).says("a", "APPROVED").await;
    proxy.cut(Some(rig.addr()));
    assert_eq!(said(&program.line().await), "statusChange Customer:a APPROVED");
    let ended = program.ended().await;
    assert_eq!(ended.stdout.lines().map(said).collect::<Vec<_>>(), ["synced", "goingAway"]);
    assert_eq!(ended.status.code(), Some(0));
    assert!(ended.stderr.contains("; reconnecting in "), "{}", ended.stderr);
    assert!(ended.stderr.contains("gridgate is shutting down"), "{}", ended.stderr);
    assert!(ended.stderr.ends_with("gridgate: reconnected\n"), "{}", ended.stderr);
}

#[tokio::test]
async fn waits_for_a_server_that_is_not_there_yet() {
    let Watched { store: _, log: _, writer, rig } = watched().await;
    writer.says("a", "APPROVED").await;
    let proxy = Proxy::to(rig.addr()).await;
    proxy.cut(None);
    let mut program = watch(proxy.addr, &["--from=earliest"]);
    proxy.cut(Some(rig.addr()));
    assert_eq!(after_time(&program.line().await), "Customer:a  APPROVED");
    program.signal("TERM").await;
    assert_eq!(program.ended().await.status.code(), Some(0));
}

#[tokio::test]
async fn gives_up_where_connecting_again_is_no_use() {
    let Watched { store, log: _, writer, rig } = watched().await;
    writer.says("a", "PENDING").await;
    let old = rig.watch(from_earliest()).await.response().await.resume_token;
    let elsewhere = watched().await;
    let foreign = elsewhere.rig.watch(from_now()).await.response().await.resume_token;
    writer.says("a", "APPROVED").await;
    store.trim();
    for (from, words) in [
        (&foreign, "answered INVALID_ARGUMENT: the resume token is not one of this log"),
        (&old, "answered OUT_OF_RANGE: the log no longer holds what follows that place"),
    ] {
        let ended = watch(rig.addr(), &["--from", from]).ended().await;
        assert_eq!((ended.status.code(), ended.stdout.as_str()), (Some(1), ""));
        let words = format!("cannot watch: http://{} {words}", rig.addr());
        assert!(ended.stderr.contains(&words), "{}", ended.stderr);
        assert!(ended.stderr.contains("--snapshot"), "{}", ended.stderr);
        let hint = ended.stderr.lines().find_map(|line| line.split_once("--from ")).map(|(_, rest)| rest);
        assert_eq!(hint.is_some(), from == &old);
        if let Some(token) = hint.and_then(|hint| hint.split(' ').next()) {
            let mut program = watch(rig.addr(), &["--from", token]);
            assert_eq!(program.line().await, UP_TO_DATE);
        }
    }
}

#[tokio::test]
async fn mistakes_in_flags_are_told_before_anything_is_called() {
    for (args, words) in [
        (&["--until-decided"][..], "--customer"),
        (&["--until-decided", "--customer=a", "--platform-customer=b"], "cannot be used with"),
        (&["--from=yesterday"], "must be now, earliest, a time"),
        (&["--status=GREAT"], "must be UNVERIFIED"),
        (&["--heartbeat=0"], "0 is not in 1..=300"),
        (&["--kind=payment"], "possible values: customer, verification"),
        (&["--grpc-addr=nowhere"], "grpc.addr"),
    ] {
        let ended = Process::start(&[&["watch"], args].concat(), &[]).ended().await;
        assert_eq!(ended.status.code(), Some(2), "{args:?}");
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }
}
