//! The queue's rules, on a clock of the test's own.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Ending, Queue, pause};
use crate::faults::WebhookFaults;
use crate::webhooks::event::Event;

fn event(name: &str, subject: &str) -> Event {
    Event::new(name.to_owned(), Timestamp::UNIX_EPOCH, Value::Null, subject.to_owned())
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

/// Takes whatever is due and acknowledges it; the types in the order they were taken.
fn drain(queue: &mut Queue, now: Timestamp) -> Vec<String> {
    let mut taken = Vec::new();
    while let Some(receipt) = queue.take(now) {
        taken.push(receipt.delivery().event.webhook_type.clone());
        queue.settle(receipt, Some(200), now);
    }
    taken
}

fn endings(queue: &Queue) -> Vec<(String, Ending)> {
    queue.ended().map(|outcome| (outcome.webhook_type.clone(), outcome.outcome)).collect()
}

#[test]
fn events_about_one_subject_wait_for_each_other_and_others_do_not() {
    let mut queue = Queue::default();
    let mut none = WebhookFaults::default();
    for (name, subject) in [("a1", "a"), ("a2", "a"), ("b1", "b")] {
        queue.add(event(name, subject), &mut none, at(0));
    }
    let a1 = queue.take(at(0)).unwrap();
    let b1 = queue.take(at(0)).unwrap();
    assert_eq!([&a1, &b1].map(|taken| taken.delivery().event.webhook_type.as_str()), ["a1", "b1"]);
    assert!(queue.take(at(0)).is_none(), "a2 waits for a1");
    queue.settle(a1, Some(500), at(0));
    assert_eq!(drain(&mut queue, at(0)), ["a2"], "but not for its retries");
    queue.settle(b1, Some(204), at(0));
    assert_eq!(queue.waiting(), 1);
    assert_eq!(drain(&mut queue, at(14)), [""; 0]);
    assert_eq!(drain(&mut queue, at(15)), ["a1"]);
    assert_eq!(queue.waiting(), 0);
}

#[test]
fn pauses_double_up_to_half_an_hour() {
    let seconds: Vec<_> = (1..=10).map(|attempts| pause(attempts).as_secs()).collect();
    assert_eq!(seconds, [15, 30, 60, 120, 240, 480, 960, 1800, 1800, 1800]);
    assert_eq!(pause(u32::MAX).as_secs(), 1800);
}

#[test]
fn what_is_never_acknowledged_ends_after_seven_days_however_the_clock_moves() {
    let mut counts = Vec::new();
    for step in [1, 600, 8 * 24 * 3600] {
        let (mut queue, mut now, mut attempts) = (Queue::default(), at(0), 0);
        queue.add(event("x", "a"), &mut WebhookFaults::default(), now);
        while queue.waiting() > 0 {
            while let Some(receipt) = queue.take(now) {
                attempts += 1;
                queue.settle(receipt, if attempts % 2 == 0 { Some(503) } else { None }, now);
            }
            now = now.saturating_add(SignedDuration::from_secs(step)).unwrap();
        }
        assert_eq!(endings(&queue), [("x".to_owned(), Ending::Expired)]);
        assert!(now.duration_since(at(0)) >= SignedDuration::from_hours(7 * 24 - 1));
        counts.push(attempts);
    }
    assert_eq!(counts, [342, 342, 342], "a jump makes up for what it skipped");
}

#[test]
fn an_answer_ends_a_webhook_or_not() {
    for (answer, ending) in [
        (Some(200), Some(Ending::Acknowledged)),
        (Some(299), Some(Ending::Acknowledged)),
        (Some(409), Some(Ending::AlreadyProcessed)),
        (Some(400), None),
        (Some(401), None),
        (Some(302), None),
        (Some(503), None),
        (None, None),
    ] {
        let mut queue = Queue::default();
        queue.add(event("x", "a"), &mut WebhookFaults::default(), at(0));
        let receipt = queue.take(at(0)).unwrap();
        queue.settle(receipt, answer, at(0));
        assert_eq!(queue.ended().next().map(|outcome| outcome.outcome), ending, "{answer:?}");
        assert_eq!(queue.waiting(), usize::from(ending.is_none()), "{answer:?}");
    }
}

#[test]
fn faults_duplicate_delay_drop_and_reorder() {
    let send = |mut faults: WebhookFaults, now: i64| {
        let mut queue = Queue::default();
        for (name, second) in [("1", -2), ("2", -1), ("3", 0)] {
            queue.add(event(name, "a"), &mut faults, at(second));
        }
        (drain(&mut queue, at(now)), endings(&queue).len())
    };
    let (mut sent, _) = send(WebhookFaults { duplicates: 2, ..WebhookFaults::default() }, 0);
    sent.sort();
    assert_eq!(sent, ["1", "1", "1", "2", "2", "2", "3", "3", "3"]);
    let delayed = WebhookFaults { delay_seconds: 60, ..WebhookFaults::default() };
    assert_eq!(send(delayed.clone(), 57).0, [""; 0]);
    assert_eq!(send(delayed, 60).0, ["1", "2", "3"]);
    assert_eq!(send(WebhookFaults { drop_next: 2, ..WebhookFaults::default() }, 0), (vec!["3".to_owned()], 3));
    assert_eq!(send(WebhookFaults { drop_percent: 100, ..WebhookFaults::default() }, 0).0, [""; 0]);
    assert_eq!(send(WebhookFaults { reorder: 3, ..WebhookFaults::default() }, 0).0, ["3", "2", "1"]);
    assert_eq!(send(WebhookFaults { reorder: 2, ..WebhookFaults::default() }, 0).0, ["2", "1"], "the third waits");
    let picky = WebhookFaults { only_types: vec!["2".into()], drop_percent: 100, ..WebhookFaults::default() };
    assert_eq!(send(picky, 0).0, ["1", "3"]);
}

#[test]
fn what_was_under_way_at_a_reset_does_not_come_back() {
    let mut queue = Queue::default();
    queue.add(event("x", "a"), &mut WebhookFaults::default(), at(0));
    let receipt = queue.take(at(0)).unwrap();
    queue.clear();
    queue.settle(receipt, Some(500), at(0));
    assert_eq!((queue.waiting(), queue.ended().count()), (0, 0));
}
