//! What a cursor finds, and who is woken.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::event::{Observation, Subject};
use crate::id::{CustomerId, ObservationId, PlatformCustomerId};
use crate::status::KycStatus;

fn event(position: u64, customer: &str, outcome: Outcome) -> Arc<Event> {
    let id = ObservationId::trusted(&format!("Webhook:{position}"));
    let platform = Some(PlatformCustomerId::trusted(&format!("ours-{customer}")));
    let subject = Subject::Customer { status: KycStatus::Pending, deleted: false };
    let observation = Observation::webhook(id, None, CustomerId::trusted(customer), platform, subject, None);
    let recorded_at = Timestamp::UNIX_EPOCH;
    Arc::new(Event {
        position: Position::new(position),
        observation,
        outcome,
        previous: None,
        cause: None,
        recorded_at,
    })
}

fn mark(position: u64, customer: &str) -> Mark {
    let event = event(position, customer, Outcome::Change);
    event.mark()
}

fn publish(hub: &Hub, events: Vec<Arc<Event>>) {
    let last = events.last().unwrap();
    let end = last.mark();
    hub.publish(events, end).wake();
}

fn only(customers: &[&str]) -> Scope {
    Scope { customers: customers.iter().map(|id| CustomerId::trusted(id)).collect(), platform_customers: vec![] }
}

#[derive(Default)]
struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A cursor, and how often it was woken.
struct Watched {
    cursor: Cursor,
    woken: Arc<Counter>,
}

impl Watched {
    fn new(hub: &Arc<Hub>, scope: &Scope, after: Mark) -> Self {
        Self { cursor: hub.watch(scope, after), woken: Arc::default() }
    }

    fn poll(&mut self, limit: usize) -> (Poll<Step>, Vec<u64>) {
        let waker = Waker::from(Arc::clone(&self.woken));
        let mut found = Vec::new();
        let step = self.cursor.poll_next_batch(&mut Context::from_waker(&waker), &mut found, limit);
        (step, found.iter().map(|entry| entry.event().position.get()).collect())
    }

    fn woken(&self) -> usize {
        self.woken.0.load(Ordering::SeqCst)
    }
}

const EVENTS: Poll<Step> = Poll::Ready(Step::Events);

#[test]
fn a_cursor_gets_what_concerns_it_in_order_and_in_parts() {
    let hub = Hub::new(Mark::START, 100);
    let mut all = Watched::new(&hub, &Scope::ALL, Mark::START);
    let mut some = Watched::new(&hub, &only(&["a", "c"]), Mark::START);
    let by_platform = Scope { customers: vec![], platform_customers: vec![PlatformCustomerId::trusted("ours-b")] };
    let mut theirs = Watched::new(&hub, &by_platform, Mark::START);
    assert_eq!(all.poll(10), (Poll::Pending, vec![]));
    assert_eq!(some.poll(10), (Poll::Pending, vec![]));
    assert_eq!(theirs.poll(10), (Poll::Pending, vec![]));
    publish(&hub, (1..=6).map(|n| event(n, ["c", "a", "b"][n as usize % 3], Outcome::Change)).collect());
    assert_eq!(all.poll(4), (EVENTS, vec![1, 2, 3, 4]));
    assert_eq!(all.cursor.considered(), mark(4, "a"));
    assert_eq!(all.poll(4), (EVENTS, vec![5, 6]));
    assert_eq!(all.poll(4), (Poll::Pending, vec![]));
    assert_eq!(some.poll(10), (EVENTS, vec![1, 3, 4, 6]));
    assert_eq!(theirs.poll(10), (EVENTS, vec![2, 5]));
    assert_eq!(theirs.cursor.considered(), hub.end());
}

#[test]
fn only_those_concerned_are_woken_and_once() {
    let hub = Hub::new(Mark::START, 100);
    let mut others: Vec<_> = (0..50).map(|n| Watched::new(&hub, &only(&[&format!("x{n}")]), Mark::START)).collect();
    let mut mine = Watched::new(&hub, &only(&["a"]), Mark::START);
    for watched in others.iter_mut().chain([&mut mine]) {
        assert_eq!(watched.poll(10), (Poll::Pending, vec![]));
    }
    for number in 1..=20 {
        publish(&hub, vec![event(number, if number % 2 == 0 { "a" } else { "b" }, Outcome::Change)]);
    }
    assert_eq!(mine.woken(), 1, "it had something to read already");
    assert!(others.iter().all(|watched| watched.woken() == 0));
    // Those know, when they look, that nothing was for them.
    assert!(others.iter_mut().all(|watched| watched.cursor.catch_up() == hub.end()));
    assert_eq!(mine.cursor.catch_up(), Mark::START, "it has not read yet");
    assert_eq!(mine.poll(100).1.len(), 10);
    assert_eq!(mine.cursor.catch_up(), hub.end());
    publish(&hub, vec![event(21, "a", Outcome::Change)]);
    assert_eq!(mine.woken(), 1, "nobody asked to be woken since");
    assert_eq!(mine.poll(100).1, [21]);
    assert_eq!(mine.poll(100).0, Poll::Pending);
    publish(&hub, vec![event(22, "a", Outcome::Change)]);
    assert_eq!(mine.woken(), 2);
    assert!(others.iter().all(|watched| watched.woken() == 0));
}

#[test]
fn one_that_the_ring_has_left_behind_is_told_to_read_the_log() {
    let hub = Hub::new(Mark::START, 4);
    let mut all = Watched::new(&hub, &Scope::ALL, Mark::START);
    let mut idle = Watched::new(&hub, &only(&["z"]), Mark::START);
    assert_eq!(idle.poll(1).0, Poll::Pending);
    publish(&hub, (1..=3).map(|n| event(n, "a", Outcome::Change)).collect());
    publish(&hub, (4..=6).map(|n| event(n, "a", Outcome::Change)).collect());
    assert_eq!(all.poll(10), (Poll::Ready(Step::Behind), vec![]));
    all.cursor.advance(mark(1, "a"));
    assert_eq!(all.poll(10), (Poll::Ready(Step::Behind), vec![]));
    all.cursor.advance(mark(2, "a"));
    assert_eq!(all.poll(10), (EVENTS, vec![3, 4, 5, 6]));
    all.cursor.advance(mark(3, "a"));
    assert_eq!(all.cursor.considered(), hub.end(), "it never goes back");
    // Nothing was for this one, however much has passed.
    assert_eq!(idle.poll(10), (Poll::Pending, vec![]));
    assert_eq!(idle.cursor.catch_up(), hub.end());
    publish(&hub, vec![event(7, "z", Outcome::Change)]);
    assert_eq!(idle.poll(10), (EVENTS, vec![7]));
    // One batch that is larger than the ring.
    publish(&hub, (8..=20).map(|n| event(n, "a", Outcome::Change)).collect());
    assert_eq!(all.poll(10).0, Poll::Ready(Step::Behind));
    all.cursor.advance(mark(16, "a"));
    assert_eq!(all.poll(10), (EVENTS, vec![17, 18, 19, 20]));
}

#[test]
fn one_that_starts_in_the_past_finds_it_or_is_told_to_read_it() {
    let hub = Hub::new(mark(10, "a"), 4);
    let mut at_end = Watched::new(&hub, &Scope::ALL, mark(10, "a"));
    let mut before = Watched::new(&hub, &only(&["a"]), mark(9, "a"));
    assert_eq!(at_end.poll(1).0, Poll::Pending);
    assert_eq!(before.poll(1).0, Poll::Ready(Step::Behind));
    publish(&hub, vec![event(11, "a", Outcome::Change)]);
    let mut in_ring = Watched::new(&hub, &only(&["a"]), mark(10, "a"));
    assert_eq!(in_ring.poll(1), (EVENTS, vec![11]));
    assert_eq!(at_end.poll(1), (EVENTS, vec![11]));
    assert_eq!(before.poll(1).0, Poll::Ready(Step::Behind));
}

#[test]
fn closing_ends_everyone_after_what_there_is() {
    let hub = Hub::new(Mark::START, 100);
    let mut all = Watched::new(&hub, &Scope::ALL, Mark::START);
    let mut idle = Watched::new(&hub, &only(&["z"]), Mark::START);
    assert_eq!((all.poll(1).0, idle.poll(1).0), (Poll::Pending, Poll::Pending));
    publish(&hub, vec![event(1, "a", Outcome::Change)]);
    hub.close();
    assert_eq!((all.woken(), idle.woken()), (1, 1));
    assert_eq!(all.poll(10), (EVENTS, vec![1]));
    assert_eq!(all.poll(10).0, Poll::Ready(Step::Closed));
    assert_eq!(idle.poll(10).0, Poll::Ready(Step::Closed));
}

#[test]
fn dropping_a_cursor_leaves_nothing_behind() {
    let hub = Hub::new(Mark::START, 4);
    let many = Scope { platform_customers: vec![PlatformCustomerId::trusted("p")], ..only(&["a", "b"]) };
    let cursors: Vec<_> = [Scope::ALL, only(&["a"]), many].iter().map(|scope| hub.watch(scope, Mark::START)).collect();
    assert_eq!(hub.watching(), 3);
    drop(cursors);
    assert_eq!(hub.watching(), 0);
    assert!(hub.read_watchers().is_empty());
}

#[test]
fn says_when_something_is_in_doubt() {
    let hub = Hub::new(Mark::START, 4);
    let mut doubts = hub.doubts();
    let mut ends = hub.ends();
    publish(&hub, vec![event(1, "a", Outcome::Change)]);
    assert!(!doubts.has_changed().unwrap());
    publish(&hub, vec![event(2, "a", Outcome::Unresolved), event(3, "a", Outcome::Change)]);
    assert_eq!(*doubts.borrow_and_update(), Position::new(2));
    assert_eq!(*ends.borrow_and_update(), hub.end());
}

/// Everything that matters at once: a writer, and watchers that come, read, fall behind and go, on several threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn nobody_misses_or_repeats_anything_while_everything_happens_at_once() {
    const EVENTS: u64 = 20_000;
    let hub = Hub::new(Mark::START, 256);
    let mut watchers = tokio::task::JoinSet::new();
    for number in 0..24u64 {
        let hub = Arc::clone(&hub);
        watchers.spawn(async move {
            let mut random = fastrand::Rng::with_seed(number);
            let of = format!("c{}", number % 5);
            let scope = match number % 3 {
                0 => Scope::ALL,
                1 => only(&[&of]),
                _ => only(&[&of, "c0", "nobody"]),
            };
            let wants = |event: &Event| {
                scope.includes(&event.observation.customer, event.observation.platform_customer.as_ref())
            };
            let mut considered = Mark::START;
            let mut seen: Vec<u64> = Vec::new();
            while considered.position.get() < EVENTS {
                let mut cursor = hub.watch(&scope, considered);
                for _ in 0..random.usize(1..40) {
                    let mut found = Vec::new();
                    let limit = random.usize(1..50);
                    let next = tokio::time::timeout(Duration::from_millis(20), cursor.next_batch(&mut found, limit));
                    match next.await {
                        Ok(Step::Events) => seen.extend(found.iter().map(|entry| entry.event().position.get())),
                        Ok(Step::Behind) => {
                            // The log has everything up to the end that the hub knows.
                            let from = cursor.considered().position.get() + 1;
                            let to = hub.end().position.get().min(from + 100);
                            let page = (from..=to).map(|n| event(n, &format!("c{}", n % 7), Outcome::Change));
                            seen.extend(page.filter(|event| wants(event)).map(|event| event.position.get()));
                            cursor.advance(mark(to, &format!("c{}", to % 7)));
                        }
                        Ok(Step::Closed) => panic!("nobody closes it"),
                        Err(_) => {
                            cursor.catch_up();
                        }
                    }
                }
                considered = cursor.considered();
            }
            let expected: Vec<u64> =
                (1..=EVENTS).filter(|n| wants(&event(*n, &format!("c{}", n % 7), Outcome::Change))).collect();
            assert_eq!(seen, expected, "watcher {number}");
        });
    }
    let writer = std::thread::spawn(move || {
        let mut random = fastrand::Rng::with_seed(99);
        let mut next = 1;
        while next <= EVENTS {
            let last = (next + random.u64(0..200)).min(EVENTS);
            publish(&hub, (next..=last).map(|n| event(n, &format!("c{}", n % 7), Outcome::Change)).collect());
            next = last + 1;
            if random.bool() {
                std::thread::yield_now();
            }
        }
    });
    while let Some(result) = watchers.join_next().await {
        result.unwrap();
    }
    writer.join().unwrap();
}
