//! What is kept, across restarts and retention.

use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use gridgate::kyc::clock::Clock;
use gridgate::kyc::event::Asker;
use gridgate::kyc::hub::Step;
use gridgate::kyc::id::Position;
use gridgate::kyc::log::{Bookmark, Duty, LogError, Quarantined, Recorded, Scope};
use gridgate::kyc::token::Mark;

use super::{all_heads, read_all, record};
use crate::event_log::seen::{answer, at, customer, deleted, id, status, verification, webhook, webhook_of};
use crate::support::place::Place;

pub async fn survives_being_closed(place: &dyn Place) {
    let log = place.open().await;
    let problems = [("MISSING_FIELD", Some("address.city")), ("MISSING_IDENTITY_DOCUMENT", None)];
    record(&log, webhook_of("1", "a", "ours", status("PENDING"), 5)).await;
    record(&log, webhook("2", "a", verification("v", "RESOLVE_ERRORS", &problems), 6)).await;
    record(&log, webhook("3", "a", verification("v", "SOMETHING_NEW", &[]), 7)).await;
    record(&log, webhook("4", "a", status("SOMETHING_ELSE"), 4)).await;
    record(&log, webhook("5", "b", status("APPROVED"), 4)).await;
    record(&log, webhook("6", "b", status("PENDING"), 8)).await;
    record(&log, answer(log.as_ref(), Asker::Call, "c", deleted("REJECTED"))).await;
    record(&log, answer(log.as_ref(), Asker::Reconciler, "a", status("HOLD"))).await;
    let mut nameless = webhook("7", "d", status("PENDING"), 1);
    nameless.updated_at = None;
    record(&log, nameless).await;
    let events = read_all(&log, Position::START, &Scope::ALL, 100).await;
    let heads = all_heads(&log, &Scope::ALL, 100).await;
    let bounds = log.bounds().await.unwrap();
    let epoch = log.lineage().clone();
    assert_eq!(bounds.end, log.hub().end());

    let log = place.open().await;
    assert_eq!(read_all(&log, Position::START, &Scope::ALL, 100).await, events);
    assert_eq!(all_heads(&log, &Scope::ALL, 100).await, heads);
    assert_eq!(log.bounds().await.unwrap(), bounds);
    assert_eq!(log.hub().end(), bounds.end);
    assert_eq!(*log.lineage(), epoch);
    assert_eq!(log.unresolved(None, 9).await.unwrap().len(), 1);
    let unsettled: Vec<_> = log.unsettled(None, 9).await.unwrap().iter().map(|head| head.entity()).collect();
    let expected: Vec<_> = heads.iter().filter(|head| !head.subject.is_settled()).map(|head| head.entity()).collect();
    assert_eq!(unsettled, expected);
    let copy = log.record(webhook("5", "b", status("APPROVED"), 4)).await.unwrap();
    assert!(matches!(copy, Recorded::Duplicate { .. }));
    let (position, _) = record(&log, webhook("8", "a", status("PENDING"), 9)).await;
    assert!(position > bounds.end.position);
}

pub async fn refuses_what_comes_after_closing(place: &dyn Place) {
    let log = place.open().await;
    record(&log, webhook("1", "a", status("PENDING"), 5)).await;
    let mut cursor = log.hub().watch(&Scope::ALL, log.hub().end());
    assert_eq!(log.closed().now_or_never(), None);
    log.close().await;
    log.close().await;
    assert_eq!(log.closed().now_or_never(), Some(()));
    assert_eq!(log.record(webhook("2", "a", status("PENDING"), 6)).await, Err(LogError::Closed));
    let asked = answer(log.as_ref(), Asker::Call, "a", status("PENDING"));
    assert_eq!(log.record(asked).await, Err(LogError::Closed));
    assert_eq!(log.read(Position::START, &Scope::ALL, 1).await, Err(LogError::Closed));
    assert_eq!(log.bookmarks().set(Bookmark::SweptAt, at(1)).await, Err(LogError::Closed));
    assert_eq!(log.leases().acquire(Duty::Resolve, Duration::from_secs(1)).await, Err(LogError::Closed));
    assert_eq!(cursor.next_batch(&mut Vec::new(), 1).await, Step::Closed);
    let closed_at = log.as_of();
    place.clock().advance(Duration::from_secs(60));
    assert_eq!(log.as_of(), closed_at, "a closed log no longer knows its end");
}

pub async fn lets_old_events_go_and_keeps_heads(place: &dyn Place) {
    let log = place.open().await;
    let old = (0..1500).map(|number| {
        let subject = status(if number % 2 == 0 { "PENDING" } else { "APPROVED" });
        log.record(webhook(&format!("old{number}"), &format!("c{}", number % 7), subject, 1500 - number))
    });
    // Not all at once: those of one customer are recorded one after the other, and none waits for ever.
    futures_util::stream::iter(old).buffer_unordered(64).try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(log.unresolved(None, 10).await.unwrap().len(), 0);
    record(&log, webhook("doubt", "c0", status("REJECTED"), 8_000)).await;
    let end = log.bounds().await.unwrap().end;
    let heads = all_heads(&log, &Scope::ALL, 100).await;
    place.expire().await;
    let bounds = log.bounds().await.unwrap();
    assert_eq!((bounds.oldest, bounds.end), (end, end), "the end is known even when nothing is left");
    assert_eq!(all_heads(&log, &Scope::ALL, 100).await, heads);
    assert_eq!(read_all(&log, end.position, &Scope::ALL, 10).await, []);
    let (position, _) = record(&log, webhook("new", "c1", status("APPROVED"), 90_000)).await;
    assert!(position > end.position);

    let log = place.open().await;
    assert_eq!(log.bounds().await.unwrap().oldest, end);
    let kept = read_all(&log, end.position, &Scope::ALL, 10).await;
    assert_eq!(kept.iter().map(|event| event.position).collect::<Vec<_>>(), [position]);
    place.expire().await;
    let log = place.open().await;
    let (next, _) = record(&log, webhook("newer", "c1", status("HOLD"), 90_001)).await;
    assert!(next > position, "a position is never used twice");
}

pub async fn says_so_when_a_reader_was_overtaken(place: &dyn Place) {
    let log = place.open().await;
    record(&log, webhook("1", "a", status("PENDING"), 1)).await;
    let (second, _) = record(&log, webhook("2", "a", status("APPROVED"), 2)).await;
    place.expire().await;
    let (third, _) = record(&log, webhook("3", "b", status("APPROVED"), 3)).await;
    let oldest = log.bounds().await.unwrap().oldest;
    assert_eq!(oldest.position, second);
    let only_a = Scope { customers: vec![customer("a")], platform_customers: vec![] };
    for scope in [Scope::ALL, only_a] {
        assert_eq!(log.read(Position::START, &scope, 10).await, Err(LogError::Expired { oldest }));
    }
    assert_eq!(read_all(&log, second, &Scope::ALL, 10).await[0].position, third);
    assert_eq!(log.admit(log.lineage().epoch, Mark::START).await, Err(LogError::Expired { oldest }));
    assert_eq!(log.admit(log.lineage().epoch, oldest).await, Ok(()));
}

pub async fn keeps_quarantine_and_bookmarks(place: &dyn Place) {
    let log = place.open().await;
    let mut kept = Vec::new();
    for name in ["a", "b", "c"] {
        let webhook = Quarantined {
            id: id(name),
            kind: "CUSTOMER.KYC_APPROVED".to_owned(),
            timestamp: Some(at(5)),
            quarantined_at: place.clock().now(),
            reason: "no status".to_owned(),
            field_names: vec!["id".to_owned(), "fullName".to_owned()],
            customer: (name != "b").then(|| customer(name)),
        };
        assert!(log.quarantine().add(webhook.clone()).await.unwrap());
        assert!(!log.quarantine().add(webhook.clone()).await.unwrap());
        kept.push(webhook);
    }
    assert_eq!(log.bookmarks().get(Bookmark::SweptAt).await, Ok(None));
    log.bookmarks().set(Bookmark::SweptAt, at(5)).await.unwrap();
    log.bookmarks().set(Bookmark::SweptAt, at(7)).await.unwrap();
    log.bookmarks().set(Bookmark::RecentSeenTo, at(6)).await.unwrap();

    let log = place.open().await;
    assert_eq!(log.quarantine().page(None, 10).await.unwrap(), kept);
    assert_eq!(log.quarantine().page(Some(&kept[0].id), 1).await.unwrap(), kept[1..2]);
    assert_eq!(log.quarantine().find(&kept[1].id).await.unwrap().as_ref(), Some(&kept[1]));
    assert_eq!((log.quarantine().count(10).await, log.quarantine().count(2).await), (Ok(3), Ok(2)));
    // Two at once: one of them takes it out.
    let (one, other) = tokio::join!(log.quarantine().remove(&kept[1].id), log.quarantine().remove(&kept[1].id));
    assert!(one.unwrap() ^ other.unwrap());
    assert!(!log.quarantine().remove(&kept[1].id).await.unwrap());
    assert_eq!((log.quarantine().find(&kept[1].id).await, log.quarantine().count(10).await), (Ok(None), Ok(2)));
    assert_eq!(log.quarantine().page(None, 10).await.unwrap(), [kept[0].clone(), kept[2].clone()]);
    assert_eq!(log.bookmarks().get(Bookmark::SweptAt).await, Ok(Some(at(7))));
    assert_eq!(log.bookmarks().get(Bookmark::RecentSeenTo).await, Ok(Some(at(6))));
    assert_eq!(read_all(&log, Position::START, &Scope::ALL, 10).await, []);
}

pub async fn grants_its_duties(place: &dyn Place) {
    let log = place.open().await;
    let ttl = Duration::from_secs(10);
    for duty in [Duty::Resolve, Duty::Reconcile] {
        let lease = log.leases().acquire(duty, ttl).await.unwrap().expect("nobody else is here");
        let lease = log.leases().renew(lease, ttl).await.unwrap().expect("nobody took it");
        assert_eq!(lease.duty, duty);
        log.leases().release(lease).await.unwrap();
        assert!(log.leases().acquire(duty, ttl).await.unwrap().is_some());
    }
}
