//! Where streams start: promise 4.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gridgate::kyc::clock::Clock as _;
use gridgate::pb;
use tonic::Code;

use super::errors::{metadata, reason, refusal};
use super::history::Writer;
use super::requests::{Asking, from_earliest, from_now, from_time, from_token, snapshot};
use super::rig::Rig;
use crate::support::memory_log::MemoryPlace;
use crate::support::place::Place;

pub async fn starts_are_what_they_say(place: &dyn Place) {
    let log = place.open().await;
    let rig = Rig::of(&log).await;
    let writer = Writer::of(&log);
    let mut times = Vec::new();
    for word in ["UNVERIFIED", "PENDING", "APPROVED"] {
        place.clock().advance(Duration::from_secs(1));
        times.push(place.clock().now());
        writer.says("a", word).await;
    }
    let all = ["a UNVERIFIED", "a PENDING", "a APPROVED"];
    assert_eq!(rig.watch(from_earliest()).await.hear_until("synced").await.0, all);
    assert_eq!(rig.watch(from_now()).await.hear_until("synced").await.0.len(), 0);
    let unspecified = pb::watch_kyc_status_request::Start::StartPosition(0);
    let unspecified = pb::WatchKycStatusRequest { start: Some(unspecified), ..from_now() };
    assert_eq!(rig.watch(unspecified).await.hear_until("synced").await.0.len(), 0);
    for (index, time) in times.iter().copied().enumerate() {
        assert_eq!(rig.watch(from_time(time)).await.hear_until("synced").await.0, all[index..]);
        let just_after = from_time(time + Duration::from_micros(1));
        assert_eq!(rig.watch(just_after).await.hear_until("synced").await.0, all[index + 1..]);
    }
    // A time before anything was recorded is no gap as long as nothing was let go, and one ahead is now.
    assert_eq!(rig.watch(from_time(times[0] - Duration::from_secs(9))).await.hear_until("synced").await.0, all);
    let mut ahead = rig.watch(from_time(times[2] + Duration::from_secs(3600))).await;
    assert_eq!(ahead.hear().await, "synced");
    writer.says("b", "PENDING").await;
    assert_eq!(ahead.hear().await, "b PENDING");
}

pub async fn foreign_tokens_are_refused(place: &dyn Place) {
    let log = place.open().await;
    let rig = Rig::of(&log).await;
    let writer = Writer::of(&log);
    writer.says_many(3).await;
    let mut stream = rig.watch(from_earliest()).await;
    let (first, second) = (stream.response().await.resume_token, stream.response().await.resume_token);

    // A log of its own, which is further on.
    let other = MemoryPlace::new();
    let other_log = other.open().await;
    Writer::of(&other_log).says_many(9).await;
    let other_rig = Rig::of(&other_log).await;
    let of_another_log = other_rig.watch(from_now()).await.response().await.resume_token;

    let bytes = |token: &str| URL_SAFE_NO_PAD.decode(token).unwrap();
    let mut mixed_up = bytes(&first);
    mixed_up[18..26].copy_from_slice(&bytes(&second)[18..26]);
    let mut beyond = bytes(&second);
    beyond[18..26].copy_from_slice(&1_000_000_u64.to_be_bytes());
    let mut newer_version = bytes(&second);
    newer_version[0] = 2;
    let foreign = (Code::InvalidArgument, "RESUME_TOKEN_FOREIGN".to_owned());
    for token in [
        String::new(),
        "no token!".to_owned(),
        "A".repeat(5000),
        second[..20].to_owned(),
        format!("{second}A"),
        of_another_log.clone(),
        URL_SAFE_NO_PAD.encode(mixed_up),
        URL_SAFE_NO_PAD.encode(beyond),
        URL_SAFE_NO_PAD.encode(newer_version),
    ] {
        assert_eq!(reason(&refusal(&rig, from_token(&token)).await), foreign, "{token}");
        let list = pb::ListKycEventsRequest { page_token: token.clone(), ..Default::default() };
        if !token.is_empty() {
            assert_eq!(reason(&rig.list(list).await.unwrap_err()), foreign, "{token}");
            let customer_id = "Customer:c1".to_owned();
            let get = pb::GetKycStatusRequest { customer_id, at_least: token.clone(), ..Default::default() };
            assert_eq!(reason(&rig.get(get).await.unwrap_err()), foreign, "{token}");
        }
    }
    // Of a snapshot: of another log, and where none was asked for.
    let begun = rig.watch(snapshot()).await.response().await.resume_token;
    let begun_elsewhere = other_rig.watch(snapshot()).await.response().await.resume_token;
    assert_eq!(reason(&refusal(&rig, snapshot().resumed(&begun_elsewhere)).await), foreign);
    assert_eq!(reason(&refusal(&rig, from_token(&begun_elsewhere)).await), foreign);
    let no_snapshot = refusal(&rig, from_token(&begun)).await;
    assert_eq!(reason(&no_snapshot), (Code::InvalidArgument, "INVALID_REQUEST".to_owned()));
    assert!(no_snapshot.message().contains("with_snapshot"), "{no_snapshot}");
    let page = pb::ListKycEventsRequest { page_token: begun.clone(), ..Default::default() };
    assert_eq!(rig.list(page).await.unwrap_err().code(), Code::InvalidArgument);
    let get = pb::GetKycStatusRequest { customer_id: "Customer:c1".to_owned(), at_least: begun, ..Default::default() };
    assert!(rig.get(get).await.is_ok(), "it is of no position yet, so that any answer contains it");
}

pub async fn what_is_no_longer_kept_is_said_with_the_oldest_token(place: &dyn Place) {
    let log = place.open().await;
    let rig = Rig::of(&log).await;
    let writer = Writer::of(&log);
    let before = place.clock().now();
    writer.says("a", "PENDING").await;
    writer.says("a", "APPROVED").await;
    let mut stream = rig.watch(from_earliest()).await;
    let (first, last) = (stream.response().await.resume_token, stream.response().await.resume_token);
    place.expire().await;
    place.clock().advance(Duration::from_secs(1));
    writer.says("b", "PENDING").await;

    let expired = (Code::OutOfRange, "RESUME_TOKEN_EXPIRED".to_owned());
    for request in [from_token(&first), from_time(before), snapshot().resumed(&first)] {
        let status = refusal(&rig, request).await;
        assert_eq!(reason(&status), expired);
        let oldest = metadata(&status, "oldest_resume_token");
        assert_eq!(rig.watch(from_token(&oldest)).await.hear_until("synced").await.0, ["b PENDING"]);
    }
    // Nothing that follows the last one is missing, although the event that it names is gone itself.
    assert_eq!(rig.watch(from_token(&last)).await.hear_until("synced").await.0, ["b PENDING"]);
    assert_eq!(rig.watch(from_earliest()).await.hear_until("synced").await.0, ["b PENDING"]);
    let page = pb::ListKycEventsRequest { page_token: first.clone(), ..Default::default() };
    assert_eq!(reason(&rig.list(page).await.unwrap_err()), expired);
    // Statuses are kept for ever, so that an old position is contained in them.
    let get = pb::GetKycStatusRequest { customer_id: "Customer:a".to_owned(), at_least: first, ..Default::default() };
    assert_eq!(rig.get(get).await.unwrap().customer.unwrap().status(), pb::KycStatus::Approved);
}
