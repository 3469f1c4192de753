//! Many at once.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use gridgate::kyc::event::{Asker, Event};
use gridgate::kyc::hub::Step;
use gridgate::kyc::id::Position;
use gridgate::kyc::log::{Recorded, Scope};

use super::{all_heads, assert_same_heads, heads_of, read_all};
use crate::event_log::seen::{answer_based_on, customer, status, webhook};
use crate::support::place::Place;

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
        assert_eq!(step, Step::Events);
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
