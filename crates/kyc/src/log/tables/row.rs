//! Rows of the tables, from and to our types.

use jiff::Timestamp;
use rusqlite::{Connection, Row, Statement};

use super::error::ReadError;
use crate::event::{Basis, Event, Observation, Origin, Outcome, Problem, Source, Subject};
use crate::head::{Confirmed, Doubt, Head, Seen, Span};
use crate::id::{CustomerId, Fingerprint, ObservationId, PlatformCustomerId, Position, VerificationId};
use crate::log::store::{Bookmark, Quarantined};
use crate::log::times::from_micros as time;
use crate::token::Mark;

/// The columns of an event, in the order in which [`event`] reads them.
pub(super) const EVENT_COLUMNS: &str = "position, id, customer_id, platform_customer_id, verification_id, status, deleted, \
     problems, outcome, previous_status, previous_deleted, source, updated_at, sent_at, asked_at, asked_knowing, cause, \
     recorded_at";

/// The columns of a head, in the order in which [`head`] reads them.
pub(super) const HEAD_COLUMNS: &str = "customer_id, verification_id, platform_customer_id, status, deleted, problems, \
     position, observation_id, source, changed_at, recorded_at, last_seen, updated_at_first, updated_at_last, \
     sent_at_first, sent_at_last, told_at, answered_at, answered_updated_at, doubt_position, doubt_id, last_event";

/// The columns of a webhook in quarantine, in the order in which [`quarantined`] reads them.
pub(super) const QUARANTINE_COLUMNS: &str = "id, kind, sent_at, quarantined_at, reason, field_names, customer_id";

type Result<T> = std::result::Result<T, ReadError>;

/// A position as SQLite stores it.
pub(crate) fn number(position: Position) -> i64 {
    i64::try_from(position.get()).unwrap_or(i64::MAX)
}

/// A position from SQLite.
pub(crate) fn position(number: i64) -> Position {
    Position::new(u64::try_from(number).unwrap_or(0))
}

/// A limit as SQLite takes it.
pub(crate) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// The key of an entity's verification: empty for the customer itself.
pub(crate) fn verification_text(verification: Option<&VerificationId>) -> &str {
    verification.map_or("", VerificationId::as_str)
}

fn str_at<'row>(row: &'row Row<'_>, index: usize) -> rusqlite::Result<&'row str> {
    Ok(row.get_ref(index)?.as_str()?)
}

fn optional_str_at<'row>(row: &'row Row<'_>, index: usize) -> rusqlite::Result<Option<&'row str>> {
    Ok(row.get_ref(index)?.as_str_or_null()?)
}

fn optional_time(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(index)?.map(time))
}

fn problems_from(json: Option<&str>) -> Result<Vec<Problem>> {
    let Some(json) = json else { return Ok(Vec::new()) };
    let pairs: Vec<(String, Option<String>)> = serde_json::from_str(json).map_err(|_| ReadError::Column("problems"))?;
    Ok(pairs.iter().map(|(kind, field)| Problem::new(kind, field.as_deref())).collect())
}

fn problems_json(subject: &Subject) -> Option<String> {
    let pairs: Vec<_> = subject.problems().iter().map(|Problem { kind, field }| (kind, field)).collect();
    if pairs.is_empty() { None } else { serde_json::to_string(&pairs).ok() }
}

fn source(word: &str) -> Result<Source> {
    Source::parse(word).ok_or(ReadError::Column("source"))
}

/// Reads a mark from a row that begins with position, id and customer.
pub(crate) fn mark(row: &Row<'_>) -> rusqlite::Result<Mark> {
    let (id, customer) = (ObservationId::trusted(str_at(row, 1)?), CustomerId::trusted(str_at(row, 2)?));
    Ok(Mark { position: position(row.get(0)?), fingerprint: Fingerprint::of(&id, &customer) })
}

/// Reads an event from a row of [`EVENT_COLUMNS`].
pub(super) fn event(row: &Row<'_>) -> Result<Event> {
    let verification = optional_str_at(row, 4)?.map(VerificationId::trusted);
    let problems = problems_from(optional_str_at(row, 7)?)?;
    let asked: (Option<i64>, Option<i64>) = (row.get(14)?, row.get(15)?);
    let basis = asked.0.zip(asked.1).map(|(at, knowing)| Basis { knowing: position(knowing), at: time(at) });
    let origin = Origin::from_parts(source(str_at(row, 11)?)?, optional_time(row, 13)?, basis);
    let observation = Observation {
        id: ObservationId::trusted(str_at(row, 1)?),
        customer: CustomerId::trusted(str_at(row, 2)?),
        platform_customer: optional_str_at(row, 3)?.map(PlatformCustomerId::trusted),
        subject: Subject::from_parts(verification.clone(), str_at(row, 5)?, row.get(6)?, problems),
        updated_at: optional_time(row, 12)?,
        origin: origin.ok_or(ReadError::Column("asked_at"))?,
    };
    let previous_deleted = row.get::<_, Option<bool>>(10)?.unwrap_or(false);
    let previous = |status: &str| Subject::from_parts(verification, status, previous_deleted, Vec::new());
    Ok(Event {
        position: position(row.get(0)?),
        observation,
        outcome: Outcome::parse(str_at(row, 8)?).ok_or(ReadError::Column("outcome"))?,
        previous: optional_str_at(row, 9)?.map(previous),
        cause: optional_str_at(row, 16)?.map(ObservationId::trusted),
        recorded_at: time(row.get(17)?),
    })
}

/// Inserts an event; `earlier` is the event before it about the same entity.
pub(crate) fn insert_event(connection: &Connection, event: &Event, earlier: Option<Position>) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO events (position, id, customer_id, platform_customer_id, verification_id, status, deleted, problems, \
         outcome, previous_status, previous_deleted, source, updated_at, sent_at, asked_at, asked_knowing, cause, \
         recorded_at, earlier) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)",
    )?;
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

/// Notes that the times of recording step back at this event.
pub(crate) fn insert_time_step(connection: &Connection, at: Position) -> rusqlite::Result<()> {
    connection.execute("INSERT INTO time_steps (position) VALUES (?1)", [number(at)]).map(drop)
}

/// Deletes the events up to `mark`, which was recorded at this time.
pub(crate) fn delete_events(connection: &Connection, to: Mark, recorded_at: Timestamp) -> rusqlite::Result<()> {
    let up_to = number(to.position);
    connection.prepare_cached("DELETE FROM events WHERE position <= ?1")?.execute([up_to])?;
    connection.prepare_cached("DELETE FROM time_steps WHERE position <= ?1")?.execute([up_to])?;
    let sql = "UPDATE log_info SET trimmed_to = ?1, trimmed_fingerprint = ?2, trimmed_recorded_at = ?3";
    let trimmed = (up_to, to.fingerprint.to_bits().cast_signed(), recorded_at.as_microsecond());
    connection.prepare_cached(sql)?.execute(trimmed).map(drop)
}

/// Reads a head from a row of [`HEAD_COLUMNS`].
pub(super) fn head(row: &Row<'_>) -> Result<Head> {
    let verification = Some(str_at(row, 1)?).filter(|id| !id.is_empty()).map(VerificationId::trusted);
    let problems = problems_from(optional_str_at(row, 5)?)?;
    let span = |first: usize, last: usize| -> rusqlite::Result<Option<Span>> {
        let ends: (Option<i64>, Option<i64>) = (row.get(first)?, row.get(last)?);
        Ok(ends.0.zip(ends.1).map(|(first, last)| Span { first, last }))
    };
    let doubt: (Option<i64>, Option<&str>) = (row.get(19)?, optional_str_at(row, 20)?);
    let doubt =
        doubt.0.zip(doubt.1).map(|(at, id)| Doubt { position: position(at), cause: ObservationId::trusted(id) });
    Ok(Head {
        customer: CustomerId::trusted(str_at(row, 0)?),
        platform_customer: optional_str_at(row, 2)?.map(PlatformCustomerId::trusted),
        subject: Subject::from_parts(verification, str_at(row, 3)?, row.get(4)?, problems),
        position: position(row.get(6)?),
        last_event: position(row.get(21)?),
        observation: ObservationId::trusted(str_at(row, 7)?),
        source: source(str_at(row, 8)?)?,
        changed_at: time(row.get(9)?),
        recorded_at: time(row.get(10)?),
        seen: Seen { last: position(row.get(11)?), updated_at: span(12, 13)?, timestamp: span(14, 15)? },
        confirmed: Confirmed::new(row.get(16)?, row.get(17)?, row.get(18)?),
        doubt,
    })
}

/// Inserts the head of an entity.
pub(crate) fn insert_head(connection: &Connection, head: &Head) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO heads (customer_id, verification_id, platform_customer_id, status, deleted, problems, position, \
         observation_id, source, changed_at, recorded_at, last_seen, updated_at_first, updated_at_last, sent_at_first, \
         sent_at_last, told_at, answered_at, answered_updated_at, last_event, settled, doubt_position, doubt_id) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)",
    )?;
    bind_head(&mut statement, head)?;
    bind_indexed(&mut statement, 21, head)?;
    statement.raw_execute().map(drop)
}

/// Replaces a head. Its indexed columns rarely change, and an index costs as soon as a statement names its columns: so those
/// have a statement of their own, which only runs where they differ from `before`.
pub(crate) fn update_head(connection: &Connection, before: &Head, head: &Head) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE heads SET platform_customer_id = ?3, status = ?4, deleted = ?5, problems = ?6, position = ?7, \
         observation_id = ?8, source = ?9, changed_at = ?10, recorded_at = ?11, last_seen = ?12, updated_at_first = ?13, \
         updated_at_last = ?14, sent_at_first = ?15, sent_at_last = ?16, told_at = ?17, answered_at = ?18, \
         answered_updated_at = ?19, last_event = ?20 WHERE customer_id = ?1 AND verification_id = ?2",
    )?;
    bind_head(&mut statement, head)?;
    statement.raw_execute()?;
    if before.doubt == head.doubt && before.subject.is_settled() == head.subject.is_settled() {
        return Ok(());
    }
    let mut statement = connection.prepare_cached(
        "UPDATE heads SET settled = ?3, doubt_position = ?4, doubt_id = ?5 WHERE customer_id = ?1 AND verification_id = ?2",
    )?;
    statement.raw_bind_parameter(1, head.customer.as_str())?;
    statement.raw_bind_parameter(2, verification_text(head.subject.verification_id()))?;
    bind_indexed(&mut statement, 3, head)?;
    statement.raw_execute().map(drop)
}

/// Binds the columns of a head that have an index, from parameter `first` on.
fn bind_indexed(statement: &mut Statement<'_>, first: usize, head: &Head) -> rusqlite::Result<()> {
    let doubt = head.doubt.as_ref();
    statement.raw_bind_parameter(first, head.subject.is_settled())?;
    statement.raw_bind_parameter(first + 1, doubt.map(|doubt| number(doubt.position)))?;
    statement.raw_bind_parameter(first + 2, doubt.map(|doubt| doubt.cause.as_str()))
}

/// Binds the others, as parameters 1 to 20.
fn bind_head(statement: &mut Statement<'_>, head: &Head) -> rusqlite::Result<()> {
    let Head {
        customer,
        platform_customer,
        subject,
        position,
        last_event,
        observation,
        source,
        seen: Seen { last, updated_at, timestamp },
        changed_at,
        recorded_at,
        confirmed,
        doubt: _,
    } = head;
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

/// Saves when Grid was last asked about an entity, unless its head in the table is another one.
pub(crate) fn save_answer(connection: &Connection, head: &Head) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE heads SET answered_at = ?4, answered_updated_at = ?5 \
         WHERE customer_id = ?1 AND verification_id = ?2 AND position = ?3",
    )?;
    let (customer, verification) = (head.customer.as_str(), verification_text(head.subject.verification_id()));
    let (answered_at, updated_at) = (head.confirmed.by_answer(), head.confirmed.answered_updated_at());
    statement.execute((customer, verification, number(head.position), answered_at, updated_at)).map(drop)
}

/// Remembers that a customer is known under one of the platform's ids.
pub(crate) fn insert_platform_customer(
    connection: &Connection,
    platform_customer: &PlatformCustomerId,
    customer: &CustomerId,
) -> rusqlite::Result<()> {
    let sql =
        "INSERT INTO platform_customers (platform_customer_id, customer_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    connection.prepare_cached(sql)?.execute((platform_customer.as_str(), customer.as_str())).map(drop)
}

/// Reads a webhook in quarantine from a row of [`QUARANTINE_COLUMNS`].
pub(super) fn quarantined(row: &Row<'_>) -> rusqlite::Result<Quarantined> {
    Ok(Quarantined {
        id: ObservationId::trusted(str_at(row, 0)?),
        kind: row.get(1)?,
        timestamp: optional_time(row, 2)?,
        quarantined_at: time(row.get(3)?),
        reason: row.get(4)?,
        field_names: serde_json::from_str(str_at(row, 5)?).unwrap_or_default(),
        customer: optional_str_at(row, 6)?.map(CustomerId::trusted),
    })
}

/// Adds a webhook to the quarantine. False: it is there already.
pub(crate) fn insert_quarantined(connection: &Connection, webhook: Quarantined) -> rusqlite::Result<bool> {
    let Quarantined { id, kind, timestamp, quarantined_at, reason, field_names, customer } = webhook;
    let sql = format!(
        "INSERT INTO quarantine ({QUARANTINE_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING"
    );
    let inserted = connection.execute(
        &sql,
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
pub(crate) fn set_bookmark(connection: &Connection, bookmark: Bookmark, at: Timestamp) -> rusqlite::Result<()> {
    let sql = "INSERT INTO bookmarks (name, at) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET at = excluded.at";
    connection.execute(sql, (bookmark.as_str(), at.as_microsecond())).map(drop)
}
