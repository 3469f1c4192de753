//! ListKycEvents: the log, page by page.

use std::time::Duration;

use gridgate::kyc::clock::Clock as _;
use gridgate::pb::{self, KycEventKind, KycEventOutcome, KycStatus};

use super::history::Writer;
use super::requests::{from_token, timestamp};
use super::rig::Rig;
use crate::event_log::seen::{status, webhook};
use crate::support::place::Place;
use crate::support::watcher::listed;

type List = pb::ListKycEventsRequest;

/// Every page, and how many there were.
async fn pages(rig: &Rig, request: List) -> (Vec<String>, usize) {
    let (mut events, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = rig.list(List { page_token: token, ..request.clone() }).await.unwrap();
        events.extend(page.events.iter().map(listed));
        pages += 1;
        if page.next_page_token.is_empty() {
            return (events, pages);
        }
        token = page.next_page_token;
    }
}

pub async fn pages_are_the_log(place: &dyn Place) {
    let log = place.open().await;
    let rig = Rig::of(&log).await;
    let writer = Writer::of(&log);
    assert_eq!(pages(&rig, List::default()).await, (vec![], 1));
    writer.says_many(120).await;
    writer.records(webhook("x", "c1", status("PENDING"), 500)).await;
    let (all, count) = pages(&rig, List::default()).await;
    assert_eq!((all.len(), count), (121, 7));
    assert_eq!(all[120], "c1 PENDING (Confirmation)");
    for (size, expected) in [(1, 121), (60, 3), (100, 2), (500, 2)] {
        assert_eq!(pages(&rig, List { page_size: size, ..List::default() }).await, (all.clone(), expected));
    }
    // A page that ends with the last event is the last.
    assert_eq!(pages(&rig, List { page_size: 11, ..List::default() }).await.1, 11);
    // Where an event is listed is where a stream can begin.
    let page = rig.list(List { page_size: 100, ..List::default() }).await.unwrap();
    let (heard, _) = rig.watch(from_token(&page.events[99].resume_token)).await.hear_until("synced").await;
    assert_eq!(heard, all[100..120]);
    let record = |event: &pb::KycEvent| match event.event.clone().unwrap() {
        pb::kyc_event::Event::StatusChange(change) => change.record.unwrap(),
        pb::kyc_event::Event::VerificationUpdate(update) => update.record.unwrap(),
    };
    let ids: std::collections::HashSet<_> = page.events.iter().map(|event| record(event).event_id).collect();
    assert_eq!(ids.len(), 100);
    place.expire().await;
    assert_eq!(pages(&rig, List::default()).await, (vec![], 1));
}

pub async fn lists_obey_their_filters(place: &dyn Place) {
    let log = place.open().await;
    let rig = Rig::of(&log).await;
    let writer = Writer::of(&log);
    let mut times = Vec::new();
    for (platform, name, word) in [
        ("one", "a", "PENDING"),
        ("two", "b", "PENDING"),
        ("one", "a", "PENDING"),
        ("two", "c", "APPROVED"),
        ("one", "a", "APPROVED"),
    ] {
        place.clock().advance(Duration::from_secs(1));
        times.push(timestamp(place.clock().now()));
        writer.says_of(platform, name, word).await;
    }
    writer.says_verification("a", "IN_PROGRESS", &[]).await;
    writer.records(webhook("late", "a", status("UNVERIFIED"), 0)).await;
    let all = [
        "a PENDING",
        "b PENDING",
        "a PENDING (Confirmation)",
        "c APPROVED",
        "a APPROVED",
        "a/a IN_PROGRESS",
        "a UNVERIFIED (Superseded)",
    ];
    let changes = vec![KycEventOutcome::Change.into()];
    let what_changed_nothing = vec![KycEventOutcome::Superseded.into(), KycEventOutcome::Confirmation.into()];
    let after = |index: usize| Some(times[index]);
    let by = List::default;
    for (request, expected) in [
        (by(), vec![0, 1, 2, 3, 4, 5, 6]),
        (List { customer_ids: vec!["Customer:b".to_owned()], ..by() }, vec![1]),
        (List { platform_customer_ids: vec!["two".to_owned()], ..by() }, vec![1, 3]),
        (List { kinds: vec![KycEventKind::Verification.into()], ..by() }, vec![5]),
        (List { statuses: vec![KycStatus::Approved.into()], ..by() }, vec![3, 4, 5]),
        (List { verification_statuses: vec![1], ..by() }, vec![0, 1, 2, 3, 4, 6]),
        (List { outcomes: changes, ..by() }, vec![0, 1, 3, 4, 5]),
        (List { outcomes: what_changed_nothing, ..by() }, vec![2, 6]),
        (List { recorded_after: after(2), ..by() }, vec![2, 3, 4, 5, 6]),
        (List { recorded_before: after(2), ..by() }, vec![0, 1, 2]),
        (List { recorded_after: after(1), recorded_before: after(3), ..by() }, vec![1, 2, 3]),
        (List { recorded_after: after(3), recorded_before: after(1), ..by() }, vec![]),
        (List { recorded_after: Some(prost_types::Timestamp::default()), ..by() }, vec![0, 1, 2, 3, 4, 5, 6]),
    ] {
        for page_size in [0, 1, 2] {
            let found = pages(&rig, List { page_size, ..request.clone() }).await.0;
            assert_eq!(found, expected.iter().map(|&index| all[index]).collect::<Vec<_>>());
        }
    }
    // What was let go is no gap for who asks by time: there is what there is.
    place.expire().await;
    writer.says("d", "PENDING").await;
    assert_eq!(pages(&rig, List { recorded_after: after(0), ..by() }).await.0, ["d PENDING"]);
}
