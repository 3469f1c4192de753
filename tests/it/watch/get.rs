//! GetKycStatus: from what is known, and else from Grid, once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use gridgate::kyc::clock::SystemClock;
use gridgate::kyc::event::Asker;
use gridgate::kyc::log::EventLog;
use gridgate::kyc::lookup::Lookup;
use gridgate::kyc::source::SourceError;
use gridgate::pb::{self, GetKycStatusRequest, KycStatus};
use tonic::Code;
use tonic_types::StatusExt as _;

use super::errors::reason;
use super::history::Writer;
use super::requests::{Asking as _, from_token, timestamp};
use super::rig::Rig;
use super::source::Scripted;
use crate::event_log::seen::{answer, at, customer, deleted, status, webhook};
use crate::support::memory_log::{MemoryLog, Store};
use crate::support::place::Place;
use crate::support::raw_grpc::RawClient;
use crate::support::soon;

fn of(name: &str) -> GetKycStatusRequest {
    GetKycStatusRequest { customer_id: customer(name).as_str().to_owned(), ..Default::default() }
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

pub async fn what_is_known_is_said_without_asking(place: &dyn Place) {
    let log = place.open().await;
    let rig = Rig::of(&log).await;
    let writer = Writer::of(&log);
    writer.says_of("ours", "a", "PENDING").await;
    writer.records(webhook("ok", "a", status("APPROVED"), 50)).await;
    writer.says("b", "SOMETHING_NEW").await;
    let found = rig.get(of("a")).await.unwrap();
    assert_eq!(found.as_of, Some(timestamp(log.as_of())));
    assert_eq!(found.confirmed_at, Some(timestamp(at(50))));
    let a = found.customer.unwrap();
    assert_eq!((a.customer_id.as_str(), a.platform_customer_id.as_str()), ("Customer:a", "ours"));
    assert_eq!((a.status(), a.status_raw.as_str(), a.is_decision), (KycStatus::Approved, "APPROVED", true));
    assert!(!a.is_deleted);
    let record = a.record.unwrap();
    assert_eq!((record.event_id.as_str(), record.source()), ("Webhook:ok", pb::KycEventSource::Webhook));
    assert_eq!(record.occurred_at, Some(timestamp(at(50))));
    // The answer is a place to go on from.
    writer.records(webhook("gone", "a", deleted("APPROVED"), 60)).await;
    assert_eq!(rig.watch(from_token(&found.resume_token)).await.hear().await, "a APPROVED deleted");
    assert!(rig.get(of("a")).await.unwrap().customer.unwrap().is_deleted);
    let b = rig.get(of("b")).await.unwrap().customer.unwrap();
    assert_eq!((b.status(), b.status_raw.as_str()), (KycStatus::Unspecified, "SOMETHING_NEW"));
    // Nothing of it was asked of Grid: the source would have panicked.
}

pub async fn a_position_holds_on_any_replica(place: &dyn Place) {
    let log = place.open().await;
    let rig = Rig::of(&log).await;
    let writer = Writer::of(&log);
    writer.says("a", "PENDING").await;
    let found = rig.get(of("a")).await.unwrap();
    let log = place.open().await;
    let rig = Rig::of(&log).await;
    let again = rig.get(GetKycStatusRequest { at_least: found.resume_token.clone(), ..of("a") }).await.unwrap();
    assert_eq!(again.customer, found.customer);
    assert_eq!(again.resume_token, found.resume_token);
}

struct Asked {
    memory: Arc<MemoryLog>,
    log: Arc<EventLog>,
    grid: Arc<Scripted>,
    rig: Arc<Rig>,
}

async fn asked() -> Asked {
    let memory = MemoryLog::open(Store::new(), Arc::new(SystemClock), 64);
    let log = memory.log();
    let grid = Arc::new(Scripted::default());
    let rig = Arc::new(Rig::asking(&log, Arc::clone(&grid) as _).await);
    Asked { memory, log, grid, rig }
}

#[tokio::test]
async fn a_customer_that_is_not_known_is_asked_of_grid_and_then_known() {
    let Asked { memory: _, log, grid, rig } = asked().await;
    grid.say("a", Some("HOLD"));
    let found = rig.get(of("a")).await.unwrap();
    let a = found.customer.unwrap();
    assert_eq!((a.status(), a.record.unwrap().source()), (KycStatus::Hold, pb::KycEventSource::Answer));
    assert_eq!(rig.get(of("a")).await.unwrap().customer.unwrap().status(), KycStatus::Hold);
    assert_eq!(grid.asked.passed(), 1);
    // It is a change like any other.
    assert_eq!(rig.watch(super::requests::from_earliest()).await.hear().await, "a HOLD");
    assert_eq!(log.hub().watching(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_who_ask_at_once_are_one_question() {
    let Asked { memory: _, log: _, grid, rig } = asked().await;
    grid.say("a", Some("PENDING"));
    grid.asked.close();
    let ask = |name: &'static str| {
        let rig = Arc::clone(&rig);
        (0..100).map(move |_| {
            let rig = Arc::clone(&rig);
            tokio::spawn(async move { rig.get(of(name)).await })
        })
    };
    let (known, unknown): (Vec<_>, Vec<_>) = (ask("a").collect(), ask("nobody").collect());
    // Both are let through when they come; those that come later find an answer.
    grid.asked.admit(2);
    for answer in known {
        let found = soon("an answer", answer).await.unwrap().unwrap();
        assert_eq!(found.customer.unwrap().status(), KycStatus::Pending);
    }
    for answer in unknown {
        let status = soon("an answer", answer).await.unwrap().unwrap_err();
        assert_eq!(reason(&status), (Code::NotFound, "CUSTOMER_UNKNOWN".to_owned()));
    }
    assert_eq!(grid.asked.passed(), 2);
}

#[tokio::test]
async fn an_absence_is_remembered_until_the_customer_is_heard_of() {
    let Asked { memory: _, log, grid, rig } = asked().await;
    for _ in 0..3 {
        let status = rig.get(GetKycStatusRequest { max_staleness: seconds(0), ..of("a") }).await.unwrap_err();
        assert_eq!(reason(&status), (Code::NotFound, "CUSTOMER_UNKNOWN".to_owned()));
        let resource = status.get_details_resource_info().unwrap();
        assert_eq!(
            (resource.resource_type.as_str(), resource.resource_name.as_str()),
            ("gridgate.v1.Customer", "Customer:a")
        );
    }
    assert_eq!(grid.asked.passed(), 1);
    grid.say("a", Some("APPROVED"));
    Writer::of(&log).says("a", "PENDING").await;
    assert_eq!(rig.get(of("a")).await.unwrap().customer.unwrap().status(), KycStatus::Pending);
    let fresh = rig.get(GetKycStatusRequest { max_staleness: seconds(0), ..of("a") }).await.unwrap();
    assert_eq!(fresh.customer.unwrap().status(), KycStatus::Approved);
    assert_eq!(grid.asked.passed(), 2);
}

#[tokio::test]
async fn what_is_too_old_is_asked_again() {
    let Asked { memory: _, log, grid, rig } = asked().await;
    // Long ago, by a webhook; it says so itself.
    Writer::of(&log).records(webhook("1", "a", status("PENDING"), -400_000_000)).await;
    grid.say("a", Some("PENDING"));
    let within = |max: i64| GetKycStatusRequest { max_staleness: seconds(max), ..of("a") };
    let old = rig.get(within(1_000_000_000)).await.unwrap();
    assert_eq!((old.confirmed_at, grid.asked.passed()), (Some(timestamp(at(-400_000_000))), 0));
    let now = jiff::Timestamp::now();
    let fresh = rig.get(within(3600)).await.unwrap();
    assert_eq!(grid.asked.passed(), 1);
    assert!(fresh.confirmed_at.unwrap().seconds >= now.as_second());
    assert_eq!(fresh.customer, old.customer, "nothing changed, so that no event came of it");
    assert_eq!(rig.get(within(3600)).await.unwrap().confirmed_at, fresh.confirmed_at);
    assert_eq!(grid.asked.passed(), 1, "it is fresh enough now");
    rig.get(within(0)).await.unwrap();
    rig.get(within(0)).await.unwrap();
    assert_eq!(grid.asked.passed(), 3, "zero always asks");
    grid.say("a", Some("REJECTED"));
    assert_eq!(rig.get(within(0)).await.unwrap().customer.unwrap().status(), KycStatus::Rejected);
    assert_eq!(rig.get(of("a")).await.unwrap().customer.unwrap().status(), KycStatus::Rejected);
}

#[tokio::test]
async fn an_answer_that_was_asked_for_before_the_question_is_not_fresh() {
    let Asked { memory: _, log, grid, rig: _ } = asked().await;
    let lookup = Lookup::new(Arc::clone(&log), Arc::clone(&grid) as _);
    let (id, always) = (customer("a"), Some(Duration::ZERO));
    grid.say("a", Some("PENDING"));
    lookup.status(&id, None).await.unwrap();
    grid.asked.close();
    let mut first = Box::pin(lookup.status(&id, always));
    assert!(first.as_mut().now_or_never().is_none(), "Grid is being asked");
    // Long enough for a clock of microseconds to go on.
    tokio::time::sleep(Duration::from_millis(2)).await;
    let question = log.basis().at;
    let mut second = Box::pin(lookup.status(&id, always));
    assert!(second.as_mut().now_or_never().is_none());
    grid.asked.admit(2);
    let (first, second) = soon("answers", async { tokio::join!(first, second) }).await;
    first.unwrap();
    assert!(second.unwrap().head.confirmed_at() >= question, "Grid was asked once more for it");
    assert_eq!(grid.asked.passed(), 3);
}

#[tokio::test]
async fn a_question_that_nobody_waits_for_ends() {
    let Asked { memory: _, log: _, grid, rig } = asked().await;
    grid.say("a", Some("PENDING"));
    grid.asked.close();
    let mut client = RawClient::connect(rig.addr()).await;
    let answer = client.call_within("/gridgate.v1.KycEventService/GetKycStatus", &of("a"), "100m").await;
    assert_eq!(answer.code(), Code::DeadlineExceeded);
    // Had the first question stayed, it would take this permit, and answer for whoever asks next.
    grid.asked.admit(1);
    assert_eq!(rig.get(of("a")).await.unwrap().customer.unwrap().status(), KycStatus::Pending);
    assert_eq!(grid.asked.passed(), 1);
}

#[tokio::test]
async fn each_failure_of_grid_is_told_apart() {
    let Asked { memory: _, log: _, grid, rig } = asked().await;
    let later = Duration::from_secs(3);
    for (error, code, expected) in [
        (SourceError::NotFound, Code::NotFound, "CUSTOMER_UNKNOWN"),
        (SourceError::Gone, Code::NotFound, "CUSTOMER_UNKNOWN"),
        (SourceError::Unavailable, Code::Unavailable, "GRID_UNREACHABLE"),
        (SourceError::Refused, Code::Internal, "GRID_REFUSED"),
        (SourceError::RateLimited { retry_after: Some(later) }, Code::ResourceExhausted, "GRID_RATE_LIMITED"),
    ] {
        let name = format!("{error:?}").chars().filter(char::is_ascii_alphabetic).collect::<String>();
        grid.fail(&name, error);
        let status = rig.get(of(&name)).await.unwrap_err();
        assert_eq!(reason(&status), (code, expected.to_owned()));
        let retry = status.get_details_retry_info().and_then(|info| info.retry_delay);
        assert_eq!(retry, (code == Code::ResourceExhausted).then_some(later));
    }
    grid.say("nothing", None);
    assert_eq!(reason(&rig.get(of("nothing")).await.unwrap_err()).1, "GRID_REFUSED");
    // A failure is not remembered.
    grid.say("Unavailable", Some("PENDING"));
    assert!(rig.get(of("Unavailable")).await.is_ok());
}

#[tokio::test]
async fn a_position_covers_what_the_answer_says() {
    let Asked { memory, log, grid: _, rig } = asked().await;
    let writer = Writer::of(&log);
    writer.says("a", "PENDING").await;
    // The log lets a head be read before it tells its streams.
    memory.faults.hold_back.set(true);
    writer.records(answer(log.as_ref(), Asker::Call, "a", status("APPROVED"))).await;
    let found = rig.get(of("a")).await.unwrap();
    assert_eq!(found.customer.unwrap().status(), KycStatus::Approved);
    let mut stream = rig.watch(from_token(&found.resume_token).of(&["a"])).await;
    memory.announce();
    assert_eq!(stream.hear().await, "synced");
    writer.says("a", "REJECTED").await;
    writer.records(answer(log.as_ref(), Asker::Resolver, "a", status("HOLD"))).await;
    assert_eq!(stream.hear().await, "a HOLD", "and not what the answer said already");
}
