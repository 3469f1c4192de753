//! The rule that orders observations: what an observation means given the current head, and the head after it.
//!
//! Pure: no clock, no storage. A log applies it in one atomic step per observation, after it has looked for copies by id. The
//! rule decides only what is certain. Everything else is [`Outcome::Unresolved`], and Grid is asked; so the order in which
//! observations arrive does not matter.

use jiff::Timestamp;

use super::event::{Event, Observation, Origin, Outcome, Subject};
use super::head::{Confirmed, Doubt, Head, Seen, Span};
use super::id::{ObservationId, Position};

/// How far our clock may be from Grid's, in microseconds (5 minutes). A webhook sent this close to the time of asking counts
/// as neither earlier nor later than the answer.
const CLOCKS_DIFFER: i64 = 5 * 60 * 1_000_000;

/// How long after the question an answer may be recorded, in microseconds (a day; in fact far less). An answer that seems to be
/// later than that was given while our clock was ahead.
const ANSWERED_WITHIN: i64 = 24 * 60 * 60 * 1_000_000;

/// What an observation means given a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What it means.
    pub outcome: Outcome,
    /// The observation whose doubt it settles.
    pub settles: Option<ObservationId>,
}

impl Verdict {
    fn of(outcome: Outcome) -> Self {
        Self { outcome, settles: None }
    }
}

/// Decides what `observation` means given the head of its entity. The caller has already excluded copies by id.
pub fn decide(head: Option<&Head>, observation: &Observation) -> Verdict {
    let Some(head) = head else { return Verdict::of(Outcome::Change) };
    let same = says_the_same(&head.subject, &observation.subject);
    match observation.origin {
        Origin::Asked { by: _, basis } => {
            // Current: Grid was asked after everything the head rests on, the change and all that confirmed it.
            let asked_at = basis.at.as_microsecond();
            let later = asked_at.saturating_add(1)..=asked_at.saturating_add(ANSWERED_WITHIN);
            let confirmed_later = head.confirmed.by_answer().is_some_and(|at| later.contains(&at));
            let current = head.seen.last <= basis.knowing && !confirmed_later;
            let outcome = match (same, current) {
                (true, _) => Outcome::Confirmation,
                (false, true) => Outcome::Change,
                (false, false) => Outcome::Unresolved,
            };
            let doubt = head.doubt.as_ref().filter(|doubt| doubt.position <= basis.knowing);
            let settles = doubt.filter(|_| same || current).map(|doubt| doubt.cause.clone());
            Verdict { outcome, settles }
        }
        Origin::Webhook { timestamp } => Verdict::of(match order(head, observation.updated_at, timestamp) {
            _ if same => Outcome::Confirmation,
            Order::Older => Outcome::Superseded,
            Order::Newer if !undoes(&head.subject, &observation.subject) => Outcome::Change,
            Order::Newer | Order::Unclear => Outcome::Unresolved,
        }),
    }
}

/// The head after `observation` was recorded at `position` with this verdict.
pub fn advance(
    head: Option<&Head>,
    observation: &Observation,
    verdict: &Verdict,
    position: Position,
    recorded_at: Timestamp,
) -> Head {
    let Some(head) = head else { return moved(None, observation, verdict, position, recorded_at) };
    let mut next = match verdict.outcome {
        Outcome::Change => moved(Some(head), observation, verdict, position, recorded_at),
        Outcome::Confirmation => {
            let mut confirmed = head.confirmed.clone();
            let at = said_at(observation, recorded_at);
            match observation.origin {
                Origin::Webhook { timestamp: _ } => confirmed.told(at),
                Origin::Asked { by: _, basis: _ } => confirmed.answered(at, micros(observation.updated_at)),
            }
            let seen = seen_again(head, observation, position);
            Head { seen, confirmed, doubt: left(head, verdict), ..head.clone() }
        }
        Outcome::Superseded => head.clone(),
        Outcome::Unresolved => {
            let doubt = Some(Doubt { position, cause: observation.id.clone() });
            Head { doubt, ..head.clone() }
        }
    };
    next.last_event = position;
    if let Some(platform_customer) = &observation.platform_customer {
        next.platform_customer = Some(platform_customer.clone());
    }
    next
}

/// Whether recording the observation would add nothing: it is an answer, the head has this status already, and no doubt is
/// settled. Such an answer only moves the time at which Grid confirmed the head.
pub fn is_redundant(observation: &Observation, verdict: &Verdict) -> bool {
    match (observation.origin, verdict.outcome) {
        (Origin::Asked { by: _, basis: _ }, Outcome::Confirmation) => verdict.settles.is_none(),
        (Origin::Webhook { timestamp: _ }, Outcome::Confirmation)
        | (_, Outcome::Change | Outcome::Superseded | Outcome::Unresolved) => false,
    }
}

/// Notes an answer on the head that it repeats. False: the observation has to be recorded.
pub(crate) fn note_if_redundant(head: &Head, observation: &Observation, verdict: &Verdict) -> bool {
    let basis = observation.origin.basis().filter(|_| is_redundant(observation, verdict));
    if let Some(basis) = basis {
        head.confirmed.answered(basis.at.as_microsecond(), micros(observation.updated_at));
    }
    basis.is_some()
}

/// The event at `position` for an observation with this verdict, and the head after it.
pub(crate) fn apply(
    head: Option<&Head>,
    observation: Observation,
    verdict: Verdict,
    position: Position,
    recorded_at: Timestamp,
) -> (Event, Head) {
    let next = advance(head, &observation, &verdict, position, recorded_at);
    let Verdict { outcome, settles } = verdict;
    let previous = head.map(|head| head.subject.without_problems());
    (Event { position, observation, outcome, previous, cause: settles, recorded_at }, next)
}

/// When Grid said it, in microseconds; never later than it was recorded.
fn said_at(observation: &Observation, recorded_at: Timestamp) -> i64 {
    let said_at = match observation.origin {
        Origin::Webhook { timestamp } => timestamp,
        Origin::Asked { by: _, basis } => Some(basis.at),
    };
    said_at.map_or(recorded_at, |at| at.min(recorded_at)).as_microsecond()
}

/// Whether both have the same status. An observation without problems says nothing about problems.
fn says_the_same(head: &Subject, observed: &Subject) -> bool {
    match (head, observed) {
        (Subject::Customer { status, deleted }, Subject::Customer { status: observed, deleted: gone }) => {
            status == observed && deleted == gone
        }
        (
            Subject::Verification { id: _, status, problems },
            Subject::Verification { id: _, status: observed, problems: found },
        ) => status == observed && (found.is_empty() || problems == found),
        (Subject::Customer { .. }, Subject::Verification { .. })
        | (Subject::Verification { .. }, Subject::Customer { .. }) => false,
    }
}

/// Whether it would take back a decision or a deletion.
fn undoes(head: &Subject, observed: &Subject) -> bool {
    let decision_undone = head.is_decision() && head.status_word() != observed.status_word();
    decision_undone || (head.is_deleted() && !observed.is_deleted())
}

/// An observation's order in time relative to a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Older,
    Newer,
    Unclear,
}

/// The same by one of the two keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyOrder {
    Older,
    Same,
    Newer,
    /// Later than one observation of the head's status, earlier than another.
    Between,
    /// A key is missing, or the clocks may differ by more than the keys do.
    Unknown,
}

/// Newer: neither key is older, and at least one is newer. Older: the reverse. `timestamp` alone proves nothing, since a retry
/// may carry a later one; `updatedAt` alone proves only that something is newer, since it may lag.
fn order(head: &Head, updated_at: Option<Timestamp>, timestamp: Option<Timestamp>) -> Order {
    let updated = key_order(updated_span(head), updated_at);
    let sent = match (key_order(head.seen.timestamp, timestamp), head.confirmed.by_answer()) {
        (by_webhooks, None) => by_webhooks,
        (KeyOrder::Older, Some(_)) => KeyOrder::Older,
        (KeyOrder::Between, Some(_)) => KeyOrder::Between,
        (KeyOrder::Same | KeyOrder::Newer | KeyOrder::Unknown, Some(asked_at)) => {
            order_beside_answer(asked_at, timestamp)
        }
    };
    match (updated, sent) {
        (KeyOrder::Newer, KeyOrder::Newer | KeyOrder::Same | KeyOrder::Unknown) | (KeyOrder::Same, KeyOrder::Newer) => {
            Order::Newer
        }
        (KeyOrder::Older, KeyOrder::Older | KeyOrder::Same) | (KeyOrder::Same, KeyOrder::Older) => Order::Older,
        (KeyOrder::Newer, KeyOrder::Older | KeyOrder::Between)
        | (KeyOrder::Older, KeyOrder::Newer | KeyOrder::Between | KeyOrder::Unknown)
        | (KeyOrder::Same, KeyOrder::Same | KeyOrder::Between | KeyOrder::Unknown)
        | (KeyOrder::Between | KeyOrder::Unknown, _) => Order::Unclear,
    }
}

/// What `updatedAt` is compared with. An answer that confirmed the head came later than what `seen` holds.
fn updated_span(head: &Head) -> Option<Span> {
    let answered = head.confirmed.answered_updated_at().map(|at| Span { first: at, last: at });
    match (head.seen.updated_at, answered) {
        (Some(seen), Some(answered)) => Some(if answered.last > seen.last { answered } else { seen }),
        (seen, answered) => seen.or(answered),
    }
}

fn micros(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::as_microsecond)
}

fn key_order(span: Option<Span>, key: Option<Timestamp>) -> KeyOrder {
    let (Some(Span { first, last }), Some(key)) = (span, key) else { return KeyOrder::Unknown };
    match key.as_microsecond() {
        key if key < first => KeyOrder::Older,
        key if key > last => KeyOrder::Newer,
        _ if first == last => KeyOrder::Same,
        _ => KeyOrder::Between,
    }
}

/// A webhook's order relative to the time (by our clock) at which Grid was asked and answered with the head's status.
fn order_beside_answer(asked_at: i64, sent: Option<Timestamp>) -> KeyOrder {
    let Some(sent) = sent.map(Timestamp::as_microsecond) else { return KeyOrder::Unknown };
    if sent < asked_at.saturating_sub(CLOCKS_DIFFER) {
        KeyOrder::Older
    } else if sent > asked_at.saturating_add(CLOCKS_DIFFER) {
        KeyOrder::Newer
    } else {
        KeyOrder::Unknown
    }
}

/// When the new status of a head that moves was observed.
fn seen_first(head: Option<&Head>, observation: &Observation, last: Position) -> Seen {
    let at = |key: Timestamp| Span { first: key.as_microsecond(), last: key.as_microsecond() };
    match observation.origin {
        Origin::Webhook { timestamp } => {
            Seen { last, updated_at: observation.updated_at.map(at), timestamp: timestamp.map(at) }
        }
        Origin::Asked { by: _, basis: _ } => {
            // Grid answered after everything that made the head before, so nothing up to there can be newer.
            let latest = |span: Option<Span>| span.map(|span| Span { first: span.last, last: span.last });
            let (updated_before, sent_before) =
                head.map_or((None, None), |head| (latest(updated_span(head)), latest(head.seen.timestamp)));
            let updated_at = match (updated_before, observation.updated_at.map(at)) {
                (Some(before), Some(now)) => Some(if now.last > before.last { now } else { before }),
                (before, now) => now.or(before),
            };
            Seen { last, updated_at, timestamp: sent_before }
        }
    }
}

/// When the status of a head was observed, including once more now.
fn seen_again(head: &Head, observation: &Observation, last: Position) -> Seen {
    let Origin::Webhook { timestamp } = observation.origin else { return Seen { last, ..head.seen } };
    let first = seen_first(None, observation, last);
    match order(head, observation.updated_at, timestamp) {
        Order::Older => head.seen,
        Order::Newer => first,
        // Neither observation orders the other. What follows has to be newer than both, or older than both.
        Order::Unclear => Seen {
            last,
            updated_at: both(head.seen.updated_at, first.updated_at),
            timestamp: both(head.seen.timestamp, first.timestamp),
        },
    }
}

fn both(one: Option<Span>, other: Option<Span>) -> Option<Span> {
    match (one, other) {
        (Some(one), Some(other)) => Some(Span { first: one.first.min(other.first), last: one.last.max(other.last) }),
        (one, other) => one.or(other),
    }
}

fn moved(
    head: Option<&Head>,
    observation: &Observation,
    verdict: &Verdict,
    position: Position,
    recorded_at: Timestamp,
) -> Head {
    let Observation { id, customer, platform_customer, subject, updated_at, origin } = observation;
    let asked_at = origin.basis().map(|basis| basis.at);
    let said_at = Some(said_at(observation, recorded_at));
    let confirmed = match origin {
        Origin::Webhook { timestamp: _ } => Confirmed::new(said_at, None, None),
        Origin::Asked { by: _, basis: _ } => Confirmed::new(None, said_at, micros(*updated_at)),
    };
    Head {
        customer: customer.clone(),
        platform_customer: platform_customer.clone().or_else(|| head.and_then(|head| head.platform_customer.clone())),
        subject: subject.clone(),
        position,
        last_event: position,
        observation: id.clone(),
        source: origin.source(),
        seen: seen_first(head, observation, position),
        changed_at: origin.timestamp().or(*updated_at).or(asked_at).unwrap_or(recorded_at),
        recorded_at,
        confirmed,
        doubt: head.and_then(|head| left(head, verdict)),
    }
}

/// The doubt that remains.
fn left(head: &Head, verdict: &Verdict) -> Option<Doubt> {
    match verdict.settles {
        Some(_) => None,
        None => head.doubt.clone(),
    }
}

#[cfg(test)]
mod tests;
