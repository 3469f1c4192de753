//! What is read: pages, heads, marks.

use std::sync::Arc;
use std::time::Duration;

use gridgate::kyc::clock::Clock;
use gridgate::kyc::head::Head;
use gridgate::kyc::id::{EntityKey, Epoch, Fingerprint, Position};
use gridgate::kyc::log::{LogError, Scope};
use gridgate::kyc::token::Mark;

use super::{all_heads, read_all, record};
use crate::event_log::seen::{customer, entity, platform, status, verification, webhook, webhook_of};
use crate::support::place::{Place, SqlitePlace};

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
        let other = SqlitePlace::new();
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
