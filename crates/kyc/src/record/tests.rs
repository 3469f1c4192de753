//! The rule, case by case; then what it has to hold over whole histories.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::subsequence;

use super::*;
use crate::event::{Asker, Basis, Problem, Source};
use crate::id::{CustomerId, PlatformCustomerId, VerificationId};
use crate::status::{KycStatus, VerificationStatus};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

fn customer(status: KycStatus) -> Subject {
    Subject::Customer { status, deleted: false }
}

fn deleted(status: KycStatus) -> Subject {
    Subject::Customer { status, deleted: true }
}

fn verification(status: VerificationStatus, problems: &[&str]) -> Subject {
    let problems = problems.iter().map(|kind| Problem::new(kind, None)).collect();
    Subject::verification(VerificationId::trusted("Verification:1"), status, problems)
}

fn webhook(subject: Subject, updated_at: Option<i64>, timestamp: Option<i64>) -> Observation {
    let id = ObservationId::mint();
    let customer = CustomerId::trusted("Customer:1");
    Observation::webhook(id, timestamp.map(at), customer, None, subject, updated_at.map(at))
}

fn answer(subject: Subject, updated_at: Option<i64>, knowing: u64, asked: i64) -> Observation {
    let basis = Basis { knowing: Position::new(knowing), at: at(asked) };
    Observation::asked(Asker::Call, basis, CustomerId::trusted("Customer:1"), None, subject, updated_at.map(at))
}

/// A log of one entity, as small as it can be.
struct Entity {
    head: Option<Head>,
    end: u64,
    /// Our clock; long after everything unless a test says otherwise.
    now: i64,
}

impl Default for Entity {
    fn default() -> Self {
        Self { head: None, end: 0, now: 100_000 }
    }
}

impl Entity {
    fn record(&mut self, observation: &Observation) -> Outcome {
        let verdict = decide(self.head.as_ref(), observation);
        self.end += 1;
        let head = advance(self.head.as_ref(), observation, &verdict, Position::new(self.end), at(self.now));
        self.head = Some(head);
        verdict.outcome
    }

    fn status(&self) -> &str {
        self.head.as_ref().unwrap().subject.status_word()
    }

    fn in_doubt(&self) -> bool {
        self.head.as_ref().unwrap().doubt.is_some()
    }
}

fn outcomes(observations: &[Observation]) -> (Vec<Outcome>, Entity) {
    let mut entity = Entity::default();
    let outcomes = observations.iter().map(|observation| entity.record(observation)).collect();
    (outcomes, entity)
}

use KycStatus::{Approved, Hold, Pending, Rejected, Unverified};
use Outcome::{Change, Confirmation, Superseded, Unresolved};

#[test]
fn the_first_observation_is_a_change_and_the_same_status_confirms() {
    let first = webhook(customer(Pending), Some(1), Some(1));
    let again = webhook(customer(Pending), Some(9), Some(2));
    let by_answer = answer(customer(Pending), Some(1), 0, 3);
    let (outcomes, entity) = outcomes(&[first, again, by_answer]);
    assert_eq!(outcomes, [Change, Confirmation, Confirmation]);
    assert_eq!(entity.head.unwrap().position, Position::new(1));
}

#[test]
fn newer_needs_one_key_newer_and_none_older() {
    for (updated_at, timestamp, expected) in [
        (Some(6), Some(6), Change),
        (Some(5), Some(6), Change),
        (Some(6), Some(5), Change),
        (Some(6), None, Change),
        (Some(5), Some(5), Unresolved),
        (Some(6), Some(4), Unresolved),
        (Some(4), Some(6), Unresolved),
        (None, Some(6), Unresolved),
        (None, None, Unresolved),
        (Some(5), Some(4), Superseded),
        (Some(4), Some(5), Superseded),
        (Some(4), Some(4), Superseded),
        (Some(4), None, Unresolved),
        (None, Some(4), Unresolved),
    ] {
        let history =
            [webhook(customer(Unverified), Some(5), Some(5)), webhook(customer(Pending), updated_at, timestamp)];
        let (outcomes, entity) = outcomes(&history);
        assert_eq!(outcomes[1], expected, "updatedAt {updated_at:?}, timestamp {timestamp:?}");
        assert_eq!(entity.status(), if expected == Change { "PENDING" } else { "UNVERIFIED" });
        assert_eq!(entity.in_doubt(), expected == Unresolved);
    }
}

#[test]
fn no_webhook_undoes_a_decision_but_one_can_be_late() {
    for decision in [Approved, Rejected] {
        for status in [Pending, Unverified, Hold, Approved, Rejected] {
            let newer = webhook(customer(status.clone()), Some(6), Some(6));
            let (outcomes_, entity) = outcomes(&[webhook(customer(decision.clone()), Some(5), Some(5)), newer]);
            let expected = if status == decision { Confirmation } else { Unresolved };
            assert_eq!((outcomes_[1], entity.status()), (expected, decision.as_str()));
            let late = webhook(customer(status.clone()), Some(4), Some(4));
            let (outcomes_, entity) = outcomes(&[webhook(customer(decision.clone()), Some(5), Some(5)), late]);
            let expected = if status == decision { Confirmation } else { Superseded };
            assert_eq!((outcomes_[1], entity.status()), (expected, decision.as_str()));
        }
    }
}

#[test]
fn an_unknown_word_is_a_status_and_no_decision() {
    let frozen = KycStatus::from_word("FROZEN");
    let history = [
        webhook(customer(Pending), Some(1), Some(1)),
        webhook(customer(frozen), Some(2), Some(2)),
        webhook(customer(Approved), Some(3), Some(3)),
    ];
    assert_eq!(outcomes(&history).0, [Change; 3]);
}

#[test]
fn an_answer_that_was_based_on_the_head_is_the_truth_even_against_a_decision() {
    let (outcomes, entity) = outcomes(&[
        webhook(customer(Approved), Some(5), Some(5)),
        answer(customer(Hold), Some(5), 1, 6),
        answer(customer(Approved), Some(5), 1, 6),
    ]);
    assert_eq!(outcomes, [Change, Change, Unresolved], "the head moved after the last answer's basis was read");
    assert_eq!(entity.status(), "HOLD");
    assert!(entity.in_doubt());
}

#[test]
fn an_answer_asked_before_the_head_was_confirmed_again_is_not_the_truth() {
    for confirmation in [webhook(customer(Pending), Some(9), Some(9)), answer(customer(Pending), Some(9), 1, 9)] {
        let asked_earlier = answer(customer(Unverified), Some(5), 1, 8);
        let (outcomes, _) = outcomes(&[webhook(customer(Pending), Some(5), Some(5)), confirmation, asked_earlier]);
        assert_eq!(outcomes, [Change, Confirmation, Unresolved]);
    }
}

#[test]
fn a_doubt_is_settled_only_by_what_was_asked_after_it() {
    let history = [
        webhook(customer(Approved), Some(5), Some(5)),
        webhook(customer(Pending), Some(6), Some(6)),
        answer(customer(Approved), Some(5), 1, 7),
        answer(customer(Approved), Some(5), 2, 8),
    ];
    let (_, entity) = outcomes(&history[..3]);
    assert_eq!(entity.head.unwrap().doubt.unwrap().cause, history[1].id, "it was asked before the doubt");
    let mut entity = outcomes(&history[..3]).1;
    let verdict = decide(entity.head.as_ref(), &history[3]);
    assert_eq!(verdict, Verdict { outcome: Confirmation, settles: Some(history[1].id.clone()) });
    assert!(!is_redundant(&history[3], &verdict));
    entity.record(&history[3]);
    assert!(!entity.in_doubt());
    let once_more = answer(customer(Approved), Some(5), 4, 9);
    assert!(is_redundant(&once_more, &decide(entity.head.as_ref(), &once_more)));
}

#[test]
fn a_change_by_webhook_leaves_the_doubt() {
    let (outcomes, entity) = outcomes(&[
        webhook(customer(Unverified), Some(5), Some(5)),
        webhook(customer(Pending), Some(6), Some(4)),
        webhook(customer(Approved), Some(7), Some(7)),
    ]);
    assert_eq!(outcomes, [Change, Unresolved, Change]);
    assert!(entity.in_doubt());
}

#[test]
fn deletion_is_a_change_and_no_webhook_undoes_it() {
    let (outcomes, entity) = outcomes(&[
        webhook(customer(Approved), Some(5), Some(5)),
        answer(deleted(Approved), Some(6), 1, 6),
        webhook(customer(Approved), Some(7), Some(1_000)),
        webhook(customer(Approved), Some(4), Some(4)),
    ]);
    assert_eq!(outcomes, [Change, Change, Unresolved, Superseded]);
    assert!(entity.head.unwrap().subject.is_deleted());
}

#[test]
fn a_late_webhook_does_not_undo_what_an_answer_said() {
    // HOLD has no webhook of its own, and `updatedAt` did not move with it.
    let hold = [webhook(customer(Unverified), Some(5), Some(5)), answer(customer(Hold), Some(10), 1, 1_000)];
    for (timestamp, expected) in [(990, Unresolved), (1_010, Unresolved), (600, Superseded), (1_400, Change)] {
        let late = webhook(customer(Pending), Some(10), Some(timestamp));
        let (outcomes, _) = outcomes(&[hold[0].clone(), hold[1].clone(), late]);
        assert_eq!(outcomes[2], expected, "sent at {timestamp}, asked at 1000");
    }
    let newer = webhook(customer(Pending), Some(11), Some(990));
    assert_eq!(outcomes(&[hold[0].clone(), hold[1].clone(), newer]).0[2], Change);
}

#[test]
fn a_confirmation_moves_the_keys_that_later_ones_are_held_against() {
    let in_order = [
        webhook(customer(Pending), Some(5), Some(5)),
        webhook(customer(Pending), Some(8), Some(8)),
        webhook(customer(Unverified), Some(6), Some(6)),
    ];
    assert_eq!(outcomes(&in_order).0, [Change, Confirmation, Superseded]);
    let neither_orders = [
        webhook(customer(Pending), Some(5), Some(5)),
        webhook(customer(Pending), Some(3), Some(8)),
        webhook(customer(Unverified), Some(4), Some(9)),
        webhook(customer(Unverified), Some(4), Some(7)),
        webhook(customer(Unverified), Some(6), Some(9)),
    ];
    assert_eq!(outcomes(&neither_orders).0, [Change, Confirmation, Unresolved, Unresolved, Change]);
    let other_way_round = [neither_orders[1].clone(), neither_orders[0].clone(), neither_orders[2].clone()];
    assert_eq!(outcomes(&other_way_round).0, [Change, Confirmation, Unresolved]);
}

#[test]
fn other_problems_are_news_and_no_problems_are_none() {
    use VerificationStatus::ResolveErrors;
    let (outcomes, entity) = outcomes(&[
        webhook(verification(ResolveErrors, &["B", "A"]), Some(1), Some(1)),
        webhook(verification(ResolveErrors, &["A", "B", "A"]), Some(2), Some(2)),
        webhook(verification(ResolveErrors, &[]), Some(3), Some(3)),
        webhook(verification(ResolveErrors, &["A"]), Some(4), Some(4)),
    ]);
    assert_eq!(outcomes, [Change, Confirmation, Confirmation, Change]);
    assert_eq!(entity.head.unwrap().subject, verification(ResolveErrors, &["A"]));
}

#[test]
fn a_head_remembers_what_it_was_told() {
    let mut entity = Entity::default();
    let mut first = webhook(customer(Pending), Some(5), Some(6));
    first.platform_customer = Some(PlatformCustomerId::trusted("ours-1"));
    entity.record(&first);
    entity.record(&webhook(customer(Approved), Some(8), Some(9)));
    let head = entity.head.as_ref().unwrap();
    assert_eq!(head.platform_customer.as_ref().unwrap().as_str(), "ours-1");
    assert_eq!((head.changed_at, head.confirmed_at()), (at(9), at(9)));
    entity.record(&answer(customer(Approved), Some(8), 2, 20));
    let head = entity.head.as_ref().unwrap();
    assert_eq!((head.changed_at, head.confirmed_at(), head.source), (at(9), at(20), Source::Webhook));
    entity.record(&webhook(customer(Approved), Some(8), Some(12)));
    assert_eq!(entity.head.unwrap().confirmed_at(), at(20), "it never goes back");
}

fn status() -> impl Strategy<Value = KycStatus> {
    prop_oneof![Just(Unverified), Just(Pending), Just(Approved), Just(Rejected), Just(KycStatus::from_word("NEW"))]
}

fn key() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![8 => (0i64..6).prop_map(Some), 1 => Just(None)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    /// Arrival order decides nothing: two orders that both leave no doubt agree, and Grid's answer ends every doubt.
    #[test]
    fn arrival_order_decides_nothing(
        (one, other) in prop::collection::vec((status(), key(), key()), 1..6)
            .prop_map(|seen| {
                let seen: Vec<_> = seen.into_iter().map(|(status, u, t)| webhook(customer(status), u, t)).collect();
                seen
            })
            .prop_flat_map(|seen| (Just(seen.clone()).prop_shuffle(), Just(seen).prop_shuffle())),
        grid in status(),
    ) {
        let (mut one, mut other) = (outcomes(&one).1, outcomes(&other).1);
        if !one.in_doubt() && !other.in_doubt() {
            prop_assert_eq!(one.status(), other.status());
        }
        for entity in [&mut one, &mut other] {
            let knowing = entity.end;
            entity.record(&answer(customer(grid.clone()), None, knowing, 100_000));
            prop_assert_eq!(entity.status(), grid.as_str());
            prop_assert!(!entity.in_doubt());
        }
    }
}

/// A status that Grid really had, from a moment on.
#[derive(Debug, Clone)]
struct Phase {
    status: KycStatus,
    /// Grid's time at which it began, in seconds.
    since: i64,
    /// `updatedAt` from then on: moved, or left as it was.
    updated_at: i64,
}

/// What reaches gridgate, and when.
#[derive(Debug, Clone)]
enum Arrival {
    /// The webhook of a phase.
    Webhook(usize),
    /// A call's answer: asked at a time, answered with the phase of a time in between.
    Answer { asked: i64, answered: i64 },
}

/// A true history of Grid, in an hour; which key tells the truth (the other lags, or is renewed by retries); how far our
/// clock is off; and what arrives when, some of it more than once.
#[derive(Debug, Clone)]
struct History {
    phases: Vec<Phase>,
    retries_renew_timestamp: bool,
    our_clock_is_ahead: i64,
    arrivals: Vec<(i64, Arrival)>,
}

fn history() -> impl Strategy<Value = History> {
    let phase = (prop_oneof![4 => status(), 1 => Just(Hold)], 1i64..900, any::<bool>());
    (prop::collection::vec(phase, 1..6), any::<bool>(), -240i64..240)
        .prop_map(|(phases, renew, ahead)| {
            let (mut now, mut updated_at) = (0, 0);
            let phases: Vec<Phase> = phases
                .into_iter()
                .map(|(status, lasts, moves)| {
                    now += lasts;
                    // Where retries renew the timestamp, the other key has to tell the truth.
                    updated_at = if moves || renew { now } else { updated_at };
                    Phase { status, since: now, updated_at }
                })
                .collect();
            (phases, renew, ahead)
        })
        .prop_flat_map(|(phases, renew, ahead)| {
            let announced: Vec<usize> = (0..phases.len()).filter(|i| phases[*i].status != Hold).collect();
            let end = phases.last().unwrap().since;
            let webhooks =
                prop::collection::vec((0..2_000i64, subsequence(announced.clone(), 0..=announced.len())), 0..4);
            let answers = prop::collection::vec((0..=end, 0..60i64, prop_oneof![0..60i64, 0..900i64]), 0..3);
            (webhooks, answers).prop_map(move |(rounds, answers)| {
                let mut arrivals = Vec::new();
                for (delay, which) in rounds {
                    for index in which {
                        let spread = i64::try_from(index).unwrap() * 37 % 91;
                        arrivals.push((phases[index].since + delay * spread / 91, Arrival::Webhook(index)));
                    }
                }
                for (asked, first, second) in answers {
                    arrivals.push((asked + first + second, Arrival::Answer { asked, answered: asked + first }));
                }
                arrivals.sort_by_key(|(time, _)| *time);
                let phases = phases.clone();
                History { phases, retries_renew_timestamp: renew, our_clock_is_ahead: ahead, arrivals }
            })
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    /// Whatever Grid really did, and however late and often it was told: what is left without a doubt is true, unless Grid
    /// has not told its last word yet.
    #[test]
    fn what_is_certain_is_true(history in history()) {
        let mut entity = Entity::default();
        // What was known at a time: positions by the time they were recorded.
        let mut known: Vec<(i64, u64)> = Vec::new();
        let last = history.phases.len() - 1;
        let mut told = false;
        for (time, arrival) in &history.arrivals {
            let observation = match arrival {
                Arrival::Webhook(index) => {
                    let Phase { status, since, updated_at } = &history.phases[*index];
                    let sent = if history.retries_renew_timestamp { *time } else { *since };
                    told |= *index == last;
                    webhook(customer(status.clone()), Some(*updated_at), Some(sent))
                }
                Arrival::Answer { asked, answered } => {
                    let Some(index) = history.phases.iter().rposition(|phase| phase.since <= *answered) else { continue };
                    told |= index == last;
                    let Phase { status, updated_at, since: _ } = &history.phases[index];
                    let knowing = known.iter().rfind(|(at, _)| at < asked).map_or(0, |(_, end)| *end);
                    answer(customer(status.clone()), Some(*updated_at), knowing, asked + history.our_clock_is_ahead)
                }
            };
            entity.now = time + history.our_clock_is_ahead;
            entity.record(&observation);
            known.push((*time, entity.end));
        }
        if told && !entity.in_doubt() {
            prop_assert_eq!(entity.status(), history.phases[last].status.as_str());
        }
        if entity.head.is_some() {
            let truth = history.phases[last].status.clone();
            entity.now = 100_000;
            entity.record(&answer(customer(truth.clone()), None, entity.end, 90_000));
            prop_assert_eq!(entity.status(), truth.as_str());
            prop_assert!(!entity.in_doubt());
        }
    }
}

#[test]
fn the_window_around_an_answer_is_five_minutes() {
    assert_eq!(SignedDuration::from_micros(CLOCKS_DIFFER), SignedDuration::from_mins(5));
}
