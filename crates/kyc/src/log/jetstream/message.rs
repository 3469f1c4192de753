//! An event as a message: the event and the head it left behind, in one JSON object, so that one publish is atomic.
//!
//! A message does not know its own position before it is published: 0 stands for it. Times are microseconds since 1970-01-01 UTC.
//! Fields may be added; the meaning of a field never changes.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::{Basis, Event, Observation, Origin, Outcome, Problem, Source, Subject};
use crate::head::{Confirmed, Doubt, Head, Seen, Span};
use crate::id::{CustomerId, ObservationId, PlatformCustomerId, Position, VerificationId};
use crate::log::tables::mirror::Entry;
use crate::log::times::{from_micros as time, in_order};

/// The version of the layout.
const VERSION: u32 = 1;
/// Stands for the message's own position.
const HERE: Position = Position::new(0);
/// The payload of a message that is no event: it fills a position at which a copied log had none, or it was published to find out
/// whether the stream accepts messages.
pub(super) const FILLER: &[u8] = b"{}";

/// Why a message cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("the message is of version {0}, and this gridgate knows only {VERSION}")]
    Version(u32),
    #[error("{0} of a message holds what this version does not know")]
    Field(&'static str),
    #[error("a message is invalid: {0}")]
    Json(String),
}

#[derive(Debug, Serialize, Deserialize)]
struct Wire {
    v: u32,
    event: EventWire,
    /// None in a copied log, where a later event about the entity has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<HeadWire>,
    /// The event before it about the same entity; 0 for none.
    earlier: u64,
    /// The verification came without a platform id: its customer's head at this position has it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    inherits: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct EventWire {
    id: String,
    customer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform_customer: Option<String>,
    subject: SubjectWire,
    outcome: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<SubjectWire>,
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asked_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asked_knowing: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    recorded_at: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct SubjectWire {
    /// None: the customer's own status.
    #[serde(skip_serializing_if = "Option::is_none")]
    verification: Option<String>,
    status: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    deleted: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    problems: Vec<(String, Option<String>)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct HeadWire {
    #[serde(skip_serializing_if = "Option::is_none")]
    platform_customer: Option<String>,
    /// None: the event's.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<SubjectWire>,
    position: u64,
    last_event: u64,
    /// None: the event's.
    #[serde(skip_serializing_if = "Option::is_none")]
    observation: Option<String>,
    source: String,
    changed_at: i64,
    recorded_at: i64,
    last_seen: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    seen_updated_at: Option<(i64, i64)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seen_sent_at: Option<(i64, i64)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    told_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_updated_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    doubt: Option<(u64, String)>,
}

/// A head by itself, kept when its events are deleted.
#[derive(Debug, Serialize, Deserialize)]
struct LoneHead {
    v: u32,
    customer: String,
    head: HeadWire,
}

/// The message of an event that is about to be published, or of a copied one. Its position, and the same positions in the head, are
/// written as the message's own.
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

/// Reads the message at this position. `not_before` is the time of the event before, perhaps by another replica's clock: times do
/// not go backwards.
pub(super) fn decode(payload: &[u8], here: Position, not_before: Timestamp) -> Result<Entry, Unreadable> {
    let Wire { v, event, head, earlier, inherits } =
        serde_json::from_slice(payload).map_err(|error| Unreadable::Json(error.to_string()))?;
    if v != VERSION {
        return Err(Unreadable::Version(v));
    }
    let recorded_at = in_order(time(event.recorded_at), not_before);
    let own = &event.subject;
    let head = head.map(|head| head_from_wire(head, &event.customer, here, own, &event.id)).transpose()?;
    let head = head.map(|head| {
        let recorded_at = if head.position == here { recorded_at } else { head.recorded_at };
        Head { recorded_at, ..head }
    });
    let event = event_from_wire(&event, here, recorded_at)?;
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
    let problem = |Problem { kind, field }: &Problem| (kind.to_string(), field.as_ref().map(ToString::to_string));
    SubjectWire {
        verification: subject.verification_id().map(|id| id.as_str().to_owned()),
        status: subject.status_word().to_owned(),
        deleted: subject.is_deleted(),
        problems: subject.problems().iter().map(problem).collect(),
    }
}

fn subject_from_wire(wire: &SubjectWire) -> Subject {
    let SubjectWire { verification, status, deleted, problems } = wire;
    let problems = problems.iter().map(|(kind, field)| Problem::new(kind, field.as_deref())).collect();
    Subject::from_parts(verification.as_deref().map(VerificationId::trusted), status, *deleted, problems)
}

fn event_from_wire(wire: &EventWire, position: Position, recorded_at: Timestamp) -> Result<Event, Unreadable> {
    let asked = wire.asked_at.zip(wire.asked_knowing);
    let basis = asked.map(|(at, knowing)| Basis { knowing: Position::new(knowing), at: time(at) });
    let origin = Origin::from_parts(source(&wire.source)?, wire.sent_at.map(time), basis);
    let observation = Observation {
        id: ObservationId::trusted(&wire.id),
        customer: CustomerId::trusted(&wire.customer),
        platform_customer: wire.platform_customer.as_deref().map(PlatformCustomerId::trusted),
        subject: subject_from_wire(&wire.subject),
        updated_at: wire.updated_at.map(time),
        origin: origin.ok_or(Unreadable::Field("asked_at"))?,
    };
    Ok(Event {
        position,
        observation,
        outcome: Outcome::parse(&wire.outcome).ok_or(Unreadable::Field("outcome"))?,
        previous: wire.previous.as_ref().map(subject_from_wire),
        cause: wire.cause.as_deref().map(ObservationId::trusted),
        recorded_at,
    })
}

fn source(word: &str) -> Result<Source, Unreadable> {
    Source::parse(word).ok_or(Unreadable::Field("source"))
}

fn head_to_wire(head: &Head, here: Position) -> HeadWire {
    let Head {
        // In the event, or beside the head.
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
    let at = |number: u64| if number == HERE.get() { here } else { Position::new(number) };
    let span = |ends: Option<(i64, i64)>| ends.map(|(first, last)| Span { first, last });
    let (updated_at, timestamp) = (span(wire.seen_updated_at), span(wire.seen_sent_at));
    Ok(Head {
        customer: CustomerId::trusted(customer),
        platform_customer: wire.platform_customer.as_deref().map(PlatformCustomerId::trusted),
        subject: subject_from_wire(wire.subject.as_ref().unwrap_or(own_subject)),
        position: at(wire.position),
        last_event: at(wire.last_event),
        observation: ObservationId::trusted(wire.observation.as_deref().unwrap_or(own_id)),
        source: source(&wire.source)?,
        changed_at: time(wire.changed_at),
        recorded_at: time(wire.recorded_at),
        seen: Seen { last: at(wire.last_seen), updated_at, timestamp },
        confirmed: Confirmed::new(wire.told_at, wire.answered_at, wire.answered_updated_at),
        doubt: wire
            .doubt
            .map(|(position, cause)| Doubt { position: at(position), cause: ObservationId::trusted(&cause) }),
    })
}
