//! How long events are kept, and the time that retention measures age by.
//!
//! Ids are kept as long as their events, so no event younger than [`IDS_KEPT`] is deleted, whatever the size: Grid retries a
//! webhook for seven days. Heads are kept for ever.
//!
//! A wrong clock would make everything look old. So age is measured by a time that follows the clock at a limited pace
//! ([`RetentionClock`]), and an event with a future time, which a wrong clock left behind, counts as old as the event after it.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Clock;

/// The minimum time for which an event, and with it the webhook's id, is kept: eight days.
pub const IDS_KEPT: Duration = Duration::from_secs(8 * 24 * 60 * 60);

/// How long events are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Older events are deleted; at least [`IDS_KEPT`].
    pub max_age: Duration,
    /// When the log holds more bytes, events older than [`IDS_KEPT`] are deleted; when there are none, new ones are refused.
    pub max_bytes: u64,
}

impl Default for Retention {
    /// 90 days, 10 GiB.
    fn default() -> Self {
        Self { max_age: Duration::from_secs(90 * 24 * 60 * 60), max_bytes: 10 << 30 }
    }
}

impl Retention {
    /// Events recorded before the result are deleted; none: nothing is. `now` is the clock's time and `believed` retention's;
    /// `oldest` is the time of the first event not in the future. For its size the log loses no more than necessary, so that is
    /// measured by the clock.
    pub(super) fn delete_before(
        &self,
        now: Timestamp,
        believed: Timestamp,
        oldest: Option<Timestamp>,
        is_short_of_room: bool,
    ) -> Option<Timestamp> {
        let (now, age) = if is_short_of_room { (now, IDS_KEPT) } else { (believed, self.max_age.max(IDS_KEPT)) };
        let before = now.checked_sub(age).unwrap_or(Timestamp::MIN);
        oldest.is_some_and(|oldest| oldest < before).then_some(before)
    }
}

/// How much faster than real time retention follows a clock that is ahead of it: a day an hour. If the machine was off, it
/// catches up; if the clock is wrong, an hour costs a day of the oldest events, and not all of them.
const FASTER: u32 = 24;
/// A longer lag is logged.
const WORTH_TELLING: Duration = Duration::from_secs(24 * 60 * 60);

/// The time that retention measures age by. It starts at the time of the newest event, and follows the clock from there at most
/// `FASTER` times faster than real time.
#[derive(Debug)]
pub(super) struct RetentionClock {
    time: Timestamp,
    at: Duration,
    is_logged: bool,
}

impl RetentionClock {
    /// For a log whose newest event was recorded at `newest`; [`Timestamp::MIN`]: it has none.
    pub(super) fn new(newest: Timestamp, clock: &dyn Clock) -> Self {
        let now = clock.now();
        let time = if newest == Timestamp::MIN { now } else { newest.min(now) };
        Self { time, at: clock.elapsed(), is_logged: false }
    }

    /// Retention's time, and how far the clock is ahead of it.
    pub(super) fn look(&mut self, clock: &dyn Clock) -> (Timestamp, Duration) {
        let (now, at) = (clock.now(), clock.elapsed());
        let allowed = at.saturating_sub(self.at).saturating_mul(FASTER);
        self.time = self.time.saturating_add(allowed).unwrap_or(Timestamp::MAX).min(now);
        self.at = at;
        let behind = Duration::try_from(now.duration_since(self.time)).unwrap_or_default();
        if behind >= WORTH_TELLING && !self.is_logged {
            let days = behind.as_secs() / WORTH_TELLING.as_secs();
            tracing::warn!(
                days,
                "the clock is far ahead of the newest event; a wrong clock must not empty the event log, so retention catches up \
                 by a day an hour"
            );
        }
        self.is_logged = behind >= WORTH_TELLING;
        (self.time, behind)
    }
}

/// How many of the oldest events to delete, given their times of recording in order: at most `most`, of those recorded before
/// `before`. Events with future times go with those that follow. Future ones at the beginning always go, so the caller has
/// checked that the first event not in the future was recorded before `before`.
pub(super) fn count_expired(
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn what_is_from_the_future_goes_with_what_follows_it_and_not_before() {
        let going = |times: &[i64], most| count_expired(times.iter().map(|second| at(*second)), at(50), at(100), most);
        assert_eq!(going(&[], 9), 0);
        assert_eq!(going(&[10, 20, 49, 50, 60], 9), 3);
        assert_eq!(going(&[10, 20, 49, 50, 60], 2), 2);
        assert_eq!(going(&[60, 10], 9), 0, "what is kept keeps what follows");
        assert_eq!(going(&[10, 999, 999, 60, 10], 9), 1);
        assert_eq!(going(&[999, 999, 20, 60], 9), 3);
        assert_eq!(going(&[999, 999, 20, 60], 2), 2, "the rest goes the next time");
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
        let mut pace = RetentionClock::new(at(1_000_000_000) - 50 * HOUR, &hands);
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
        assert_eq!(RetentionClock::new(Timestamp::MIN, &hands).look(&hands).1, Duration::ZERO);
    }
}
