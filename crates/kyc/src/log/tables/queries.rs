//! Reads from the tables. A read of several steps is one transaction, so that a page and its bounds agree.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Params, Row};

use super::error::ReadError;
use super::row::{self, EVENT_COLUMNS, HEAD_COLUMNS, QUARANTINE_COLUMNS, limit as sql_limit, mark, number, position};
use crate::event::Event;
use crate::head::Head;
use crate::id::{CustomerId, EntityKey, Fingerprint, ObservationId, PlatformCustomerId, Position, Scope};
use crate::log::store::{Bookmark, Bounds, LogError, Page, Quarantined};
use crate::log::times::from_micros as time;
use crate::token::Mark;

/// How many customers, and how many of their events, are looked up one by one; for more, the log is scanned and filtered.
const MOST_LOOKED_UP: (usize, usize) = (256, 8192);
/// How many events are scanned for one page.
const SCANNED: usize = 16_384;

type Result<T> = std::result::Result<T, ReadError>;

/// The first row, if there is one.
fn first<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    connection.prepare_cached(sql)?.query_row(params, read).optional()
}

/// Every row.
fn all<T, E>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    mut read: impl FnMut(&Row<'_>) -> std::result::Result<T, E>,
) -> Result<Vec<T>>
where
    ReadError: From<E>,
{
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// What is kept, and when the last deleted event was recorded.
pub(crate) fn bounds(connection: &Connection) -> Result<(Bounds, Option<Timestamp>)> {
    let sql = "SELECT trimmed_to, trimmed_fingerprint, trimmed_recorded_at FROM log_info";
    let (oldest, deleted_at) = connection.prepare_cached(sql)?.query_row([], |row| {
        let fingerprint = Fingerprint::from_bits(row.get::<_, i64>(1)?.cast_unsigned());
        Ok((Mark { position: position(row.get(0)?), fingerprint }, row.get::<_, Option<i64>>(2)?.map(time)))
    })?;
    let sql = "SELECT position, id, customer_id FROM events ORDER BY position DESC LIMIT 1";
    let end = first(connection, sql, [], mark)?.unwrap_or(oldest);
    Ok((Bounds { oldest, end }, deleted_at))
}

/// The mark at a position within the bounds.
fn mark_at_position(connection: &Connection, at: Position, bounds: &Bounds) -> Result<Mark> {
    if at <= bounds.oldest.position {
        return Ok(bounds.oldest);
    }
    let sql = "SELECT position, id, customer_id FROM events WHERE position <= ?1 ORDER BY position DESC LIMIT 1";
    Ok(first(connection, sql, [number(at)], mark)?.unwrap_or(bounds.oldest))
}

/// A page of events; see [`EventLog::read`](crate::log::EventLog::read).
pub(crate) fn page(connection: &Connection, after: Position, scope: &Scope, limit: usize) -> Result<Page> {
    let transaction = connection.unchecked_transaction()?;
    let (bounds, _) = bounds(&transaction)?;
    if after < bounds.oldest.position {
        return Err(ReadError::Refused(LogError::Expired { oldest: bounds.oldest }));
    }
    if after > bounds.end.position {
        return Err(ReadError::Refused(LogError::Foreign));
    }
    if scope.is_all() {
        return scan(&transaction, after, scope, limit, limit, bounds.end);
    }
    let mut customers = scope.customers.clone();
    for id in &scope.platform_customers {
        customers.extend(known_as(&transaction, id)?);
    }
    customers.sort_unstable();
    customers.dedup();
    match positions_of(&transaction, &customers, after)? {
        Some(positions) => look_up(&transaction, positions, scope, limit, bounds.end),
        None => scan(&transaction, after, scope, limit, SCANNED, bounds.end),
    }
}

/// The first events after `after`.
pub(crate) fn events_after(connection: &Connection, after: Position, limit: usize) -> Result<Vec<Arc<Event>>> {
    Ok(scan(connection, after, &Scope::ALL, limit, limit, Mark::START)?.events)
}

/// The event before the one at this position, about the same entity.
pub(crate) fn earlier(connection: &Connection, at: Position) -> Result<Option<Position>> {
    Ok(earlier_number(connection, number(at))?.map(position))
}

fn earlier_number(connection: &Connection, at: i64) -> Result<Option<i64>> {
    let sql = "SELECT earlier FROM events WHERE position = ?1";
    Ok(first(connection, sql, [at], |row| row.get::<_, Option<i64>>(0))?.flatten())
}

/// Reads at most `most` events after `after`, and returns at most `limit` of those in `scope`.
fn scan(connection: &Connection, after: Position, scope: &Scope, limit: usize, most: usize, end: Mark) -> Result<Page> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {EVENT_COLUMNS} FROM events WHERE position > ?1 ORDER BY position LIMIT ?2"
    ))?;
    let mut rows = statement.query((number(after), sql_limit(most)))?;
    let mut events: Vec<Arc<Event>> = Vec::new();
    let (mut scanned, mut last) = (0, None);
    while events.len() < limit {
        let Some(row) = rows.next()? else { break };
        let event = row::event(row)?;
        scanned += 1;
        last = Some(event.mark());
        if scope.includes(&event.observation.customer, event.observation.platform_customer.as_ref()) {
            events.push(Arc::new(event));
        }
    }
    let considered = if scanned < most && events.len() < limit { end } else { last.unwrap_or(end) };
    Ok(Page { events, considered, at_end: considered == end })
}

/// The positions of some customers' events after `after`, walking back from the last of each; none when they are too many.
fn positions_of(connection: &Connection, customers: &[CustomerId], after: Position) -> Result<Option<Vec<i64>>> {
    let (most_customers, most_events) = MOST_LOOKED_UP;
    if customers.len() > most_customers {
        return Ok(None);
    }
    let after = number(after);
    let sql = "SELECT last_event FROM heads WHERE customer_id = ?1 AND last_event > ?2";
    let mut positions: Vec<i64> = Vec::new();
    for customer in customers {
        for last_event in all(connection, sql, (customer.as_str(), after), |row| row.get(0))? {
            let mut next: Option<i64> = Some(last_event);
            while let Some(position) = next.filter(|position| *position > after) {
                if positions.len() == most_events {
                    return Ok(None);
                }
                positions.push(position);
                next = earlier_number(connection, position)?;
            }
        }
    }
    Ok(Some(positions))
}

/// Reads the first `limit` of some events.
fn look_up(connection: &Connection, mut positions: Vec<i64>, scope: &Scope, limit: usize, end: Mark) -> Result<Page> {
    positions.sort_unstable();
    let at_end = positions.len() <= limit;
    positions.truncate(limit);
    let mut events = Vec::with_capacity(positions.len());
    let mut considered = end;
    let mut statement =
        connection.prepare_cached(&format!("SELECT {EVENT_COLUMNS} FROM events WHERE position = ?1"))?;
    for position in positions {
        let mut rows = statement.query([position])?;
        let Some(row) = rows.next()? else { continue };
        let event = row::event(row)?;
        if !at_end {
            considered = event.mark();
        }
        if scope.includes(&event.observation.customer, event.observation.platform_customer.as_ref()) {
            events.push(Arc::new(event));
        }
    }
    Ok(Page { events, considered, at_end: considered == end })
}

/// The customers ever known under one of the platform's ids.
fn known_as(connection: &Connection, id: &PlatformCustomerId) -> Result<Vec<CustomerId>> {
    let sql = "SELECT customer_id FROM platform_customers WHERE platform_customer_id = ?1";
    all(connection, sql, [id.as_str()], |row| Ok::<_, rusqlite::Error>(CustomerId::trusted(row.get_ref(0)?.as_str()?)))
}

/// The position of the observation with this id.
pub(crate) fn find(connection: &Connection, id: &ObservationId) -> Result<Option<Position>> {
    Ok(first(connection, "SELECT position FROM events WHERE id = ?1", [id.as_str()], |row| row.get(0))?.map(position))
}

/// The head of an entity.
pub(crate) fn head(connection: &Connection, entity: &EntityKey) -> Result<Option<Head>> {
    let sql = format!("SELECT {HEAD_COLUMNS} FROM heads WHERE customer_id = ?1 AND verification_id = ?2");
    let key = (entity.customer.as_str(), row::verification_text(entity.verification.as_ref()));
    Ok(all(connection, &sql, key, row::head)?.pop())
}

/// The heads that fulfil a condition, in the order of their keys.
pub(crate) fn heads_where(
    connection: &Connection,
    condition: &str,
    after: Option<&EntityKey>,
    limit: usize,
) -> Result<Vec<Arc<Head>>> {
    let sql = format!(
        "SELECT {HEAD_COLUMNS} FROM heads WHERE {condition} AND (customer_id, verification_id) > (?1, ?2) \
         ORDER BY customer_id, verification_id LIMIT ?3"
    );
    let (customer, verification) = match after {
        None => ("", ""),
        Some(key) => (key.customer.as_str(), row::verification_text(key.verification.as_ref())),
    };
    all(connection, &sql, (customer, verification, sql_limit(limit)), |row| row::head(row).map(Arc::new))
}

/// The heads in a scope that is not everyone, in the order of their keys.
pub(crate) fn heads_in(
    connection: &Connection,
    scope: &Scope,
    after: Option<&EntityKey>,
    limit: usize,
) -> Result<Vec<Arc<Head>>> {
    let transaction = connection.unchecked_transaction()?;
    let mut customers: Vec<(CustomerId, bool)> = scope.customers.iter().map(|id| (id.clone(), true)).collect();
    for id in &scope.platform_customers {
        customers.extend(known_as(&transaction, id)?.into_iter().map(|id| (id, false)));
    }
    // Of each customer, the entry by Grid's id comes first.
    customers.sort_unstable_by(|one, other| one.0.cmp(&other.0).then(other.1.cmp(&one.1)));
    customers.dedup_by(|one, other| one.0 == other.0);
    let sql = format!(
        "SELECT {HEAD_COLUMNS} FROM heads WHERE customer_id = ?1 AND verification_id > ?2 OR \
         customer_id = ?1 AND ?3 AND verification_id = '' ORDER BY verification_id LIMIT ?4"
    );
    let mut heads = Vec::new();
    for (customer, by_grids_id) in customers {
        let left = limit.saturating_sub(heads.len());
        if left == 0 || after.is_some_and(|after| customer < after.customer) {
            continue;
        }
        let resumed = after.filter(|after| after.customer == customer);
        let verification = resumed.map_or("", |after| row::verification_text(after.verification.as_ref()));
        let params = (customer.as_str(), verification, resumed.is_none(), sql_limit(left));
        let found = all(&transaction, &sql, params, row::head)?;
        // A customer with a new platform id is no longer meant by its old one. A verification may have no platform id.
        let meant = |id: &PlatformCustomerId| scope.platform_customers.contains(id);
        let is_meant = |head: &Head| by_grids_id || head.platform_customer.as_ref().is_none_or(meant);
        heads.extend(found.into_iter().filter(is_meant).map(Arc::new));
    }
    Ok(heads)
}

/// Checks that a mark is of this log, and that everything after it is kept.
pub(crate) fn admit(connection: &Connection, mark: Mark) -> Result<()> {
    let transaction = connection.unchecked_transaction()?;
    let (bounds, _) = bounds(&transaction)?;
    if mark.position < bounds.oldest.position {
        return Err(ReadError::Refused(LogError::Expired { oldest: bounds.oldest }));
    }
    if mark.position > bounds.end.position || mark_at_position(&transaction, mark.position, &bounds)? != mark {
        return Err(ReadError::Refused(LogError::Foreign));
    }
    Ok(())
}

/// The time of the first event that was recorded at `at` or before. Times step back only where that is noted, so this is the
/// first event of all, or the first after such a step.
pub(crate) fn recorded_first(connection: &Connection, at: Timestamp) -> rusqlite::Result<Option<Timestamp>> {
    let sql = "SELECT event.recorded_at \
         FROM (SELECT min(position) AS position FROM events UNION ALL SELECT position FROM time_steps) AS stretch \
         CROSS JOIN events AS event ON event.position = stretch.position \
         WHERE event.recorded_at <= ?1 ORDER BY event.position LIMIT 1";
    first(connection, sql, [at.as_microsecond()], |row| row.get(0).map(time))
}

/// The time of the last event that was recorded at `at` or before: a binary search in each stretch between two steps back, the
/// newest first.
pub(crate) fn recorded_last(connection: &Connection, at: Timestamp) -> Result<Option<Timestamp>> {
    let (bounds, deleted_at) = bounds(connection)?;
    let before_all = number(bounds.oldest.position);
    let steps: Vec<i64> =
        all(connection, "SELECT position - 1 FROM time_steps ORDER BY position DESC", [], |row| row.get(0))?;
    let last_up_to = |up_to: i64| {
        let sql = "SELECT position, recorded_at FROM events WHERE position <= ?1 ORDER BY position DESC LIMIT 1";
        first(connection, sql, [up_to], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
    };
    let at_micros = at.as_microsecond();
    let mut end = number(bounds.end.position);
    for before in steps.into_iter().chain([before_all]) {
        let Some((last, recorded_at)) = last_up_to(end)? else { break };
        if recorded_at <= at_micros {
            return Ok(Some(time(recorded_at)));
        }
        let found = last_before(connection, at_micros.saturating_add(1), before, last)?;
        if found > before {
            return Ok(last_up_to(found)?.map(|(_, recorded_at)| time(recorded_at)));
        }
        end = before;
    }
    Ok(deleted_at.filter(|deleted_at| *deleted_at <= at))
}

/// The mark before the first event recorded at `at` or later: a binary search in each stretch between two steps back.
pub(crate) fn mark_at_time(connection: &Connection, at: Timestamp) -> Result<Mark> {
    let transaction = connection.unchecked_transaction()?;
    let (bounds, deleted_at) = bounds(&transaction)?;
    if deleted_at.is_some_and(|deleted_at| deleted_at.as_microsecond() >= at.as_microsecond()) {
        return Err(ReadError::Refused(LogError::Expired { oldest: bounds.oldest }));
    }
    let at = at.as_microsecond();
    let (mut from, mut to) = (number(bounds.oldest.position), number(bounds.end.position));
    let sql = "SELECT position FROM time_steps WHERE position > ?1 ORDER BY position";
    let steps: Vec<i64> = all(&transaction, sql, [from], |row| row.get(0))?;
    for step in steps {
        let sql = "SELECT position, recorded_at FROM events WHERE position > ?1 AND position <= ?2 \
                   ORDER BY position DESC LIMIT 1";
        let last =
            first(&transaction, sql, [from, step - 1], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
        if let Some((last, _)) = last.filter(|(_, recorded_at)| *recorded_at >= at) {
            to = last;
            break;
        }
        from = step - 1;
    }
    mark_at_position(&transaction, position(last_before(&transaction, at, from, to)?), &bounds)
}

/// The last position of a stretch whose event was recorded before `at`. Everything up to `before` was, and what follows
/// `not_before` was not.
fn last_before(connection: &Connection, at: i64, mut before: i64, mut not_before: i64) -> Result<i64> {
    let sql = "SELECT position, recorded_at FROM events WHERE position > ?1 ORDER BY position LIMIT 1";
    while before < not_before {
        let middle = before + (not_before - before) / 2;
        match first(connection, sql, [middle], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))? {
            Some((position, recorded_at)) if recorded_at < at => before = position,
            Some(_) | None => not_before = middle,
        }
    }
    Ok(before)
}

/// The webhooks in quarantine, in the order of ids.
pub(crate) fn quarantined(
    connection: &Connection,
    after: Option<&ObservationId>,
    limit: usize,
) -> Result<Vec<Quarantined>> {
    let sql = format!("SELECT {QUARANTINE_COLUMNS} FROM quarantine WHERE id > ?1 ORDER BY id LIMIT ?2");
    let after = after.map_or("", ObservationId::as_str);
    all(connection, &sql, (after, sql_limit(limit)), row::quarantined)
}

/// The webhook with this id, if it is in quarantine.
pub(crate) fn find_quarantined(connection: &Connection, id: &ObservationId) -> Result<Option<Quarantined>> {
    let sql = format!("SELECT {QUARANTINE_COLUMNS} FROM quarantine WHERE id = ?1");
    Ok(first(connection, &sql, [id.as_str()], row::quarantined)?)
}

/// The number of webhooks in quarantine, up to `most`.
pub(crate) fn count_quarantined(connection: &Connection, most: usize) -> Result<usize> {
    let sql = "SELECT count(*) FROM (SELECT 1 FROM quarantine LIMIT ?1)";
    let count: i64 = connection.prepare_cached(sql)?.query_row([sql_limit(most)], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// A remembered time.
pub(crate) fn bookmark(connection: &Connection, bookmark: Bookmark) -> Result<Option<Timestamp>> {
    let sql = "SELECT at FROM bookmarks WHERE name = ?1";
    Ok(first(connection, sql, [bookmark.as_str()], |row| row.get(0).map(time))?)
}
