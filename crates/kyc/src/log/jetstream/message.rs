//! An event as a message: what was recorded, and the head it left behind, in one JSON object, so that one publish is atomic.
//!
//! A message does not know its own position before it is published: where it means itself it says 0. Times are
//! microseconds since 1970-01-01 UTC. Fields may be added; what a field means never changes.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::sqlite::view::Entry;
use super::super::times::{from_micros as time, in_order};
use crate::event::{Basis, Event, Observation, Origin, Outcome, Problem, Source, Subject};
use crate::head::{Confirmed, Doubt, Head, Seen, Span};
use crate::id::{CustomerId, ObservationId, PlatformCustomerId, Position, VerificationId};
use crate::status::{KycStatus, VerificationStatus};

/// The layout that this version writes.
const VERSION: u32 = 1;
/// Stands for the position of the message itself.
pub(super) const HERE: Position = Position::new(0);

/// A message holds what this version does not understand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("the message is of version {0}, and this gridgate knows only {VERSION}")]
    Version(u32),
    #[error("{0} of a message holds what this version does not know")]
    Field(&'static str),
    #[error("a message is not what it should be: {0}")]
    Json(String),
}

#[derive(Debug, Serialize, Deserialize)]
struct Wire {
    v: u32,
    event: EventWire,
    /// None in logs that were copied, where a later event about the same entity says what matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    head: Option<HeadWire>,
    /// The event before it about the same entity; 0 for none.
    earlier: u64,
    /// Nobody said whose the verification is: its customer's head says it, as of this event.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    inherits: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct EventWire {
    id: String,
    customer: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    platform_customer: Option<String>,
    subject: SubjectWire,
    outcome: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<SubjectWire>,
    source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    updated_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sent_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked_knowing: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    recorded_at: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct SubjectWire {
    /// None: the customer's own status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verification: Option<String>,
    status: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    deleted: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    problems: Vec<(String, Option<String>)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct HeadWire {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    platform_customer: Option<String>,
    /// None: what the event says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<SubjectWire>,
    position: u64,
    last_event: u64,
    /// None: the event's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    observation: Option<String>,
    source: String,
    changed_at: i64,
    recorded_at: i64,
    last_seen: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seen_updated_at: Option<(i64, i64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seen_sent_at: Option<(i64, i64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answered_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answered_updated_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    doubt: Option<(u64, String)>,
}

/// A head by itself, for when its events are no longer kept.
#[derive(Debug, Serialize, Deserialize)]
struct LoneHead {
    v: u32,
    customer: String,
    head: HeadWire,
}

/// The message of an event that is about to be published, or of one that was recorded elsewhere. Its position, and the head's
/// positions that are the same, are written as the message's own.
pub(super) fn encode(entry: &Entry) -> Result<Vec<u8>, Unreadable> {
    let Entry { event, head, earlier, inherits } = entry;
    let Event { position, observation, outcome, previous, cause, recorded_at } = event.as_ref();
    let Observation { id, customer, platform_customer, subject, updated_at, origin } = observation;
    let basis = origin.basis();
    let head_wire = head.as_ref().map(|head| {
        let wire = head_to_wire(head, *position);
        let subject = wire.subject.filter(|_| head.subject != *subject);
        let observation = wire.observation.filter(|_| head.observation != *id);
        HeadWire { subject, observation, ..wire }
    });
    let event = EventWire {
        id: id.as_str().to_owned(),
        customer: customer.as_str().to_owned(),
        platform_customer: platform_customer.as_ref().map(|id| id.as_str().to_owned()),
        subject: subject_to_wire(subject),
        outcome: outcome.as_str().to_owned(),
        previous: previous.as_ref().map(subject_to_wire),
        source: origin.source().as_str().to_owned(),
        updated_at: updated_at.map(Timestamp::as_microsecond),
        sent_at: origin.timestamp().map(Timestamp::as_microsecond),
        asked_at: basis.map(|basis| basis.at.as_microsecond()),
        asked_knowing: basis.map(|basis| basis.knowing.get()),
        cause: cause.as_ref().map(|id| id.as_str().to_owned()),
        recorded_at: recorded_at.as_microsecond(),
    };
    let wire =
        Wire { v: VERSION, event, head: head_wire, earlier: earlier.map_or(0, Position::get), inherits: *inherits };
    serde_json::to_vec(&wire).map_err(|error| Unreadable::Json(error.to_string()))
}

/// Reads the message at this position. `not_before`: what was recorded before it, by the clocks of other replicas perhaps;
/// its own time does not go back behind that.
pub(super) fn decode(payload: &[u8], here: Position, not_before: Timestamp) -> Result<Entry, Unreadable> {
    let Wire { v, event, head, earlier, inherits } =
        serde_json::from_slice(payload).map_err(|error| Unreadable::Json(error.to_string()))?;
    if v != VERSION {
        return Err(Unreadable::Version(v));
    }
    let said_at = event.recorded_at;
    let recorded_at = in_order(time(said_at), not_before);
    let own = &event.subject;
    let head = head.map(|head| head_from_wire(head, &event.customer, here, own, &event.id)).transpose()?;
    let head = head.map(|head| {
        let recorded_at = if head.position == here { recorded_at } else { head.recorded_at };
        Head { recorded_at, ..head }
    });
    let event = event_from_wire(event, here, recorded_at)?;
    let earlier = Some(Position::new(earlier)).filter(|at| *at != HERE);
    Ok(Entry { event: Arc::new(event), head, earlier, inherits })
}

/// The message of a head by itself.
pub(super) fn encode_head(head: &Head) -> Result<Vec<u8>, Unreadable> {
    let customer = head.customer.as_str().to_owned();
    let wire = LoneHead { v: VERSION, customer, head: head_to_wire(head, HERE) };
    serde_json::to_vec(&wire).map_err(|error| Unreadable::Json(error.to_string()))
}

/// Reads a head.
pub(super) fn decode_head(payload: &[u8]) -> Result<Head, Unreadable> {
    let LoneHead { v, customer, mut head } =
        serde_json::from_slice(payload).map_err(|error| Unreadable::Json(error.to_string()))?;
    if v != VERSION {
        return Err(Unreadable::Version(v));
    }
    let subject = head.subject.take().ok_or(Unreadable::Field("subject"))?;
    let observation = head.observation.take().ok_or(Unreadable::Field("observation"))?;
    head_from_wire(head, &customer, HERE, &subject, &observation)
}

fn subject_to_wire(subject: &Subject) -> SubjectWire {
    match subject {
        Subject::Customer { status, deleted } => SubjectWire {
            verification: None,
            status: status.as_str().to_owned(),
            deleted: *deleted,
            problems: Vec::new(),
        },
        Subject::Verification { id, status, problems } => SubjectWire {
            verification: Some(id.as_str().to_owned()),
            status: status.as_str().to_owned(),
            deleted: false,
            problems: problems
                .iter()
                .map(|Problem { kind, field }| (kind.to_string(), field.as_ref().map(ToString::to_string)))
                .collect(),
        },
    }
}

fn subject_from_wire(wire: &SubjectWire) -> Subject {
    let SubjectWire { verification, status, deleted, problems } = wire;
    match verification {
        None => Subject::Customer { status: KycStatus::from_word(status), deleted: *deleted },
        Some(id) => {
            let problems = problems.iter().map(|(kind, field)| Problem::new(kind, field.as_deref())).collect();
            Subject::verification(VerificationId::trusted(id), VerificationStatus::from_word(status), problems)
        }
    }
}

fn event_from_wire(wire: EventWire, position: Position, recorded_at: Timestamp) -> Result<Event, Unreadable> {
    let EventWire {
        id,
        customer,
        platform_customer,
        subject,
        outcome,
        previous,
        source,
        updated_at,
        sent_at,
        asked_at,
        asked_knowing,
        cause,
        // Read before, since it depends on what came before.
        recorded_at: _,
    } = wire;
    let origin = match source_of(&source)? {
        Source::Webhook => Origin::Webhook { timestamp: sent_at.map(time) },
        Source::Asked(by) => {
            let (at, knowing) = asked_at.zip(asked_knowing).ok_or(Unreadable::Field("asked_at"))?;
            Origin::Asked { by, basis: Basis { knowing: Position::new(knowing), at: time(at) } }
        }
    };
    let outcome = Outcome::parse(&outcome).ok_or(Unreadable::Field("outcome"))?;
    let observation = Observation {
        id: ObservationId::trusted(&id),
        customer: CustomerId::trusted(&customer),
        platform_customer: platform_customer.as_deref().map(PlatformCustomerId::trusted),
        subject: subject_from_wire(&subject),
        updated_at: updated_at.map(time),
        origin,
    };
    Ok(Event {
        position,
        observation,
        outcome,
        previous: previous.as_ref().map(subject_from_wire),
        cause: cause.as_deref().map(ObservationId::trusted),
        recorded_at,
    })
}

fn source_of(word: &str) -> Result<Source, Unreadable> {
    Source::parse(word).ok_or(Unreadable::Field("source"))
}

fn head_to_wire(head: &Head, here: Position) -> HeadWire {
    let Head {
        // The event's, or written beside it.
        customer: _,
        platform_customer,
        subject,
        position,
        last_event,
        observation,
        source,
        seen,
        changed_at,
        recorded_at,
        confirmed,
        doubt,
    } = head;
    let Seen { last, updated_at, timestamp } = seen;
    let at = |position: Position| if position == here { HERE.get() } else { position.get() };
    let span = |span: &Option<Span>| span.map(|Span { first, last }| (first, last));
    HeadWire {
        platform_customer: platform_customer.as_ref().map(|id| id.as_str().to_owned()),
        subject: Some(subject_to_wire(subject)),
        position: at(*position),
        last_event: at(*last_event),
        observation: Some(observation.as_str().to_owned()),
        source: source.as_str().to_owned(),
        changed_at: changed_at.as_microsecond(),
        recorded_at: recorded_at.as_microsecond(),
        last_seen: at(*last),
        seen_updated_at: span(updated_at),
        seen_sent_at: span(timestamp),
        told_at: confirmed.by_webhook(),
        answered_at: confirmed.by_answer(),
        answered_updated_at: confirmed.answered_updated_at(),
        doubt: doubt.as_ref().map(|Doubt { position, cause }| (at(*position), cause.as_str().to_owned())),
    }
}

fn head_from_wire(
    wire: HeadWire,
    customer: &str,
    here: Position,
    own_subject: &SubjectWire,
    own_id: &str,
) -> Result<Head, Unreadable> {
    let HeadWire {
        platform_customer,
        subject,
        position,
        last_event,
        observation,
        source,
        changed_at,
        recorded_at,
        last_seen,
        seen_updated_at,
        seen_sent_at,
        told_at,
        answered_at,
        answered_updated_at,
        doubt,
    } = wire;
    let at = |number: u64| if number == HERE.get() { here } else { Position::new(number) };
    let span = |ends: Option<(i64, i64)>| ends.map(|(first, last)| Span { first, last });
    Ok(Head {
        customer: CustomerId::trusted(customer),
        platform_customer: platform_customer.as_deref().map(PlatformCustomerId::trusted),
        subject: subject_from_wire(subject.as_ref().unwrap_or(own_subject)),
        position: at(position),
        last_event: at(last_event),
        observation: ObservationId::trusted(observation.as_deref().unwrap_or(own_id)),
        source: source_of(&source)?,
        changed_at: time(changed_at),
        recorded_at: time(recorded_at),
        seen: Seen { last: at(last_seen), updated_at: span(seen_updated_at), timestamp: span(seen_sent_at) },
        confirmed: Confirmed::new(told_at, answered_at, answered_updated_at),
        doubt: doubt.map(|(position, cause)| Doubt { position: at(position), cause: ObservationId::trusted(&cause) }),
    })
}
