//! How refusals look, and what a log that cannot be read makes of streams.

use std::sync::Arc;
use std::time::Duration;

use gridgate::kyc::clock::SystemClock;
use gridgate::kyc::event::Event;
use gridgate::kyc::id::Position;
use gridgate::kyc::log::{EventLog, LogError, Scope};
use gridgate::kyc::token::Mark;
use gridgate::pb;
use gridgate::rpc::WatchConfig;
use jiff::Timestamp;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::history::Writer;
use super::requests::{Asking, Request, from_earliest, from_now, from_token, snapshot};
use super::rig::{Rig, for_ever};
use crate::event_log::seen::{status, webhook};
use crate::support::memory_log::{MemoryLog, Store};
use crate::support::raw_grpc::RawClient;

/// The code and reason of a refusal in gridgate's own domain.
pub fn reason(status: &Status) -> (Code, String) {
    let info = status.get_details_error_info().expect("ErrorInfo is always there");
    assert_eq!(info.domain, "gridgate");
    (status.code(), info.reason)
}

/// A value of `ErrorInfo.metadata`.
pub fn metadata(status: &Status, key: &str) -> String {
    status.get_details_error_info().unwrap().metadata.get(key).expect(key).clone()
}

/// How a call that has to fail failed.
pub async fn refusal(rig: &Rig, request: Request) -> Status {
    match rig.try_watch(request).await {
        Err(status) => status,
        Ok(mut stream) => stream.next().await.expect_err("refused"),
    }
}

fn memory() -> (Arc<MemoryLog>, Arc<EventLog>) {
    let memory = MemoryLog::open(Store::new(), Arc::new(SystemClock), 64);
    let log = memory.log();
    (memory, log)
}

#[tokio::test]
async fn every_bad_field_is_named_at_once() {
    let (_, log) = memory();
    let rig = Rig::of(&log).await;
    let fields = |status: &Status| -> Vec<String> {
        assert_eq!(reason(status), (Code::InvalidArgument, "INVALID_REQUEST".to_owned()));
        let violations = status.get_details_bad_request().unwrap().field_violations;
        violations.into_iter().map(|violation| violation.field).collect()
    };
    let request = Request {
        customer_ids: vec!["Customer:1".to_owned(), String::new(), "../x".to_owned()],
        platform_customer_ids: vec!["\n".to_owned()],
        kinds: vec![1, 0, 9],
        statuses: vec![0],
        verification_statuses: vec![77],
        heartbeat_interval: Some(prost_types::Duration { seconds: -1, nanos: 0 }),
        with_snapshot: true,
        until_decided: true,
        ..from_earliest()
    };
    assert_eq!(
        fields(&refusal(&rig, request).await),
        [
            "platform_customer_ids",
            "customer_ids[1]",
            "customer_ids[2]",
            "platform_customer_ids[0]",
            "kinds[1]",
            "kinds[2]",
            "statuses[0]",
            "verification_statuses[0]",
            "with_snapshot",
            "heartbeat_interval",
        ]
    );
    assert_eq!(fields(&refusal(&rig, from_now().until_decided()).await), ["customer_ids"]);
    let many: Vec<String> = (0..1001).map(|number| format!("Customer:{number}")).collect();
    assert_eq!(fields(&refusal(&rig, Request { customer_ids: many, ..from_now() }).await), ["customer_ids"]);
    let time = prost_types::Timestamp { seconds: i64::MAX, nanos: -1 };
    let start = Some(pb::watch_kyc_status_request::Start::StartTime(time));
    assert_eq!(
        fields(&refusal(&rig, Request { start, with_snapshot: true, ..from_now() }).await),
        ["with_snapshot", "start_time"]
    );
    let start = Some(pb::watch_kyc_status_request::Start::StartPosition(5));
    assert_eq!(fields(&refusal(&rig, Request { start, ..from_now() }).await), ["start_position"]);

    let list = pb::ListKycEventsRequest {
        page_size: -1,
        customer_ids: vec!["..".to_owned()],
        outcomes: vec![0],
        recorded_after: Some(time),
        ..Default::default()
    };
    assert_eq!(
        fields(&rig.list(list).await.unwrap_err()),
        ["page_size", "customer_ids[0]", "outcomes[0]", "recorded_after"]
    );
    let get = pb::GetKycStatusRequest {
        customer_id: "a/b".to_owned(),
        max_staleness: Some(prost_types::Duration { seconds: 0, nanos: -1 }),
        at_least: String::new(),
    };
    assert_eq!(fields(&rig.get(get).await.unwrap_err()), ["customer_id", "max_staleness"]);
}

#[tokio::test]
async fn a_replica_that_is_behind_says_so_and_where_to_go_on() {
    let (memory, log) = memory();
    let lag = Duration::from_millis(300);
    let rig = Rig::with(&log, WatchConfig { max_lag: lag, ..for_ever() }).await;
    let writer = Writer::of(&log);
    let heartbeats = Some(prost_types::Duration { seconds: 300, nanos: 0 });
    let mut stream = rig.watch(Request { heartbeat_interval: heartbeats, ..from_now() }).await;
    stream.hear_until("synced").await;
    writer.says("a", "PENDING").await;
    assert_eq!(stream.hear().await, "a PENDING");
    memory.faults.fall_behind(Some(Timestamp::now()));
    // Long before the next heartbeat.
    let status = stream.next().await.unwrap_err();
    assert_eq!(reason(&status), (Code::Unavailable, "REPLICA_BEHIND".to_owned()));
    let token = metadata(&status, "resume_token");
    // A new stream fares no better, until the replica has caught up.
    assert_eq!(reason(&refusal(&rig, from_token(&token)).await).1, "REPLICA_BEHIND");
    memory.faults.fall_behind(None);
    writer.says("a", "APPROVED").await;
    let mut elsewhere = rig.watch(from_token(&token)).await;
    assert_eq!(elsewhere.hear_until("synced").await.0, ["a APPROVED"]);
}

#[tokio::test]
async fn a_replica_that_is_behind_in_a_snapshot_has_it_begin_again() {
    let (memory, log) = memory();
    Writer::of(&log).says("a", "PENDING").await;
    memory.faults.heads.close();
    let rig = Rig::with(&log, WatchConfig { max_lag: Duration::from_millis(100), ..for_ever() }).await;
    let mut stream = rig.watch(snapshot()).await;
    memory.faults.fall_behind(Some(Timestamp::now() - Duration::from_secs(1)));
    memory.faults.heads.admit(10);
    let status = stream.next().await.unwrap_err();
    let token = metadata(&status, "resume_token");
    memory.faults.fall_behind(None);
    let mut again = rig.watch(snapshot().resumed(&token)).await;
    assert_eq!(again.hear_until("synced").await.0, ["row a PENDING"]);
}

#[tokio::test]
async fn a_token_from_ahead_waits_for_a_replica_that_is_behind() {
    let ahead = Store::new();
    let behind = MemoryLog::open(ahead.replica(), Arc::new(SystemClock), 64);
    let ahead = MemoryLog::open(ahead, Arc::new(SystemClock), 64).log();
    let log = behind.log();
    let rig = Rig::with(&log, WatchConfig { max_lag: Duration::from_millis(300), ..for_ever() }).await;
    let news = webhook("1", "a", status("PENDING"), 1);
    ahead.record(news.clone()).await.unwrap();
    let token = Rig::of(&ahead).await.watch(from_earliest()).await.response().await.resume_token;

    // To a replica that knows the end of its log, it is beyond that.
    assert_eq!(reason(&refusal(&rig, from_token(&token)).await).1, "RESUME_TOKEN_FOREIGN");
    // One that knows that it is behind waits, but not for ever.
    behind.faults.fall_behind(Some(Timestamp::now() + Duration::from_secs(3600)));
    let status = refusal(&rig, from_token(&token)).await;
    assert_eq!(reason(&status), (Code::Unavailable, "REPLICA_BEHIND".to_owned()));
    assert_eq!(metadata(&status, "resume_token"), token);
    // Answers wait as long as their caller does.
    let get = pb::GetKycStatusRequest { customer_id: "Customer:a".to_owned(), at_least: token, ..Default::default() };
    let mut client = RawClient::connect(rig.addr()).await;
    let hasty = client.call_within("/gridgate.v1.KycEventService/GetKycStatus", &get, "100m").await;
    assert_eq!(hasty.code(), Code::DeadlineExceeded);
    let waiting = rig.get(get);
    let catching_up = async { log.record(news).await.unwrap() };
    let (found, _) = tokio::join!(waiting, catching_up);
    assert_eq!(found.unwrap().customer.unwrap().status_raw, "PENDING");
}

#[tokio::test]
async fn a_replica_that_leaves_does_not_keep_waiting_for_a_token() {
    let ahead = Store::new();
    let behind = MemoryLog::open(ahead.replica(), Arc::new(SystemClock), 64);
    let ahead = MemoryLog::open(ahead, Arc::new(SystemClock), 64).log();
    Writer::of(&ahead).says("a", "PENDING").await;
    let token = Rig::of(&ahead).await.watch(from_earliest()).await.response().await.resume_token;
    behind.faults.fall_behind(Some(Timestamp::now()));
    let rig = Rig::of(&behind.log()).await;
    let leave = async { rig.leaving.cancel() };
    let (status, ()) = tokio::join!(refusal(&rig, from_token(&token)), leave);
    assert_eq!(reason(&status), (Code::Unavailable, "REPLICA_BEHIND".to_owned()));
}

#[tokio::test]
async fn a_log_that_cannot_be_read_ends_streams_and_calls() {
    let (memory, log) = memory();
    let rig = Rig::of(&log).await;
    let writer = Writer::of(&log);
    writer.says("a", "PENDING").await;
    let unavailable = (Code::Unavailable, "LOG_UNAVAILABLE".to_owned());
    let list = || rig.list(pb::ListKycEventsRequest::default());
    let list_after = || {
        let recorded_after = Some(prost_types::Timestamp::default());
        rig.list(pb::ListKycEventsRequest { recorded_after, ..Default::default() })
    };
    let get = || rig.get(pb::GetKycStatusRequest { customer_id: "Customer:a".to_owned(), ..Default::default() });
    for (error, expected) in [
        (LogError::Unavailable { reason: "away".to_owned() }, unavailable.clone()),
        (LogError::Corrupt { reason: "torn".to_owned() }, (Code::DataLoss, "LOG_CORRUPT".to_owned())),
    ] {
        memory.faults.fail(Some(error));
        assert_eq!(reason(&refusal(&rig, from_earliest()).await), expected);
        assert_eq!(reason(&list().await.unwrap_err()), expected);
        assert_eq!(reason(&list_after().await.unwrap_err()), expected);
        assert_eq!(reason(&get().await.unwrap_err()), expected);
        memory.faults.fail(None);
    }
    // In the middle of a stream.
    let mut stream = rig.watch(from_earliest()).await;
    assert_eq!(stream.hear_several(2).await, ["a PENDING", "synced"]);
    writer.says("a", "APPROVED").await;
    log.close().await;
    assert_eq!(stream.hear().await, "a APPROVED", "what is known is still said");
    assert_eq!(reason(&stream.next().await.unwrap_err()), unavailable);
}

#[tokio::test]
async fn a_page_that_does_not_get_on_is_no_endless_loop() {
    let memory = MemoryLog::open(Store::new(), Arc::new(SystemClock), 1);
    let log = memory.log();
    let rig = Rig::of(&log).await;
    let writer = Writer::of(&log);
    writer.says("a", "PENDING").await;
    let mut stream = rig.watch(from_earliest()).await;
    assert_eq!(stream.hear_several(2).await, ["a PENDING", "synced"]);
    // The hub hears of two events, of which its ring has room for one, and the log's pages have neither.
    let page = log.read(Position::START, &Scope::ALL, 1).await.unwrap();
    let at = |number| Arc::new(Event { position: Position::new(number), ..page.events[0].as_ref().clone() });
    log.hub().publish(vec![at(2), at(3)], Mark { position: Position::new(3), ..page.considered }).wake();
    assert_eq!(reason(&stream.next().await.unwrap_err()), (Code::Unavailable, "LOG_UNAVAILABLE".to_owned()));
}

#[tokio::test]
async fn a_stream_ends_with_its_callers_deadline() {
    let log = MemoryLog::open(Store::new(), Arc::new(SystemClock), 64).log();
    let rig = Rig::of(&log).await;
    let mut client = RawClient::connect(rig.addr()).await;
    let answer = client.call_within("/gridgate.v1.KycEventService/WatchKycStatus", &from_now(), "100m").await;
    assert!(!answer.data.is_empty(), "it had begun");
    assert_eq!(answer.code(), Code::DeadlineExceeded);
}
