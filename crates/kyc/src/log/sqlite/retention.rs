//! Letting go of old events: by age, and by size, in small batches between commits.
//!
//! Ids are kept as long as their events, so nothing younger than [`IDS_KEPT`] goes, whatever the size: Grid retries a webhook
//! for seven days. Heads stay for ever.
//!
//! A wrong clock would make everything look old. So age is measured by a time that follows the clock at a limited pace
//! ([`Pace`]), and an event with a future time, which a wrong clock left behind, counts as old as the event after it.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::queries::{self, ReadError};
use super::row::{number, position, time};
use crate::clock::Clock;
use crate::id::{CustomerId, Fingerprint, ObservationId};

/// The least time for which an event, and with it the webhook's id, is kept: eight days.
pub const IDS_KEPT: Duration = Duration::from_secs(8 * 24 * 60 * 60);

/// How long events are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Older events are let go; at least [`IDS_KEPT`].
    pub max_age: Duration,
    /// Events older than [`IDS_KEPT`] are let go when the file holds more bytes than this; when none are, nothing new is
    /// taken.
    pub max_bytes: u64,
}

impl Default for Retention {
    /// 90 days, 10 GiB.
    fn default() -> Self {
        Self { max_age: Duration::from_secs(90 * 24 * 60 * 60), max_bytes: 10 << 30 }
    }
}

/// How much faster than real time retention follows a clock that is ahead of it: a day an hour. If the machine was off, it
/// catches up; if the clock is wrong, an hour costs a day of the oldest events, and not all of them.
const FASTER: u32 = 24;
/// A lag of more than this is logged.
const WORTH_TELLING: Duration = Duration::from_secs(24 * 60 * 60);

/// The time that retention measures age by. It starts at the time of the newest event, and follows the clock from there at no
/// more than `FASTER` times real time.
#[derive(Debug)]
pub(in crate::log) struct Pace {
    time: Timestamp,
    at: Duration,
    is_logged: bool,
}

impl Pace {
    /// For a log whose newest event was recorded at `newest`; `Timestamp::MIN`: it has none.
    pub(in crate::log) fn new(newest: Timestamp, clock: &dyn Clock) -> Self {
        let now = clock.now();
        let time = if newest == Timestamp::MIN { now } else { newest.min(now) };
        Self { time, at: clock.elapsed(), is_logged: false }
    }

    /// Retention's own time, and by how much the clock is ahead of it.
    pub(in crate::log) fn look(&mut self, clock: &dyn Clock) -> (Timestamp, Duration) {
        let (now, at) = (clock.now(), clock.elapsed());
        let allowed = at.saturating_sub(self.at).saturating_mul(FASTER);
        self.time = self.time.saturating_add(allowed).unwrap_or(Timestamp::MAX).min(now);
        self.at = at;
        let behind = Duration::try_from(now.duration_since(self.time)).unwrap_or_default();
        if behind >= WORTH_TELLING && !self.is_logged {
            let days = behind.as_secs() / WORTH_TELLING.as_secs();
            tracing::warn!(
                days,
                "the clock is far ahead of the newest event: a wrong clock must not empty the event log, so retention catches up \
                 by a day an hour"
            );
        }
        self.is_logged = behind >= WORTH_TELLING;
        (self.time, behind)
    }
}

/// How many of the oldest events go, of which these are the times of recording, in order: at most `most`, of those recorded
/// before `before`. Events with future times go with those that follow; the ones at the beginning go in any case, so the
/// caller has seen that the first event which is not from the future was recorded before `before`.
pub(in crate::log) fn up_to_go(
    times: impl IntoIterator<Item = Timestamp>,
    before: Timestamp,
    now: Timestamp,
    most: usize,
) -> usize {
    let (mut going, mut only_future) = (0, true);
    for (index, at) in times.into_iter().take(most).enumerate() {
        only_future &= at > now;
        if at < before || only_future {
            going = index + 1;
        } else if at <= now {
            break;
        }
    }
    going
}

/// What is to be done about old events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing.
    Nothing,
    /// Some are to be let go.
    Trim {
        /// Those recorded before this, in microseconds.
        recorded_before: i64,
    },
    /// The file is over its limit, and nothing in it is old enough.
    Full,
}

/// What is to be done at `now`, when retention believes that it is `believed`. For its size the log loses no more than it
/// has to, and so by the clock.
pub(super) fn due(
    connection: &Connection,
    retention: &Retention,
    now: Timestamp,
    believed: Timestamp,
) -> rusqlite::Result<Due> {
    let over_size = used_bytes(connection)? > retention.max_bytes;
    let oldest = queries::recorded_first(connection, now)?.map(Timestamp::as_microsecond);
    let before = |now: Timestamp, age: Duration| {
        now.as_microsecond().saturating_sub_unsigned(age.as_micros().try_into().unwrap_or(u64::MAX))
    };
    let by_age = before(believed, retention.max_age.max(IDS_KEPT));
    let by_size = before(now, IDS_KEPT);
    Ok(match (oldest, over_size) {
        (Some(oldest), true) if oldest < by_size => Due::Trim { recorded_before: by_size },
        (_, true) => Due::Full,
        (Some(oldest), false) if oldest < by_age => Due::Trim { recorded_before: by_age },
        (_, false) => Due::Nothing,
    })
}

/// How many bytes of the file hold something. The write-ahead log comes on top, and is bounded by itself.
pub(super) fn used_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let read = |pragma: &str| -> rusqlite::Result<u64> {
        let value: i64 = connection.prepare_cached(pragma)?.query_row([], |row| row.get(0))?;
        Ok(u64::try_from(value).unwrap_or(0))
    };
    let pages = read("PRAGMA page_count")?.saturating_sub(read("PRAGMA freelist_count")?);
    Ok(pages.saturating_mul(read("PRAGMA page_size")?))
}

/// Lets go of at most `most` of the oldest events, those recorded before `recorded_before`, in one commit of its own.
pub(super) fn trim(
    connection: &Connection,
    recorded_before: i64,
    now: Timestamp,
    most: usize,
) -> Result<usize, ReadError> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let going = going(&transaction, time(recorded_before), now, most)?;
    if let Some(last) = going.checked_sub(1) {
        let mut statement = transaction.prepare_cached(
            "SELECT position, id, customer_id, recorded_at FROM events ORDER BY position LIMIT 1 OFFSET ?1",
        )?;
        let (up_to, fingerprint, recorded_at) = statement.query_row([i64::try_from(last).unwrap_or(0)], |row| {
            let id = ObservationId::trusted(row.get_ref(1)?.as_str()?);
            let customer = CustomerId::trusted(row.get_ref(2)?.as_str()?);
            Ok((position(row.get(0)?), Fingerprint::of(&id, &customer), row.get::<_, i64>(3)?))
        })?;
        transaction.prepare_cached("DELETE FROM events WHERE position <= ?1")?.execute([number(up_to)])?;
        transaction.prepare_cached("DELETE FROM time_steps WHERE position <= ?1")?.execute([number(up_to)])?;
        let mut statement = transaction.prepare_cached(
            "UPDATE log_info SET trimmed_to = ?1, trimmed_fingerprint = ?2, trimmed_recorded_at = ?3",
        )?;
        statement.execute((number(up_to), fingerprint.to_bits().cast_signed(), recorded_at))?;
    }
    transaction.commit()?;
    Ok(going)
}

fn going(connection: &Connection, before: Timestamp, now: Timestamp, most: usize) -> rusqlite::Result<usize> {
    // The clock may have been set since somebody looked.
    if queries::recorded_first(connection, now)?.is_none_or(|oldest| oldest >= before) {
        return Ok(0);
    }
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached("SELECT recorded_at FROM events ORDER BY position LIMIT ?1")?;
    let mut failed = None;
    let times = statement.query_map([limit], |row| row.get(0).map(time))?;
    let times = times.map_while(|read| read.map_err(|error| failed = Some(error)).ok());
    let going = up_to_go(times, before, now, most);
    failed.map_or(Ok(going), Err)
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn what_is_from_the_future_goes_with_what_follows_it_and_not_before() {
        let going = |times: &[i64], most| up_to_go(times.iter().map(|second| at(*second)), at(50), at(100), most);
        assert_eq!(going(&[], 9), 0);
        assert_eq!(going(&[10, 20, 49, 50, 60], 9), 3);
        assert_eq!(going(&[10, 20, 49, 50, 60], 2), 2);
        assert_eq!(going(&[60, 10], 9), 0, "what is kept keeps what follows");
        assert_eq!(going(&[10, 999, 999, 60, 10], 9), 1);
        assert_eq!(going(&[999, 999, 20, 60], 9), 3);
        assert_eq!(going(&[999, 999, 20, 60], 2), 2, "the rest goes the next time");
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
        while let Due::Trim { recorded_before } = due() {
            assert_eq!(trim(&connection, recorded_before, at(now - 200 * DAY), 4_000).unwrap(), 0, "by another clock");
            gone.push(trim(&connection, recorded_before, at(now), 4_000).unwrap());
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

    struct Hands(std::sync::Mutex<(Timestamp, Duration)>);

    impl Clock for Hands {
        fn now(&self) -> Timestamp {
            self.0.lock().unwrap().0
        }

        fn elapsed(&self) -> Duration {
            self.0.lock().unwrap().1
        }
    }

    #[test]
    fn a_clock_that_is_ahead_is_followed_a_day_an_hour_and_not_beyond() {
        const HOUR: Duration = Duration::from_secs(3600);
        let hands = Hands(std::sync::Mutex::new((at(1_000_000_000), HOUR)));
        let mut pace = Pace::new(at(1_000_000_000) - 50 * HOUR, &hands);
        assert_eq!(pace.look(&hands), (at(1_000_000_000) - 50 * HOUR, 50 * HOUR));
        hands.0.lock().unwrap().1 += HOUR;
        assert_eq!(pace.look(&hands).1, 26 * HOUR);
        hands.0.lock().unwrap().1 += 2 * HOUR;
        assert_eq!(pace.look(&hands), (at(1_000_000_000), Duration::ZERO));
        // It is wrong for a moment.
        hands.0.lock().unwrap().0 += 365 * 24 * HOUR;
        hands.0.lock().unwrap().1 += Duration::from_secs(4);
        assert_eq!(pace.look(&hands).0, at(1_000_000_000) + Duration::from_secs(4 * 24));
        hands.0.lock().unwrap().0 = at(1_000_000_004);
        assert_eq!(pace.look(&hands).0, at(1_000_000_004));
        assert_eq!(Pace::new(Timestamp::MIN, &hands).look(&hands).1, Duration::ZERO);
    }
}
