//! Deletes old events: by age and by size, in small batches between commits. See [`Retention`].

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::log::retention::{Retention, count_expired};
use crate::log::tables::error::ReadError;
use crate::log::tables::queries;
use crate::log::tables::row::{self, limit};
use crate::log::times::from_micros as time;

/// What is to be done about old events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    /// Events recorded before this are to be deleted.
    Trim(Timestamp),
    /// The file is over its size limit, and no event is old enough to be deleted.
    Full,
}

/// What is to be done; `now` is the clock's time, and `believed` retention's.
pub(super) fn due(
    connection: &Connection,
    retention: &Retention,
    now: Timestamp,
    believed: Timestamp,
) -> rusqlite::Result<Due> {
    let is_over_size = used_bytes(connection)? > retention.max_bytes;
    let oldest = queries::recorded_first(connection, now)?;
    Ok(match retention.delete_before(now, believed, oldest, is_over_size) {
        Some(before) => Due::Trim(before),
        None if is_over_size => Due::Full,
        None => Due::Nothing,
    })
}

/// The bytes of the file in use. The write-ahead log comes on top, and has a bound of its own.
fn used_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let read = |pragma: &str| -> rusqlite::Result<u64> {
        let value: i64 = connection.prepare_cached(pragma)?.query_row([], |row| row.get(0))?;
        Ok(u64::try_from(value).unwrap_or(0))
    };
    let pages = read("PRAGMA page_count")?.saturating_sub(read("PRAGMA freelist_count")?);
    Ok(pages.saturating_mul(read("PRAGMA page_size")?))
}

/// Deletes at most `most` of the oldest events, of those recorded before `before`, in a commit of its own. Returns how many.
pub(super) fn trim(
    connection: &Connection,
    before: Timestamp,
    now: Timestamp,
    most: usize,
) -> Result<usize, ReadError> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let expired = expired(&transaction, before, now, most)?;
    if let Some(last) = expired.checked_sub(1) {
        let sql = "SELECT position, id, customer_id, recorded_at FROM events ORDER BY position LIMIT 1 OFFSET ?1";
        let read = |row: &rusqlite::Row<'_>| Ok((row::mark(row)?, time(row.get(3)?)));
        let (to, recorded_at) = transaction.prepare_cached(sql)?.query_row([limit(last)], read)?;
        row::delete_events(&transaction, to, recorded_at)?;
    }
    transaction.commit()?;
    Ok(expired)
}

fn expired(connection: &Connection, before: Timestamp, now: Timestamp, most: usize) -> rusqlite::Result<usize> {
    // The clock may have been set since the check.
    if queries::recorded_first(connection, now)?.is_none_or(|oldest| oldest >= before) {
        return Ok(0);
    }
    let mut statement = connection.prepare_cached("SELECT recorded_at FROM events ORDER BY position LIMIT ?1")?;
    let times = statement.query_map([limit(most)], |row| row.get(0).map(time))?;
    Ok(count_expired(times.collect::<rusqlite::Result<Vec<_>>>()?, before, now, most))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::tables::row::position;
    use crate::log::tables::schema;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// A log of events that were recorded at these times, in seconds; each number of them at once.
    fn log_of(stretches: &[(i64, i64)]) -> (tempfile::TempDir, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.db");
        let mut connection = schema::connect(&path, schema::Role::Writer).unwrap();
        schema::migrate(&mut connection, &path).unwrap();
        connection.execute("INSERT INTO log_info (only_row, epoch, created_at) VALUES (1, 'e', 0)", []).unwrap();
        let (mut next, mut before) = (1, i64::MIN);
        for (count, second) in stretches {
            if *second < before {
                connection.execute("INSERT INTO time_steps (position) VALUES (?1)", [next]).unwrap();
            }
            let insert = "WITH RECURSIVE counted (position) AS (SELECT ?1 UNION ALL SELECT position + 1 FROM counted \
                          WHERE position < ?1 + ?2 - 1) INSERT INTO events (position, id, customer_id, verification_id, \
                          status, deleted, outcome, source, recorded_at) SELECT position, 'id' || position, 'Customer:1', '', \
                          'PENDING', 0, 'change', 'webhook', ?3 FROM counted";
            connection.execute(insert, (next, count, second * 1_000_000)).unwrap();
            (next, before) = (next + count, *second);
        }
        (folder, connection)
    }

    #[test]
    fn any_number_of_events_from_the_future_goes_with_those_that_follow() {
        const DAY: i64 = 24 * 60 * 60;
        let now = 1_800_000_000;
        let (_folder, connection) = log_of(&[(10_001, now + 365 * DAY), (500, now - 100 * DAY), (1, now)]);
        let retention = Retention::default();
        let due = || due(&connection, &retention, at(now), at(now)).unwrap();
        let mut gone = Vec::new();
        while let Due::Trim(before) = due() {
            assert_eq!(trim(&connection, before, at(now - 200 * DAY), 4_000).unwrap(), 0, "by another clock");
            gone.push(trim(&connection, before, at(now), 4_000).unwrap());
        }
        assert_eq!((gone, due()), (vec![4_000, 4_000, 2_501], Due::Nothing));
        let (bounds, _) = queries::bounds(&connection).unwrap();
        assert_eq!((bounds.oldest.position, bounds.end.position), (position(10_501), position(10_502)));

        let (_folder, connection) = log_of(&[(10_001, now + 365 * DAY), (1, now)]);
        assert_eq!(
            super::due(&connection, &retention, at(now), at(now)).unwrap(),
            Due::Nothing,
            "what follows is young"
        );
    }

    #[test]
    fn the_last_event_that_is_not_from_the_future_is_found_before_any_number_of_others() {
        let last = |stretches: &[(i64, i64)], second| {
            let (_folder, connection) = log_of(stretches);
            queries::recorded_last(&connection, at(second)).unwrap()
        };
        assert_eq!(last(&[], 50), None);
        assert_eq!(last(&[(3, 10), (3, 20), (10_001, 999)], 50), Some(at(20)));
        assert_eq!(last(&[(3, 10), (10_001, 999), (1, 60), (1, 999)], 50), Some(at(10)));
        assert_eq!(last(&[(3, 10), (9, 999), (2, 30), (2, 999)], 50), Some(at(30)));
        assert_eq!(last(&[(3, 10), (9, 999)], 999), Some(at(999)));
        assert_eq!(last(&[(9, 999)], 50), None);
    }
}
