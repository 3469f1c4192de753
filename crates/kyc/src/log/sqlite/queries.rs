//! What is read from the tables, each in one short transaction, so that a page and the bounds it was read under agree.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::row::{self, EVENT_COLUMNS, HEAD_COLUMNS, RowError, number, position, time};
use crate::event::Event;
use crate::head::Head;
use crate::id::{CustomerId, EntityKey, Epoch, Fingerprint, Lineage, ObservationId, PlatformCustomerId, Position};
use crate::log::{Bookmark, Bounds, LogError, Page, Quarantined, Scope};
use crate::token::Mark;

/// How many customers, and how many events of them, are looked up one by one; for more, the log is read through and filtered.
const MOST_LOOKED_UP: (usize, usize) = (256, 8192);
/// How many events are read through for one page.
const READ_THROUGH: usize = 16_384;

/// Why a read came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Row(RowError),
    /// What the caller asked for cannot be read.
    #[error(transparent)]
    Refused(LogError),
}

impl From<RowError> for ReadError {
    fn from(error: RowError) -> Self {
        match error {
            RowError::Sqlite(error) => Self::Sqlite(error),
            RowError::Unknown { column: _ } => Self::Row(error),
        }
    }
}

type Result<T> = std::result::Result<T, ReadError>;

/// The log's epoch and ancestors.
pub(super) fn lineage(connection: &Connection) -> Result<Option<Lineage>> {
    let parse = |text: String| {
        let corrupt = || ReadError::Refused(LogError::Corrupt { reason: "an epoch is no UUID".to_owned() });
        text.parse().map(Epoch::from_uuid).map_err(|_| corrupt())
    };
    let epoch: Option<String> = connection.query_row("SELECT epoch FROM log_info", [], |row| row.get(0)).optional()?;
    let Some(epoch) = epoch.map(parse).transpose()? else { return Ok(None) };
    let mut statement = connection.prepare("SELECT epoch, up_to FROM ancestors")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut ancestors = Vec::new();
    for ancestor in rows {
        let (epoch, up_to): (String, i64) = ancestor?;
        ancestors.push((parse(epoch)?, position(up_to)));
    }
    Ok(Some(Lineage { epoch, ancestors }))
}

/// What is kept, and when the last of what is not was recorded.
pub(super) fn bounds(connection: &Connection) -> Result<(Bounds, Option<i64>)> {
    let mut statement =
        connection.prepare_cached("SELECT trimmed_to, trimmed_fingerprint, trimmed_recorded_at FROM log_info")?;
    let (oldest, trimmed_at) = statement.query_row([], |row| {
        let fingerprint = Fingerprint::from_bits(row.get::<_, i64>(1)?.cast_unsigned());
        Ok((Mark { position: position(row.get(0)?), fingerprint }, row.get(2)?))
    })?;
    let mut statement =
        connection.prepare_cached("SELECT position, id, customer_id FROM events ORDER BY position DESC LIMIT 1")?;
    let end = statement.query_row([], mark).optional()?.unwrap_or(oldest);
    Ok((Bounds { oldest, end }, trimmed_at))
}

/// Reads a mark from a row of position, id and customer.
fn mark(row: &Row<'_>) -> rusqlite::Result<Mark> {
    let id = ObservationId::trusted(row.get_ref(1)?.as_str()?);
    let customer = CustomerId::trusted(row.get_ref(2)?.as_str()?);
    Ok(Mark { position: position(row.get(0)?), fingerprint: Fingerprint::of(&id, &customer) })
}

/// The mark at a position that is within the bounds.
fn mark_at_position(connection: &Connection, at: Position, bounds: &Bounds) -> Result<Mark> {
    if at <= bounds.oldest.position {
        return Ok(bounds.oldest);
    }
    let mut statement = connection.prepare_cached(
        "SELECT position, id, customer_id FROM events WHERE position <= ?1 ORDER BY position DESC LIMIT 1",
    )?;
    Ok(statement.query_row([number(at)], mark).optional()?.unwrap_or(bounds.oldest))
}

/// A page of events; see [`EventLog::read`](crate::log::EventLog::read).
pub(super) fn page(connection: &Connection, after: Position, scope: &Scope, limit: usize) -> Result<Page> {
    let transaction = connection.unchecked_transaction()?;
    let (bounds, _) = bounds(&transaction)?;
    if after < bounds.oldest.position {
        return Err(ReadError::Refused(LogError::Expired { oldest: bounds.oldest }));
    }
    if after > bounds.end.position {
        return Err(ReadError::Refused(LogError::Foreign));
    }
    if scope.is_all() {
        return read_through(&transaction, after, scope, limit, limit, bounds.end);
    }
    let mut customers = scope.customers.clone();
    for id in &scope.platform_customers {
        customers.extend(known_as(&transaction, id)?);
    }
    customers.sort_unstable();
    customers.dedup();
    match positions_of(&transaction, &customers, after)? {
        Some(positions) => look_up(&transaction, positions, scope, limit, bounds.end),
        None => read_through(&transaction, after, scope, limit, READ_THROUGH, bounds.end),
    }
}

/// The first events after `after`, in the order of the log.
pub(super) fn page_of_all(connection: &Connection, after: Position, limit: usize) -> Result<Vec<Arc<Event>>> {
    Ok(read_through(connection, after, &Scope::ALL, limit, limit, Mark::START)?.events)
}

/// The event before one about the same entity.
pub(super) fn earlier(connection: &Connection, at: Position) -> Result<Option<Position>> {
    let mut statement = connection.prepare_cached("SELECT earlier FROM events WHERE position = ?1")?;
    let earlier: Option<Option<i64>> = statement.query_row([number(at)], |row| row.get(0)).optional()?;
    Ok(earlier.flatten().map(position))
}

/// Reads at most `scan` events, and gives at most `limit` of those in `scope`.
fn read_through(
    connection: &Connection,
    after: Position,
    scope: &Scope,
    limit: usize,
    scan: usize,
    end: Mark,
) -> Result<Page> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {EVENT_COLUMNS} FROM events WHERE position > ?1 ORDER BY position LIMIT ?2"
    ))?;
    let mut rows = statement.query((number(after), i64::try_from(scan).unwrap_or(i64::MAX)))?;
    let mut events: Vec<Arc<Event>> = Vec::new();
    let (mut seen, mut last) = (0, None);
    while events.len() < limit {
        let Some(row) = rows.next()? else { break };
        let event = row::event(row)?;
        seen += 1;
        last = Some(Mark { position: event.position, fingerprint: event.fingerprint() });
        if scope.includes(&event.observation.customer, event.observation.platform_customer.as_ref()) {
            events.push(Arc::new(event));
        }
    }
    let considered = if seen < scan && events.len() < limit { end } else { last.unwrap_or(end) };
    Ok(Page { events, considered, at_end: considered == end })
}

/// Where the events of some customers after `after` are, by going back from the last of each; none when those are too many.
fn positions_of(connection: &Connection, customers: &[CustomerId], after: Position) -> Result<Option<Vec<i64>>> {
    let (most_customers, most_events) = MOST_LOOKED_UP;
    if customers.len() > most_customers {
        return Ok(None);
    }
    let after = number(after);
    let mut last_events =
        connection.prepare_cached("SELECT last_event FROM heads WHERE customer_id = ?1 AND last_event > ?2")?;
    let mut earlier = connection.prepare_cached("SELECT earlier FROM events WHERE position = ?1")?;
    let mut positions: Vec<i64> = Vec::new();
    for customer in customers {
        let rows = last_events.query_map((customer.as_str(), after), |row| row.get(0))?;
        for last_event in rows {
            let mut next: Option<i64> = Some(last_event?);
            while let Some(position) = next.filter(|position| *position > after) {
                if positions.len() == most_events {
                    return Ok(None);
                }
                positions.push(position);
                next = earlier.query_row([position], |row| row.get(0)).optional()?.flatten();
            }
        }
    }
    Ok(Some(positions))
}

/// Reads the first of some events.
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
            considered = Mark { position: event.position, fingerprint: event.fingerprint() };
        }
        if scope.includes(&event.observation.customer, event.observation.platform_customer.as_ref()) {
            events.push(Arc::new(event));
        }
    }
    Ok(Page { events, considered, at_end: considered == end })
}

/// Customers that were ever known under one of the platform's ids.
fn known_as(connection: &Connection, id: &PlatformCustomerId) -> Result<Vec<CustomerId>> {
    let mut statement =
        connection.prepare_cached("SELECT customer_id FROM platform_customers WHERE platform_customer_id = ?1")?;
    let rows = statement.query_map([id.as_str()], |row| Ok(CustomerId::trusted(row.get_ref(0)?.as_str()?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Where the observation with this id is.
pub(super) fn find(connection: &Connection, id: &ObservationId) -> Result<Option<Position>> {
    let mut statement = connection.prepare_cached("SELECT position FROM events WHERE id = ?1")?;
    Ok(statement.query_row([id.as_str()], |row| row.get(0)).optional()?.map(position))
}

/// The head of one entity.
pub(super) fn head(connection: &Connection, entity: &EntityKey) -> Result<Option<Head>> {
    let mut statement = connection
        .prepare_cached(&format!("SELECT {HEAD_COLUMNS} FROM heads WHERE customer_id = ?1 AND verification_id = ?2"))?;
    let verification = row::verification_text(entity.verification.as_ref());
    let mut rows = statement.query((entity.customer.as_str(), verification))?;
    Ok(rows.next()?.map(row::head).transpose()?)
}

/// Which heads to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::log) enum Which {
    All,
    InDoubt,
    Unsettled,
}

/// Heads in the order of their keys.
pub(super) fn heads(
    connection: &Connection,
    which: Which,
    after: Option<&EntityKey>,
    limit: usize,
) -> Result<Vec<Arc<Head>>> {
    let condition = match which {
        Which::All => "",
        Which::InDoubt => "doubt_position IS NOT NULL AND",
        Which::Unsettled => "settled = 0 AND",
    };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {HEAD_COLUMNS} FROM heads WHERE {condition} (customer_id, verification_id) > (?1, ?2) \
         ORDER BY customer_id, verification_id LIMIT ?3"
    ))?;
    let (customer, verification) = match after {
        None => ("", ""),
        Some(key) => (key.customer.as_str(), row::verification_text(key.verification.as_ref())),
    };
    let rows = statement.query((customer, verification, i64::try_from(limit).unwrap_or(i64::MAX)))?;
    collect_heads(rows)
}

/// Heads of those in a scope that is not everyone, in the order of their keys.
pub(super) fn heads_in(
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
    // Named by Grid's id comes first of each.
    customers.sort_unstable_by(|one, other| one.0.cmp(&other.0).then(other.1.cmp(&one.1)));
    customers.dedup_by(|one, other| one.0 == other.0);
    let mut statement = transaction.prepare_cached(&format!(
        "SELECT {HEAD_COLUMNS} FROM heads WHERE customer_id = ?1 AND verification_id > ?2 OR \
         customer_id = ?1 AND ?3 AND verification_id = '' ORDER BY verification_id LIMIT ?4"
    ))?;
    let mut heads = Vec::new();
    for (customer, named) in customers {
        let left = limit.saturating_sub(heads.len());
        if left == 0 || after.is_some_and(|after| customer < after.customer) {
            continue;
        }
        let resumed = after.filter(|after| after.customer == customer);
        let verification = resumed.map_or("", |after| row::verification_text(after.verification.as_ref()));
        let left = i64::try_from(left).unwrap_or(i64::MAX);
        let rows = statement.query((customer.as_str(), verification, resumed.is_none(), left))?;
        let found = collect_heads(rows)?;
        // A customer that was renamed is no longer the one that is meant; a verification may not say whose it is.
        heads.extend(found.into_iter().filter(|head| {
            let meant = |id: &PlatformCustomerId| scope.platform_customers.contains(id);
            named || head.platform_customer.as_ref().is_none_or(meant)
        }));
    }
    Ok(heads)
}

fn collect_heads(mut rows: rusqlite::Rows<'_>) -> Result<Vec<Arc<Head>>> {
    let mut heads = Vec::new();
    while let Some(row) = rows.next()? {
        heads.push(Arc::new(row::head(row)?));
    }
    Ok(heads)
}

/// Whether a mark is of this log, and what follows it is kept.
pub(super) fn admit(connection: &Connection, mark: Mark) -> Result<()> {
    let transaction = connection.unchecked_transaction()?;
    let (bounds, _) = bounds(&transaction)?;
    if mark.position > bounds.end.position {
        return Err(ReadError::Refused(LogError::Foreign));
    }
    if mark.position < bounds.oldest.position {
        return Err(ReadError::Refused(LogError::Expired { oldest: bounds.oldest }));
    }
    if mark_at_position(&transaction, mark.position, &bounds)? != mark {
        return Err(ReadError::Refused(LogError::Foreign));
    }
    Ok(())
}

/// When the first event was recorded that was recorded at `at` or before. Times only step back where that is noted, so it is
/// the first event of all, or the first after such a step.
pub(super) fn recorded_first(connection: &Connection, at: Timestamp) -> rusqlite::Result<Option<Timestamp>> {
    let mut statement = connection.prepare_cached(
        "SELECT event.recorded_at \
         FROM (SELECT min(position) AS position FROM events UNION ALL SELECT position FROM time_steps) AS stretch \
         CROSS JOIN events AS event ON event.position = stretch.position \
         WHERE event.recorded_at <= ?1 ORDER BY event.position LIMIT 1",
    )?;
    let found: Option<i64> = statement.query_row([at.as_microsecond()], |row| row.get(0)).optional()?;
    Ok(found.map(time))
}

/// When the last event was recorded that was recorded at `at` or before. Each stretch between two steps back is searched by
/// halving, the newest first.
pub(super) fn recorded_last(connection: &Connection, at: Timestamp) -> Result<Option<Timestamp>> {
    let at = at.as_microsecond();
    let (bounds, trimmed_at) = bounds(connection)?;
    let before_all = number(bounds.oldest.position);
    let mut steps = connection.prepare_cached("SELECT position - 1 FROM time_steps ORDER BY position DESC")?;
    let steps: Vec<i64> = steps.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut last_up_to = connection.prepare_cached(
        "SELECT position, recorded_at FROM events WHERE position <= ?1 ORDER BY position DESC LIMIT 1",
    )?;
    let mut last_up_to = |up_to: i64| -> rusqlite::Result<Option<(i64, i64)>> {
        last_up_to.query_row([up_to], |row| Ok((row.get(0)?, row.get(1)?))).optional()
    };
    let mut end = number(bounds.end.position);
    for before in steps.into_iter().chain([before_all]) {
        let Some((last, recorded_at)) = last_up_to(end)? else { break };
        if recorded_at <= at {
            return Ok(Some(time(recorded_at)));
        }
        let found = halve(connection, at.saturating_add(1), before, last)?;
        if found > before {
            return Ok(last_up_to(found)?.map(|(_, recorded_at)| time(recorded_at)));
        }
        end = before;
    }
    Ok(trimmed_at.filter(|trimmed_at| *trimmed_at <= at).map(time))
}

/// The place before the first event that was recorded at `at` or later. Times only step back where that is noted, so in
/// each stretch between it is found by halving.
pub(super) fn mark_at_time(connection: &Connection, at: Timestamp) -> Result<Mark> {
    let transaction = connection.unchecked_transaction()?;
    let (bounds, trimmed_at) = bounds(&transaction)?;
    let at = at.as_microsecond();
    if trimmed_at.is_some_and(|trimmed_at| trimmed_at >= at) {
        return Err(ReadError::Refused(LogError::Expired { oldest: bounds.oldest }));
    }
    let (mut from, end) = (number(bounds.oldest.position), number(bounds.end.position));
    let mut steps =
        transaction.prepare_cached("SELECT position FROM time_steps WHERE position > ?1 ORDER BY position")?;
    let steps: Vec<i64> = steps.query_map([from], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut last_up_to = transaction.prepare_cached(
        "SELECT position, recorded_at FROM events WHERE position > ?1 AND position <= ?2 ORDER BY position DESC LIMIT 1",
    )?;
    for step in steps {
        let last = last_up_to.query_row([from, step - 1], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        if let Some((last, _)) = last.filter(|(_, recorded_at): &(i64, i64)| *recorded_at >= at) {
            return mark_at_position(&transaction, position(halve(&transaction, at, from, last)?), &bounds);
        }
        from = step - 1;
    }
    mark_at_position(&transaction, position(halve(&transaction, at, from, end)?), &bounds)
}

/// The last event between two of a stretch that was recorded before `at`.
fn halve(connection: &Connection, at: i64, mut before: i64, mut not_before: i64) -> Result<i64> {
    let mut statement = connection
        .prepare_cached("SELECT position, recorded_at FROM events WHERE position > ?1 ORDER BY position LIMIT 1")?;
    // Everything up to `before` was recorded before `at`, and what follows `not_before` was not.
    while before < not_before {
        let middle = before + (not_before - before) / 2;
        let found: Option<(i64, i64)> =
            statement.query_row([middle], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        match found {
            Some((position, recorded_at)) if recorded_at < at => before = position,
            Some(_) | None => not_before = middle,
        }
    }
    Ok(before)
}

/// What is in quarantine, in the order of ids.
pub(super) fn quarantined(
    connection: &Connection,
    after: Option<&ObservationId>,
    limit: usize,
) -> Result<Vec<Quarantined>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, kind, sent_at, quarantined_at, reason, field_names, customer_id FROM quarantine WHERE id > ?1 \
         ORDER BY id LIMIT ?2",
    )?;
    let after = after.map_or("", ObservationId::as_str);
    let rows = statement.query_map((after, i64::try_from(limit).unwrap_or(i64::MAX)), row::quarantined)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// One webhook in quarantine.
pub(super) fn find_quarantined(connection: &Connection, id: &ObservationId) -> Result<Option<Quarantined>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, kind, sent_at, quarantined_at, reason, field_names, customer_id FROM quarantine WHERE id = ?1",
    )?;
    Ok(statement.query_row([id.as_str()], row::quarantined).optional()?)
}

/// How many there are, up to `most`.
pub(super) fn count_quarantined(connection: &Connection, most: usize) -> Result<usize> {
    let mut statement = connection.prepare_cached("SELECT count(*) FROM (SELECT 1 FROM quarantine LIMIT ?1)")?;
    let count: i64 = statement.query_row([i64::try_from(most).unwrap_or(i64::MAX)], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// A remembered time.
pub(super) fn bookmark(connection: &Connection, bookmark: Bookmark) -> Result<Option<Timestamp>> {
    let mut statement = connection.prepare_cached("SELECT at FROM bookmarks WHERE name = ?1")?;
    Ok(statement.query_row([bookmark.name()], |row| row.get(0)).optional()?.map(time))
}

/// The platform's id of a customer, as its own head has it; for a verification that does not say.
pub(super) fn platform_customer(connection: &Connection, customer: &CustomerId) -> Result<Option<PlatformCustomerId>> {
    let mut statement = connection
        .prepare_cached("SELECT platform_customer_id FROM heads WHERE customer_id = ?1 AND verification_id = ''")?;
    let found: Option<Option<String>> = statement.query_row([customer.as_str()], |row| row.get(0)).optional()?;
    Ok(found.flatten().as_deref().map(PlatformCustomerId::trusted))
}
