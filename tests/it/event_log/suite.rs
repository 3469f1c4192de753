//! What every event log promises.

mod keeping;
mod reading;
mod recording;
mod together;

use std::collections::HashMap;
use std::sync::Arc;

use gridgate::kyc::event::{Event, Observation, Outcome};
use gridgate::kyc::head::Head;
use gridgate::kyc::id::{EntityKey, Position};
use gridgate::kyc::log::{EventLog, Recorded, Scope};
use gridgate::kyc::record;

pub use self::keeping::*;
pub use self::reading::*;
pub use self::recording::*;
pub use self::together::*;

/// A test for each promise, with a place that holds a log.
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

pub async fn record(log: &Arc<EventLog>, observation: Observation) -> (Position, Outcome) {
    match log.record(observation).await.unwrap() {
        Recorded::New { position, outcome } => (position, outcome),
        other => panic!("{other:?} instead of something new"),
    }
}

/// Every event after `after`, by pages of `size`.
pub async fn read_all(log: &Arc<EventLog>, mut after: Position, scope: &Scope, size: usize) -> Vec<Arc<Event>> {
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

pub async fn all_heads(log: &Arc<EventLog>, scope: &Scope, size: usize) -> Vec<Arc<Head>> {
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

/// Many writers, contradicting each other about few customers; what comes out is what the rule makes of the log's order.
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
