//! Letting go of old events: by age, and by size, in small batches between commits.
//!
//! Ids are kept as long as their events, so nothing younger than [`IDS_KEPT`] goes, whatever the size: Grid retries a webhook
//! for seven days. Heads stay for ever.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use super::queries::ReadError;
use super::row::{number, position};
use crate::kyc::id::{CustomerId, Fingerprint, ObservationId};

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

/// What is to be done at `now`.
pub(super) fn due(connection: &Connection, retention: &Retention, now: Timestamp) -> rusqlite::Result<Due> {
    let over_size = used_bytes(connection)? > retention.max_bytes;
    let mut statement = connection.prepare_cached("SELECT recorded_at FROM events ORDER BY position LIMIT 1")?;
    let oldest: Option<i64> = statement.query_row([], |row| row.get(0)).optional()?;
    let before =
        |age: Duration| now.as_microsecond().saturating_sub_unsigned(age.as_micros().try_into().unwrap_or(u64::MAX));
    let by_age = before(retention.max_age.max(IDS_KEPT));
    let by_size = before(IDS_KEPT);
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
pub(super) fn trim(connection: &Connection, recorded_before: i64, most: usize) -> Result<usize, ReadError> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let mut last = None;
    let mut count = 0;
    {
        let mut statement = transaction
            .prepare_cached("SELECT position, id, customer_id, recorded_at FROM events ORDER BY position LIMIT ?1")?;
        let mut rows = statement.query([i64::try_from(most).unwrap_or(i64::MAX)])?;
        while let Some(row) = rows.next()? {
            let recorded_at: i64 = row.get(3)?;
            if recorded_at >= recorded_before {
                break;
            }
            let id = ObservationId::trusted(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?);
            let customer = CustomerId::trusted(row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?);
            last = Some((position(row.get(0)?), Fingerprint::of(&id, &customer), recorded_at));
            count += 1;
        }
    }
    if let Some((up_to, fingerprint, recorded_at)) = last {
        transaction.prepare_cached("DELETE FROM events WHERE position <= ?1")?.execute([number(up_to)])?;
        let mut statement = transaction.prepare_cached(
            "UPDATE log_info SET trimmed_to = ?1, trimmed_fingerprint = ?2, trimmed_recorded_at = ?3",
        )?;
        statement.execute((number(up_to), fingerprint.to_bits().cast_signed(), recorded_at))?;
    }
    transaction.commit()?;
    Ok(count)
}
