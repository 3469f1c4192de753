//! What every event log promises.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use gridgate::kyc::event::{Asker, Event, Outcome};
use gridgate::kyc::head::Head;
use gridgate::kyc::id::{EntityKey, Epoch, Fingerprint, Position};
use gridgate::kyc::log::{Bookmark, Duty, EventLog, LogError, Quarantined, Recorded, Scope};
use gridgate::kyc::record;
use gridgate::kyc::token::Mark;

use super::place::Place;
use super::seen::{
    answer, answer_based_on, at, customer, deleted, entity, id, platform, status, verification, webhook, webhook_of,
};
use gridgate::kyc::clock::Clock;

/// A module of tests for a place that holds a log: all that this file promises.
macro_rules! conforms {
    ($place:expr; $($promise:ident),+ $(,)?) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $promise() {
            crate::event_log::suite::$promise(&$place).await;
        })+
    };
    ($place:expr) => {
        crate::event_log::suite::conforms!($place;
            records_each_id_once,
            copies_at_once_are_one_event,
            follows_the_rule_and_says_how,
            takes_no_event_for_an_answer_that_says_nothing_new,
            survives_being_closed,
            refuses_what_comes_after_closing,
            reads_pages_in_order,
            reads_only_those_in_scope,
            lists_heads_by_key,
            knows_whose_a_verification_is,
            lets_old_events_go_and_keeps_heads,
            says_so_when_a_reader_was_overtaken,
            knows_its_own_marks,
            finds_a_place_by_time,
            keeps_quarantine_and_bookmarks,
            grants_its_duties,
            agrees_with_itself_under_concurrent_writers,
            publishes_in_order_and_only_what_is_readable,
        );
    };
}
pub(crate) use conforms;

pub async fn record(log: &Arc<dyn EventLog>, observation: gridgate::kyc::event::Observation) -> (Position, Outcome) {
    match log.record(observation).await.unwrap() {
        Recorded::New { position, outcome } => (position, outcome),
        other => panic!("{other:?} instead of something new"),
    }
}

/// Every event after `after`, by pages of `size`.
pub async fn read_all(log: &Arc<dyn EventLog>, mut after: Position, scope: &Scope, size: usize) -> Vec<Arc<Event>> {
    let mut events = Vec::new();
    loop {
        let page = log.read(after, scope, size).await.unwrap();
        assert!(page.events.len() <= size);
        assert!(page.considered.position >= after);
        assert!(page.at_end || page.considered.position > after, "a page has to get on");
        events.extend(page.events);
        after = page.considered.position;
        if page.at_end {
            return events;
        }
    }
}

pub async fn all_heads(log: &Arc<dyn EventLog>, scope: &Scope, size: usize) -> Vec<Arc<Head>> {
    let mut heads: Vec<Arc<Head>> = Vec::new();
    loop {
        let after = heads.last().map(|head| head.entity());
        let page = log.heads(scope, after.as_ref(), size).await.unwrap();
        let last = page.len() < size;
        heads.extend(page);
        if last {
            return heads;
        }
    }
}

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
    assert_eq!(last.observation.origin.word(), "resolver");
    assert_eq!(last.observation.platform_customer, Some(platform("ours")));
    assert_eq!(
        events.iter().map(|event| event.decides()).collect::<Vec<_>>(),
        [false, false, false, true, false, false]
    );
    let head = log.head(&entity("a")).await.unwrap().unwrap();
    assert_eq!((head.subject.clone(), head.position, head.source), (status("HOLD"), asked.0, "resolver"));
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
    log.close().await;
    log.close().await;
    assert_eq!(log.record(webhook("2", "a", status("PENDING"), 6)).await, Err(LogError::Closed));
    let asked = answer(log.as_ref(), Asker::Call, "a", status("PENDING"));
    assert_eq!(log.record(asked).await, Err(LogError::Closed));
    assert_eq!(log.read(Position::START, &Scope::ALL, 1).await, Err(LogError::Closed));
    assert_eq!(log.set_bookmark(Bookmark::SweptAt, at(1)).await, Err(LogError::Closed));
    assert_eq!(cursor.next_batch(&mut Vec::new(), 1).await, gridgate::kyc::hub::Step::Closed);
    let closed_at = log.as_of();
    place.clock().advance(Duration::from_secs(60));
    assert_eq!(log.as_of(), closed_at, "a closed log no longer knows its end");
}

pub async fn reads_pages_in_order(place: &dyn Place) {
    let log = place.open().await;
    let empty = log.read(Position::START, &Scope::ALL, 10).await.unwrap();
    assert_eq!((empty.events.len(), empty.considered, empty.at_end), (0, Mark::START, true));
    let mut positions = Vec::new();
    for number in 0..25 {
        let subject = status(if number % 2 == 0 { "PENDING" } else { "UNVERIFIED" });
        positions.push(record(&log, webhook(&number.to_string(), "a", subject, number)).await.0);
        place.clock().advance(Duration::from_millis(1));
    }
    for size in [1, 7, 24, 25, 26] {
        let events = read_all(&log, Position::START, &Scope::ALL, size).await;
        assert_eq!(events.iter().map(|event| event.position).collect::<Vec<_>>(), positions);
        assert!(events.is_sorted_by_key(|event| event.recorded_at));
    }
    let rest = log.read(positions[10], &Scope::ALL, 5).await.unwrap();
    assert_eq!(rest.events[0].position, positions[11]);
    let last = &rest.events[4];
    assert_eq!(rest.considered, Mark { position: last.position, fingerprint: last.fingerprint() });
    let at_the_end = log.read(positions[24], &Scope::ALL, 5).await.unwrap();
    assert_eq!((at_the_end.events.len(), at_the_end.considered, at_the_end.at_end), (0, log.hub().end(), true));
}

pub async fn reads_only_those_in_scope(place: &dyn Place) {
    let log = place.open().await;
    for number in 0..60 {
        let (of, platform) = [("a", "one"), ("b", "two"), ("c", "two"), ("d", "three")][number % 4];
        let subject = status(if number % 8 < 4 { "PENDING" } else { "UNVERIFIED" });
        record(&log, webhook_of(&number.to_string(), of, platform, subject, 100 + number as i64)).await;
    }
    let everything = read_all(&log, Position::START, &Scope::ALL, 100).await;
    let many: Vec<_> = (0..400).map(|number| customer(&format!("nobody{number}"))).chain([customer("b")]).collect();
    for scope in [
        Scope { customers: vec![customer("a")], platform_customers: vec![] },
        Scope { customers: vec![customer("a"), customer("c"), customer("a")], platform_customers: vec![] },
        Scope { customers: vec![], platform_customers: vec![platform("two")] },
        Scope { customers: vec![customer("d")], platform_customers: vec![platform("two"), platform("none")] },
        Scope { customers: vec![customer("nobody")], platform_customers: vec![] },
        Scope { customers: many, platform_customers: vec![platform("one")] },
    ] {
        let expected: Vec<_> = everything
            .iter()
            .filter(|event| {
                let seen = &event.observation;
                scope.customers.contains(&seen.customer)
                    || scope.platform_customers.contains(seen.platform_customer.as_ref().unwrap())
            })
            .cloned()
            .collect();
        for size in [1, 4, 100] {
            assert_eq!(read_all(&log, Position::START, &scope, size).await, expected);
        }
        let page = log.read(Position::START, &scope, 100).await.unwrap();
        assert_eq!((page.considered, page.at_end), (log.hub().end(), true), "all was considered");
    }
}

pub async fn lists_heads_by_key(place: &dyn Place) {
    let log = place.open().await;
    for (number, of) in ["d", "b", "a", "c"].into_iter().enumerate() {
        let platform = if of < "c" { "low" } else { "high" };
        record(&log, webhook_of(&format!("{of}1"), of, platform, status("PENDING"), number as i64)).await;
        let verified = verification(of, "IN_PROGRESS", &[]);
        record(&log, webhook(&format!("{of}2"), of, verified, number as i64)).await;
    }
    let mut keys: Vec<EntityKey> = ["a", "b", "c", "d"]
        .into_iter()
        .flat_map(|of| {
            [entity(of), EntityKey { verification: verification(of, "", &[]).verification_id().cloned(), ..entity(of) }]
        })
        .collect();
    let listed = |heads: Vec<Arc<Head>>| heads.iter().map(|head| head.entity()).collect::<Vec<_>>();
    for size in [1, 3, 8, 9] {
        assert_eq!(listed(all_heads(&log, &Scope::ALL, size).await), keys);
    }
    let scope = Scope { customers: vec![customer("d"), customer("nobody")], platform_customers: vec![platform("low")] };
    keys.retain(|key| key.customer != customer("c"));
    for size in [1, 3, 8] {
        assert_eq!(listed(all_heads(&log, &scope, size).await), keys);
    }
    let head = log.head(&keys[1]).await.unwrap().unwrap();
    assert_eq!(head.subject, verification("a", "IN_PROGRESS", &[]));
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

pub async fn lets_old_events_go_and_keeps_heads(place: &dyn Place) {
    let log = place.open().await;
    let old = (0..1500).map(|number| {
        let subject = status(if number % 2 == 0 { "PENDING" } else { "APPROVED" });
        log.record(webhook(&format!("old{number}"), &format!("c{}", number % 7), subject, 1500 - number))
    });
    futures_util::future::try_join_all(old).await.unwrap();
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

pub async fn knows_its_own_marks(place: &dyn Place) {
    let log = place.open().await;
    let epoch = log.lineage().epoch;
    assert_eq!(log.admit(epoch, Mark::START).await, Ok(()));
    for number in 0..5 {
        record(&log, webhook(&number.to_string(), "a", status("PENDING"), number)).await;
    }
    let events = read_all(&log, Position::START, &Scope::ALL, 10).await;
    let marks: Vec<_> =
        events.iter().map(|event| Mark { position: event.position, fingerprint: event.fingerprint() }).collect();
    for mark in &marks {
        assert_eq!(log.admit(epoch, *mark).await, Ok(()));
        assert_eq!(log.admit(Epoch::random(), *mark).await, Err(LogError::Foreign));
    }
    let mixed_up = Mark { fingerprint: marks[1].fingerprint, ..marks[2] };
    assert_eq!(log.admit(epoch, mixed_up).await, Err(LogError::Foreign));
    assert_eq!(log.admit(epoch, Mark { fingerprint: Fingerprint::NONE, ..marks[2] }).await, Err(LogError::Foreign));
    let last = *marks.last().unwrap();
    // The place of an event that was never recorded.
    let beyond = {
        let other = super::place::SqlitePlace::new();
        let other = Place::open(&other).await;
        for number in 0..6 {
            record(&other, webhook(&number.to_string(), "a", status("PENDING"), number)).await;
        }
        other.hub().end()
    };
    assert!(beyond.position > last.position);
    assert_eq!(log.admit(epoch, beyond).await, Err(LogError::Foreign));
    assert_eq!(log.read(beyond.position, &Scope::ALL, 1).await, Err(LogError::Foreign));
}

pub async fn finds_a_place_by_time(place: &dyn Place) {
    let log = place.open().await;
    let start = place.clock().now();
    assert_eq!(log.mark_at(start).await, Ok(Mark::START));
    let mut times = Vec::new();
    for number in 0..20 {
        place.clock().advance(Duration::from_millis(10));
        // Two events share each time.
        for copy in ["x", "y"] {
            record(&log, webhook(&format!("{number}{copy}"), "a", status("PENDING"), number)).await;
        }
        times.push(place.clock().now());
    }
    let events = read_all(&log, Position::START, &Scope::ALL, 100).await;
    for time in times.iter().copied().chain([start]) {
        for time in [time, time - Duration::from_millis(1), time + Duration::from_millis(1)] {
            let mark = log.mark_at(time).await.unwrap();
            let expected = events.iter().filter(|event| event.recorded_at >= time).count();
            assert_eq!(read_all(&log, mark.position, &Scope::ALL, 100).await.len(), expected);
            assert_eq!(log.admit(log.lineage().epoch, mark).await, Ok(()));
        }
    }
    place.expire().await;
    let oldest = log.bounds().await.unwrap().oldest;
    assert_eq!(log.mark_at(times[19]).await, Err(LogError::Expired { oldest }));
    assert_eq!(log.mark_at(times[19] + Duration::from_millis(1)).await, Ok(oldest));
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
        assert!(log.quarantine(webhook.clone()).await.unwrap());
        assert!(!log.quarantine(webhook.clone()).await.unwrap());
        kept.push(webhook);
    }
    assert_eq!(log.bookmark(Bookmark::SweptAt).await, Ok(None));
    log.set_bookmark(Bookmark::SweptAt, at(5)).await.unwrap();
    log.set_bookmark(Bookmark::SweptAt, at(7)).await.unwrap();
    log.set_bookmark(Bookmark::RecentSeenTo, at(6)).await.unwrap();

    let log = place.open().await;
    assert_eq!(log.quarantined(None, 10).await.unwrap(), kept);
    assert_eq!(log.quarantined(Some(&kept[0].id), 1).await.unwrap(), kept[1..2]);
    assert!(log.release(&kept[1].id).await.unwrap());
    assert!(!log.release(&kept[1].id).await.unwrap());
    assert_eq!(log.quarantined(None, 10).await.unwrap(), [kept[0].clone(), kept[2].clone()]);
    assert_eq!(log.bookmark(Bookmark::SweptAt).await, Ok(Some(at(7))));
    assert_eq!(log.bookmark(Bookmark::RecentSeenTo).await, Ok(Some(at(6))));
    assert_eq!(read_all(&log, Position::START, &Scope::ALL, 10).await, []);
}

pub async fn grants_its_duties(place: &dyn Place) {
    let log = place.open().await;
    let ttl = Duration::from_secs(10);
    for duty in [Duty::Resolve, Duty::Reconcile] {
        let lease = log.lease(duty, ttl).await.unwrap().expect("nobody else is here");
        let lease = log.renew(lease, ttl).await.unwrap().expect("nobody took it");
        assert_eq!(lease.duty, duty);
        log.hand_back(lease).await.unwrap();
        assert!(log.lease(duty, ttl).await.unwrap().is_some());
    }
}

/// Many writers, contradicting each other about few customers; what comes out is what the rule makes of the log's order.
pub async fn agrees_with_itself_under_concurrent_writers(place: &dyn Place) {
    let log = place.open().await;
    let words = ["UNVERIFIED", "PENDING", "APPROVED", "REJECTED"];
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let log = Arc::clone(&log);
        writers.spawn(async move {
            let mut random = fastrand::Rng::with_seed(writer);
            let mut new = Vec::new();
            for number in 0..150 {
                let of = format!("c{}", random.usize(0..3));
                let subject = status(words[random.usize(0..words.len())]);
                let recorded = if random.usize(0..4) == 0 {
                    let basis = log.basis();
                    tokio::task::yield_now().await;
                    log.record(answer_based_on(basis, Asker::Call, &of, subject)).await.unwrap()
                } else {
                    // Every other id is another writer's, too.
                    let id = if number % 2 == 0 { format!("{number}") } else { format!("{writer}-{number}") };
                    log.record(webhook(&id, &of, subject, random.i64(0..1000))).await.unwrap()
                };
                if let Recorded::New { position, outcome } = recorded {
                    new.push((position, outcome));
                }
            }
            new
        });
    }
    let mut told: Vec<_> = writers.join_all().await.into_iter().flatten().collect();
    told.sort_unstable_by_key(|(position, _)| *position);
    let events = read_all(&log, Position::START, &Scope::ALL, 100).await;
    assert_eq!(events.iter().map(|event| (event.position, event.outcome)).collect::<Vec<_>>(), told);
    let ids: HashSet<_> = events.iter().map(|event| &event.observation.id).collect();
    assert_eq!(ids.len(), events.len());
    let expected = heads_of(&events);
    assert_same_heads(&all_heads(&log, &Scope::ALL, 100).await, &expected);
    let log = place.open().await;
    assert_eq!(read_all(&log, Position::START, &Scope::ALL, 100).await, events);
    assert_same_heads(&all_heads(&log, &Scope::ALL, 100).await, &expected);
}

/// The heads that these events add up to, checking on the way what each says was before it.
pub fn heads_of(events: &[Arc<Event>]) -> HashMap<EntityKey, Head> {
    let mut heads: HashMap<EntityKey, Head> = HashMap::new();
    for event in events {
        let key = event.observation.entity();
        let head = heads.get(&key);
        assert_eq!(event.previous.as_ref(), head.map(|head| &head.subject));
        let verdict = record::Verdict { outcome: event.outcome, settles: event.cause.clone() };
        let next = record::advance(head, &event.observation, &verdict, event.position, event.recorded_at);
        heads.insert(key, next);
    }
    heads
}

pub fn assert_same_heads(found: &[Arc<Head>], expected: &HashMap<EntityKey, Head>) {
    assert_eq!(found.len(), expected.len());
    for head in found {
        let expected = &expected[&head.entity()];
        assert_eq!(
            (&head.subject, head.position, &head.doubt, &head.observation, head.changed_at, head.recorded_at),
            (
                &expected.subject,
                expected.position,
                &expected.doubt,
                &expected.observation,
                expected.changed_at,
                expected.recorded_at
            )
        );
    }
}

pub async fn publishes_in_order_and_only_what_is_readable(place: &dyn Place) {
    let log = place.open().await;
    let mut cursor = log.hub().watch(&Scope::ALL, log.hub().end());
    let mut one = log.hub().watch(&Scope { customers: vec![customer("c1")], ..Scope::ALL }, log.hub().end());
    let writing = Arc::clone(&log);
    let writer = tokio::spawn(async move {
        let all = (0..400).map(|number| {
            let of = format!("c{}", number % 5);
            writing.record(webhook(&number.to_string(), &of, status("PENDING"), number))
        });
        futures_util::future::join_all(all).await
    });
    let mut seen: Vec<Arc<Event>> = Vec::new();
    while seen.len() < 400 {
        let mut batch = Vec::new();
        let step = tokio::time::timeout(Duration::from_secs(30), cursor.next_batch(&mut batch, 64)).await.unwrap();
        assert_eq!(step, gridgate::kyc::hub::Step::Events);
        let last = batch.last().unwrap().event();
        assert!(log.find(&last.observation.id).await.unwrap().is_some(), "heard of before it could be read");
        assert!(log.hub().end().position >= last.position);
        seen.extend(batch.iter().map(|entry| Arc::clone(entry.event())));
    }
    writer.await.unwrap();
    assert_eq!(seen, read_all(&log, Position::START, &Scope::ALL, 1000).await);
    assert_eq!(cursor.considered(), log.hub().end());
    let mut mine = Vec::new();
    while mine.len() < 80 {
        one.next_batch(&mut mine, 7).await;
    }
    assert_eq!(
        mine.iter().map(|entry| entry.event().position).collect::<Vec<_>>(),
        seen.iter()
            .filter(|event| event.observation.customer == customer("c1"))
            .map(|event| event.position)
            .collect::<Vec<_>>()
    );
    assert_eq!(one.catch_up(), log.hub().end());
}
