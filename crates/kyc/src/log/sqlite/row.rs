//! Rows of the tables, to and from the types of this module.

use jiff::Timestamp;
use rusqlite::{Connection, Row, Statement};

use crate::event::{Basis, Event, Observation, Origin, Outcome, Problem, Source, Subject};
use crate::head::{Confirmed, Doubt, Head, Seen, Span};
use crate::id::{CustomerId, ObservationId, PlatformCustomerId, Position, VerificationId};
pub(super) use crate::log::times::from_micros as time;
use crate::log::{Bookmark, Quarantined};
use crate::status::{KycStatus, VerificationStatus};

/// The columns of an event, in the order in which [`event`] reads them.
pub(super) const EVENT_COLUMNS: &str = "position, id, customer_id, platform_customer_id, verification_id, status, deleted, \
     problems, outcome, previous_status, previous_deleted, source, updated_at, sent_at, asked_at, asked_knowing, cause, \
     recorded_at";

/// The columns of a head, in the order in which [`head`] reads them.
pub(super) const HEAD_COLUMNS: &str = "customer_id, verification_id, platform_customer_id, status, deleted, problems, \
     position, observation_id, source, changed_at, recorded_at, last_seen, updated_at_first, updated_at_last, \
     sent_at_first, sent_at_last, told_at, answered_at, answered_updated_at, doubt_position, doubt_id, last_event";

/// Why a row could not be understood.
#[derive(Debug, thiserror::Error)]
pub(super) enum RowError {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error("column {column} of an event or head holds what this version does not know")]
    Unknown { column: &'static str },
}

fn unknown(column: &'static str) -> RowError {
    RowError::Unknown { column }
}

/// A position as SQLite counts.
pub(super) fn number(position: Position) -> i64 {
    i64::try_from(position.get()).unwrap_or(i64::MAX)
}

/// A position SQLite counted.
pub(super) fn position(number: i64) -> Position {
    Position::new(u64::try_from(number).unwrap_or(0))
}

fn str_at<'row>(row: &'row Row<'_>, index: usize) -> Result<&'row str, rusqlite::Error> {
    Ok(row.get_ref(index)?.as_str()?)
}

fn optional_str_at<'row>(row: &'row Row<'_>, index: usize) -> Result<Option<&'row str>, rusqlite::Error> {
    Ok(row.get_ref(index)?.as_str_or_null()?)
}

fn problems_from(json: Option<&str>) -> Result<Vec<Problem>, RowError> {
    let Some(json) = json else { return Ok(Vec::new()) };
    let pairs: Vec<(String, Option<String>)> = serde_json::from_str(json).map_err(|_| unknown("problems"))?;
    Ok(pairs.iter().map(|(kind, field)| Problem::new(kind, field.as_deref())).collect())
}

fn problems_json(subject: &Subject) -> Option<String> {
    match subject {
        Subject::Customer { status: _, deleted: _ } => None,
        Subject::Verification { id: _, status: _, problems } if problems.is_empty() => None,
        Subject::Verification { id: _, status: _, problems } => {
            let pairs: Vec<_> = problems.iter().map(|Problem { kind, field }| (kind, field)).collect();
            serde_json::to_string(&pairs).ok()
        }
    }
}

fn subject(
    verification: Option<&VerificationId>,
    status: &str,
    deleted: bool,
    problems: Option<&str>,
) -> Result<Subject, RowError> {
    Ok(match verification {
        None => Subject::Customer { status: KycStatus::from_word(status), deleted },
        Some(id) => {
            let status = VerificationStatus::from_word(status);
            Subject::verification(id.clone(), status, problems_from(problems)?)
        }
    })
}

fn outcome(word: &str) -> Result<Outcome, RowError> {
    Outcome::parse(word).ok_or(unknown("outcome"))
}

fn origin(source: &str, sent_at: Option<i64>, asked: Option<(i64, i64)>) -> Result<Origin, RowError> {
    let basis = asked.map(|(at, knowing)| Basis { knowing: position(knowing), at: time(at) });
    Origin::from_parts(source_of(source)?, sent_at.map(time), basis).ok_or(unknown("asked_at"))
}

fn source_of(word: &str) -> Result<Source, RowError> {
    Source::parse(word).ok_or(unknown("source"))
}

/// Reads an event from a row of [`EVENT_COLUMNS`].
pub(super) fn event(row: &Row<'_>) -> Result<Event, RowError> {
    let verification = optional_str_at(row, 4)?.map(VerificationId::trusted);
    let asked_at: Option<i64> = row.get(14)?;
    let asked_knowing: Option<i64> = row.get(15)?;
    let observation = Observation {
        id: ObservationId::trusted(str_at(row, 1)?),
        customer: CustomerId::trusted(str_at(row, 2)?),
        platform_customer: optional_str_at(row, 3)?.map(PlatformCustomerId::trusted),
        subject: subject(verification.as_ref(), str_at(row, 5)?, row.get(6)?, optional_str_at(row, 7)?)?,
        updated_at: row.get::<_, Option<i64>>(12)?.map(time),
        origin: origin(str_at(row, 11)?, row.get(13)?, asked_at.zip(asked_knowing))?,
    };
    let previous = match optional_str_at(row, 9)? {
        None => None,
        Some(status) => {
            Some(subject(verification.as_ref(), status, row.get::<_, Option<bool>>(10)?.unwrap_or(false), None)?)
        }
    };
    Ok(Event {
        position: position(row.get(0)?),
        observation,
        outcome: outcome(str_at(row, 8)?)?,
        previous,
        cause: optional_str_at(row, 16)?.map(ObservationId::trusted),
        recorded_at: time(row.get(17)?),
    })
}

/// Notes that the times of recording step back at this event.
pub(super) fn insert_time_step(connection: &Connection, at: Position) -> rusqlite::Result<()> {
    connection.execute("INSERT INTO time_steps (position) VALUES (?1)", [number(at)]).map(drop)
}

/// Inserts an event.
pub(super) const INSERT_EVENT: &str = "INSERT INTO events (position, id, customer_id, platform_customer_id, \
     verification_id, status, deleted, problems, outcome, previous_status, previous_deleted, source, updated_at, sent_at, \
     asked_at, asked_knowing, cause, recorded_at, earlier) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, \
     ?14, ?15, ?16, ?17, ?18, ?19)";

/// Runs [`INSERT_EVENT`]; `earlier` is the event before it about the same entity.
pub(super) fn insert_event(
    statement: &mut Statement<'_>,
    event: &Event,
    earlier: Option<Position>,
) -> rusqlite::Result<()> {
    let Event { position, observation, outcome, previous, cause, recorded_at } = event;
    let Observation { id, customer, platform_customer, subject, updated_at, origin } = observation;
    let basis = origin.basis();
    statement.raw_bind_parameter(1, number(*position))?;
    statement.raw_bind_parameter(2, id.as_str())?;
    statement.raw_bind_parameter(3, customer.as_str())?;
    statement.raw_bind_parameter(4, platform_customer.as_ref().map(PlatformCustomerId::as_str))?;
    statement.raw_bind_parameter(5, subject.verification_id().map(VerificationId::as_str))?;
    statement.raw_bind_parameter(6, subject.status_word())?;
    statement.raw_bind_parameter(7, subject.is_deleted())?;
    statement.raw_bind_parameter(8, problems_json(subject))?;
    statement.raw_bind_parameter(9, outcome.as_str())?;
    statement.raw_bind_parameter(10, previous.as_ref().map(Subject::status_word))?;
    statement.raw_bind_parameter(11, previous.as_ref().map(Subject::is_deleted))?;
    statement.raw_bind_parameter(12, origin.source().as_str())?;
    statement.raw_bind_parameter(13, updated_at.map(Timestamp::as_microsecond))?;
    statement.raw_bind_parameter(14, origin.timestamp().map(Timestamp::as_microsecond))?;
    statement.raw_bind_parameter(15, basis.map(|basis| basis.at.as_microsecond()))?;
    statement.raw_bind_parameter(16, basis.map(|basis| number(basis.knowing)))?;
    statement.raw_bind_parameter(17, cause.as_ref().map(ObservationId::as_str))?;
    statement.raw_bind_parameter(18, recorded_at.as_microsecond())?;
    statement.raw_bind_parameter(19, earlier.map(number))?;
    statement.raw_execute().map(drop)
}

/// Reads a head from a row of [`HEAD_COLUMNS`].
pub(super) fn head(row: &Row<'_>) -> Result<Head, RowError> {
    let verification = Some(str_at(row, 1)?).filter(|id| !id.is_empty()).map(VerificationId::trusted);
    let span = |first: usize, last: usize| -> rusqlite::Result<Option<Span>> {
        let ends: (Option<i64>, Option<i64>) = (row.get(first)?, row.get(last)?);
        Ok(ends.0.zip(ends.1).map(|(first, last)| Span { first, last }))
    };
    let doubt_position: Option<i64> = row.get(19)?;
    let doubt_id = optional_str_at(row, 20)?;
    Ok(Head {
        customer: CustomerId::trusted(str_at(row, 0)?),
        platform_customer: optional_str_at(row, 2)?.map(PlatformCustomerId::trusted),
        subject: subject(verification.as_ref(), str_at(row, 3)?, row.get(4)?, optional_str_at(row, 5)?)?,
        position: position(row.get(6)?),
        last_event: position(row.get(21)?),
        observation: ObservationId::trusted(str_at(row, 7)?),
        source: source_of(str_at(row, 8)?)?,
        changed_at: time(row.get(9)?),
        recorded_at: time(row.get(10)?),
        seen: Seen { last: position(row.get(11)?), updated_at: span(12, 13)?, timestamp: span(14, 15)? },
        confirmed: Confirmed::new(row.get(16)?, row.get(17)?, row.get(18)?),
        doubt: doubt_position
            .zip(doubt_id)
            .map(|(at, cause)| Doubt { position: position(at), cause: ObservationId::trusted(cause) }),
    })
}

/// Inserts the head of an entity; the parameters that [`UPDATE_HEAD`] has too come first.
pub(super) const INSERT_HEAD: &str = "INSERT INTO heads (customer_id, verification_id, platform_customer_id, status, \
     deleted, problems, position, observation_id, source, changed_at, recorded_at, last_seen, updated_at_first, \
     updated_at_last, sent_at_first, sent_at_last, told_at, answered_at, answered_updated_at, last_event, settled, \
     doubt_position, doubt_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, \
     ?19, ?20, ?21, ?22, ?23)";

/// Replaces what a head says, apart from what is indexed.
pub(super) const UPDATE_HEAD: &str = "UPDATE heads SET platform_customer_id = ?3, status = ?4, deleted = ?5, \
     problems = ?6, position = ?7, observation_id = ?8, source = ?9, changed_at = ?10, recorded_at = ?11, \
     last_seen = ?12, updated_at_first = ?13, updated_at_last = ?14, sent_at_first = ?15, sent_at_last = ?16, \
     told_at = ?17, answered_at = ?18, answered_updated_at = ?19, last_event = ?20 WHERE customer_id = ?1 AND verification_id = ?2";

/// Replaces what is indexed of a head; told apart because it rarely changes, and an index costs when it is named.
pub(super) const UPDATE_HEAD_INDEXED: &str = "UPDATE heads SET settled = ?3, doubt_position = ?4, doubt_id = ?5 \
     WHERE customer_id = ?1 AND verification_id = ?2";

/// The text under which an entity's verification is kept: empty for the customer itself.
pub(super) fn verification_text(verification: Option<&VerificationId>) -> &str {
    verification.map_or("", VerificationId::as_str)
}

/// Runs [`INSERT_HEAD`].
pub(super) fn insert_head(statement: &mut Statement<'_>, head: &Head) -> rusqlite::Result<()> {
    bind_head(statement, head)?;
    statement.raw_bind_parameter(21, head.subject.is_settled())?;
    bind_doubt(statement, 22, head.doubt.as_ref())?;
    statement.raw_execute().map(drop)
}

/// Runs [`UPDATE_HEAD`].
pub(super) fn update_head(statement: &mut Statement<'_>, head: &Head) -> rusqlite::Result<()> {
    bind_head(statement, head)?;
    statement.raw_execute().map(drop)
}

/// Runs [`UPDATE_HEAD_INDEXED`].
pub(super) fn update_head_indexed(statement: &mut Statement<'_>, head: &Head) -> rusqlite::Result<()> {
    statement.raw_bind_parameter(1, head.customer.as_str())?;
    statement.raw_bind_parameter(2, verification_text(head.subject.verification_id()))?;
    statement.raw_bind_parameter(3, head.subject.is_settled())?;
    bind_doubt(statement, 4, head.doubt.as_ref())?;
    statement.raw_execute().map(drop)
}

fn bind_doubt(statement: &mut Statement<'_>, index: usize, doubt: Option<&Doubt>) -> rusqlite::Result<()> {
    statement.raw_bind_parameter(index, doubt.map(|doubt| number(doubt.position)))?;
    statement.raw_bind_parameter(index + 1, doubt.map(|doubt| doubt.cause.as_str()))
}

/// Binds what [`INSERT_HEAD`] and [`UPDATE_HEAD`] share.
fn bind_head(statement: &mut Statement<'_>, head: &Head) -> rusqlite::Result<()> {
    let Head {
        customer,
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
        doubt: _,
    } = head;
    let Seen { last, updated_at, timestamp } = seen;
    statement.raw_bind_parameter(1, customer.as_str())?;
    statement.raw_bind_parameter(2, verification_text(subject.verification_id()))?;
    statement.raw_bind_parameter(3, platform_customer.as_ref().map(PlatformCustomerId::as_str))?;
    statement.raw_bind_parameter(4, subject.status_word())?;
    statement.raw_bind_parameter(5, subject.is_deleted())?;
    statement.raw_bind_parameter(6, problems_json(subject))?;
    statement.raw_bind_parameter(7, number(*position))?;
    statement.raw_bind_parameter(8, observation.as_str())?;
    statement.raw_bind_parameter(9, source.as_str())?;
    statement.raw_bind_parameter(10, changed_at.as_microsecond())?;
    statement.raw_bind_parameter(11, recorded_at.as_microsecond())?;
    statement.raw_bind_parameter(12, number(*last))?;
    statement.raw_bind_parameter(13, updated_at.map(|span| span.first))?;
    statement.raw_bind_parameter(14, updated_at.map(|span| span.last))?;
    statement.raw_bind_parameter(15, timestamp.map(|span| span.first))?;
    statement.raw_bind_parameter(16, timestamp.map(|span| span.last))?;
    statement.raw_bind_parameter(17, confirmed.by_webhook())?;
    statement.raw_bind_parameter(18, confirmed.by_answer())?;
    statement.raw_bind_parameter(19, confirmed.answered_updated_at())?;
    statement.raw_bind_parameter(20, number(*last_event))
}

/// Reads a webhook in quarantine from a row of its columns, in the order in which [`insert_quarantined`] names them.
pub(super) fn quarantined(row: &Row<'_>) -> rusqlite::Result<Quarantined> {
    let (field_names, customer): (String, Option<String>) = (row.get(5)?, row.get(6)?);
    Ok(Quarantined {
        id: ObservationId::trusted(str_at(row, 0)?),
        kind: row.get(1)?,
        timestamp: row.get::<_, Option<i64>>(2)?.map(time),
        quarantined_at: time(row.get(3)?),
        reason: row.get(4)?,
        field_names: serde_json::from_str(&field_names).unwrap_or_default(),
        customer: customer.as_deref().map(CustomerId::trusted),
    })
}

/// Puts a webhook in quarantine. False: it is there already.
pub(super) fn insert_quarantined(connection: &Connection, webhook: Quarantined) -> rusqlite::Result<bool> {
    let Quarantined { id, kind, timestamp, quarantined_at, reason, field_names, customer } = webhook;
    let inserted = connection.execute(
        "INSERT INTO quarantine (id, kind, sent_at, quarantined_at, reason, field_names, customer_id) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        (
            id.as_str(),
            kind,
            timestamp.map(Timestamp::as_microsecond),
            quarantined_at.as_microsecond(),
            reason,
            serde_json::to_string(&field_names).unwrap_or_else(|_| "[]".to_owned()),
            customer.as_ref().map(CustomerId::as_str),
        ),
    )?;
    Ok(inserted > 0)
}

/// Remembers a time.
pub(super) fn set_bookmark(connection: &Connection, bookmark: Bookmark, at: Timestamp) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO bookmarks (name, at) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET at = excluded.at",
        (bookmark.name(), at.as_microsecond()),
    )?;
    Ok(())
}
