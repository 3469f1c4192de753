//! What is recorded, and what it means.

use std::sync::Arc;
use std::time::Duration;

use gridgate::kyc::clock::Clock;
use gridgate::kyc::event::{Asker, Outcome, Source};
use gridgate::kyc::id::Position;
use gridgate::kyc::log::{Recorded, Scope};

use super::{all_heads, read_all, record};
use crate::event_log::seen::{
    answer, answer_based_on, entity, id, platform, status, verification, webhook, webhook_of,
};
use crate::support::place::Place;

pub async fn records_each_id_once(place: &dyn Place) {
    let log = place.open().await;
    let (position, outcome) = record(&log, webhook("1", "a", status("PENDING"), 1)).await;
    assert_eq!(outcome, Outcome::Change);
    assert!(position > Position::START);
    assert_eq!(log.find(&id("1")).await.unwrap(), Some(position));
    assert_eq!(log.find(&id("2")).await.unwrap(), None);
    let copy = log.record(webhook("1", "a", status("PENDING"), 1)).await.unwrap();
    assert_eq!(copy, Recorded::Duplicate { position });
    // The id alone decides, whatever the copy says.
    let other = log.record(webhook("1", "b", status("APPROVED"), 9)).await.unwrap();
    assert_eq!(other, Recorded::Duplicate { position });
    assert_eq!(log.head(&entity("b")).await.unwrap(), None);
    assert_eq!(read_all(&log, Position::START, &Scope::ALL, 10).await.len(), 1);
}

pub async fn copies_at_once_are_one_event(place: &dyn Place) {
    let log = place.open().await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let log = Arc::clone(&log);
        tasks.spawn(async move {
            let recorded = log.record(webhook("1", "a", status("APPROVED"), 1)).await.unwrap();
            // Whatever the answer is, it is true by now.
            assert!(log.find(&id("1")).await.unwrap().is_some());
            recorded
        });
    }
    let all = tasks.join_all().await;
    let new = all.iter().filter(|recorded| matches!(recorded, Recorded::New { .. })).count();
    let copies = all.iter().filter(|recorded| matches!(recorded, Recorded::Duplicate { .. })).count();
    assert_eq!((new, copies), (1, 99));
}

pub async fn follows_the_rule_and_says_how(place: &dyn Place) {
    let log = place.open().await;
    record(&log, webhook_of("1", "a", "ours", status("PENDING"), 5)).await;
    assert_eq!(record(&log, webhook("2", "a", status("PENDING"), 6)).await.1, Outcome::Confirmation);
    assert_eq!(record(&log, webhook("3", "a", status("UNVERIFIED"), 1)).await.1, Outcome::Superseded);
    assert_eq!(record(&log, webhook("4", "a", status("APPROVED"), 7)).await.1, Outcome::Change);
    let before = log.basis();
    assert_eq!(record(&log, webhook("5", "a", status("PENDING"), 8)).await.1, Outcome::Unresolved);
    let doubts = log.unresolved(None, 10).await.unwrap();
    assert_eq!(doubts.iter().map(|head| head.entity()).collect::<Vec<_>>(), [entity("a")]);
    assert_eq!(doubts[0].doubt.as_ref().unwrap().cause, id("5"));
    let too_early = answer_based_on(before, Asker::Resolver, "a", status("APPROVED"));
    assert_eq!(log.record(too_early).await.unwrap(), Recorded::Redundant);
    assert_eq!(log.unresolved(None, 10).await.unwrap().len(), 1);
    let asked = record(&log, answer(log.as_ref(), Asker::Resolver, "a", status("HOLD"))).await;
    assert_eq!(asked.1, Outcome::Change);
    assert_eq!(log.unresolved(None, 10).await.unwrap(), []);

    let events = read_all(&log, Position::START, &Scope::ALL, 10).await;
    let last = events.last().unwrap();
    assert_eq!(last.cause, Some(id("5")));
    assert_eq!(last.previous, Some(status("APPROVED")));
    assert_eq!(last.observation.origin.source(), Source::Asked(Asker::Resolver));
    assert_eq!(last.observation.platform_customer, Some(platform("ours")));
    assert_eq!(
        events.iter().map(|event| event.decides()).collect::<Vec<_>>(),
        [false, false, false, true, false, false]
    );
    let head = log.head(&entity("a")).await.unwrap().unwrap();
    assert_eq!(
        (head.subject.clone(), head.position, head.source),
        (status("HOLD"), asked.0, Source::Asked(Asker::Resolver))
    );
    assert_eq!(head.platform_customer, Some(platform("ours")));
}

pub async fn takes_no_event_for_an_answer_that_says_nothing_new(place: &dyn Place) {
    let log = place.open().await;
    let (position, _) = record(&log, webhook("1", "a", status("PENDING"), 5)).await;
    place.clock().advance(Duration::from_secs(3600));
    let asked = answer(log.as_ref(), Asker::Call, "a", status("PENDING"));
    let now = place.clock().now();
    place.clock().advance(Duration::from_secs(5));
    assert_eq!(log.record(asked).await.unwrap(), Recorded::Redundant);
    let head = log.head(&entity("a")).await.unwrap().unwrap();
    assert_eq!((head.position, head.confirmed_at()), (position, now));
    assert_eq!(read_all(&log, Position::START, &Scope::ALL, 10).await.len(), 1);
    // One about somebody unknown is a change like any other.
    let asked = answer(log.as_ref(), Asker::Call, "b", status("PENDING"));
    assert_eq!(record(&log, asked).await.1, Outcome::Change);
}

pub async fn knows_whose_a_verification_is(place: &dyn Place) {
    let log = place.open().await;
    record(&log, webhook_of("1", "a", "ours", status("PENDING"), 1)).await;
    let log = place.open().await;
    record(&log, webhook("2", "a", verification("v", "IN_PROGRESS", &[]), 2)).await;
    let scope = Scope { customers: vec![], platform_customers: vec![platform("ours")] };
    assert_eq!(read_all(&log, Position::START, &scope, 10).await.len(), 2);
    assert_eq!(all_heads(&log, &scope, 10).await.len(), 2);
}
