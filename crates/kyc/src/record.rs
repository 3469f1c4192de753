//! The one rule of what happened: what an observation means beside the head there is, and the head there is afterwards.
//!
//! Pure: no clock, no storage. A log applies it in one atomic step per observation, after looking for copies by id. Only
//! what is certain is decided here. Whatever is not is [`Outcome::Unresolved`], and Grid is asked; so the order in which
//! observations arrive decides nothing.

use jiff::Timestamp;

use super::event::{Observation, Origin, Outcome, Subject};
use super::head::{Confirmed, Doubt, Head, Seen, Span};
use super::id::{ObservationId, Position};

/// How far our clock may be from Grid's, in microseconds (5 minutes). A webhook sent this close to the moment Grid was
/// asked is neither earlier nor later than the answer.
const CLOCKS_DIFFER: i64 = 5 * 60 * 1_000_000;

/// Within how long after the question an answer is recorded, in microseconds (a day, and far less in fact). One that seems to
/// be later by more than that was given while our clock was ahead.
const ANSWERED_WITHIN: i64 = 24 * 60 * 60 * 1_000_000;

/// What an observation means beside a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What it means.
    pub outcome: Outcome,
    /// The observation whose doubt it settles, if it settles one.
    pub settles: Option<ObservationId>,
}

impl Verdict {
    fn of(outcome: Outcome) -> Self {
        Self { outcome, settles: None }
    }
}

/// Decides what `observation` means, given the head of its entity. Copies of a recorded observation, told by their id, are
/// not for this function.
#[must_use]
pub fn decide(head: Option<&Head>, observation: &Observation) -> Verdict {
    let Some(head) = head else { return Verdict::of(Outcome::Change) };
    let same = says_the_same(&head.subject, &observation.subject);
    match observation.origin {
        Origin::Asked { by: _, basis } => {
            // Grid was asked after everything that the head rests on: after the change, and after anything that confirmed it.
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
#[must_use]
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

/// Whether recording it would say nothing new: Grid was asked, the head says so already, and no doubt is settled. Such an
/// answer only moves the time at which Grid confirmed the head.
#[must_use]
pub fn is_redundant(observation: &Observation, verdict: &Verdict) -> bool {
    match (observation.origin, verdict.outcome) {
        (Origin::Asked { by: _, basis: _ }, Outcome::Confirmation) => verdict.settles.is_none(),
        (Origin::Webhook { timestamp: _ }, Outcome::Confirmation)
        | (_, Outcome::Change | Outcome::Superseded | Outcome::Unresolved) => false,
    }
}

/// When Grid said so; never later than it was recorded. Microseconds.
fn said_at(observation: &Observation, recorded_at: Timestamp) -> i64 {
    let said_at = match observation.origin {
        Origin::Webhook { timestamp } => timestamp,
        Origin::Asked { by: _, basis } => Some(basis.at),
    };
    said_at.map_or(recorded_at, |at| at.min(recorded_at)).as_microsecond()
}

/// Whether the observation says what the head says. One without problems says nothing about problems.
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

/// Whether a decision, or a deletion, would be taken back.
fn undoes(head: &Subject, observed: &Subject) -> bool {
    let decision_undone = head.is_decision() && head.status_word() != observed.status_word();
    decision_undone || (head.is_deleted() && !observed.is_deleted())
}

/// Where an observation stands in time beside a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Older,
    Newer,
    Unclear,
}

/// Where one of the two keys stands beside a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Older,
    Same,
    Newer,
    /// Later than one sighting of the head's status, earlier than another.
    Between,
    /// One of them has no such key, or their clocks are too far apart to say.
    Unknown,
}

/// Newer: neither key is older, and one is newer. Older: the reverse. `timestamp` alone proves nothing, since a retry may
/// carry a later one; `updatedAt` alone proves only that something is newer, since it may lag.
fn order(head: &Head, updated_at: Option<Timestamp>, timestamp: Option<Timestamp>) -> Order {
    let updated = place(updated_span(head), updated_at);
    let sent = match (place(head.seen.timestamp, timestamp), head.confirmed.by_answer()) {
        (by_webhooks, None) => by_webhooks,
        (Place::Older, Some(_)) => Place::Older,
        (Place::Between, Some(_)) => Place::Between,
        (Place::Same | Place::Newer | Place::Unknown, Some(asked_at)) => place_beside_answer(asked_at, timestamp),
    };
    match (updated, sent) {
        (Place::Newer, Place::Newer | Place::Same | Place::Unknown) | (Place::Same, Place::Newer) => Order::Newer,
        (Place::Older, Place::Older | Place::Same) | (Place::Same, Place::Older) => Order::Older,
        (Place::Newer, Place::Older | Place::Between)
        | (Place::Older, Place::Newer | Place::Between | Place::Unknown)
        | (Place::Same, Place::Same | Place::Between | Place::Unknown)
        | (Place::Between | Place::Unknown, _) => Order::Unclear,
    }
}

/// What `updatedAt` is held against. An answer that confirmed the head came later than what is in `seen`.
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

fn place(span: Option<Span>, key: Option<Timestamp>) -> Place {
    let (Some(Span { first, last }), Some(key)) = (span, key) else { return Place::Unknown };
    match key.as_microsecond() {
        key if key < first => Place::Older,
        key if key > last => Place::Newer,
        _ if first == last => Place::Same,
        _ => Place::Between,
    }
}

/// Where a webhook stands beside the time at which Grid was asked and answered with the head's status, by our clock.
fn place_beside_answer(asked_at: i64, sent: Option<Timestamp>) -> Place {
    let Some(sent) = sent.map(Timestamp::as_microsecond) else { return Place::Unknown };
    if sent < asked_at.saturating_sub(CLOCKS_DIFFER) {
        Place::Older
    } else if sent > asked_at.saturating_add(CLOCKS_DIFFER) {
        Place::Newer
    } else {
        Place::Unknown
    }
}

/// When the new status of a head that moves was seen.
fn seen_first(head: Option<&Head>, observation: &Observation, last: Position) -> Seen {
    let at = |key: Timestamp| Span { first: key.as_microsecond(), last: key.as_microsecond() };
    match observation.origin {
        Origin::Webhook { timestamp } => {
            Seen { last, updated_at: observation.updated_at.map(at), timestamp: timestamp.map(at) }
        }
        Origin::Asked { by: _, basis: _ } => {
            // Grid answered later than everything that made the head before, so nothing up to there can be newer.
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

/// When the status of a head was seen, now that it was seen once more.
fn seen_again(head: &Head, observation: &Observation, last: Position) -> Seen {
    let Origin::Webhook { timestamp } = observation.origin else { return Seen { last, ..head.seen } };
    let first = seen_first(None, observation, last);
    match order(head, observation.updated_at, timestamp) {
        Order::Older => head.seen,
        Order::Newer => first,
        // Neither sighting orders the other. Both count: what follows has to be newer than both, or older than both.
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
