//! The time that an event is recorded at. Times follow the log's order, with one exception: when the clock was ahead for a
//! while and has been corrected, they step back, once, to the right time.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{Clock, JUMP, SETTLE};

/// Events that were recorded longer ago than this have the right time.
const BEYOND_DOUBT: Duration = Duration::from_secs(24 * 60 * 60);

/// A time from its microseconds since 1970. One that is beyond the first or the last time there can be is that.
pub(super) fn from_micros(micros: i64) -> Timestamp {
    let beyond = if micros < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_microsecond(micros).unwrap_or(beyond)
}

/// The bounds for the next event's time.
#[derive(Debug)]
pub(super) struct RecordTimes {
    last: Timestamp,
    /// No time steps back beyond this one, which was right as far as is known.
    floor: Timestamp,
    /// The floor from the next day on, and since when it waits for that.
    next_floor: (Timestamp, Duration),
}

impl RecordTimes {
    /// The last event was recorded at `last`, and the last of those that are not from the future at `floor`.
    pub(super) fn new(last: Timestamp, floor: Timestamp, clock: &dyn Clock) -> Self {
        if is_ahead(last, clock.now()) {
            let seconds = last.duration_since(clock.now()).as_secs();
            tracing::warn!(seconds, "the newest events have future times: this machine's clock is wrong, or was");
        }
        Self { last, floor, next_floor: (floor, clock.elapsed()) }
    }

    /// The time for an event that is recorded now.
    pub(super) fn next(&self, clock: &dyn Clock) -> Timestamp {
        let now = clock.now();
        if now >= self.last || (is_ahead(self.last, now) && now >= self.floor && clock.steady_for() >= SETTLE) {
            now
        } else {
            self.last
        }
    }

    /// When the last event was recorded.
    pub(super) fn last(&self) -> Timestamp {
        self.last
    }

    /// An event was recorded at this time.
    pub(super) fn recorded(&mut self, at: Timestamp, clock: &dyn Clock) {
        if at < self.last {
            let seconds = self.last.duration_since(at).as_secs();
            tracing::warn!(
                seconds,
                "the clock was ahead while events were recorded; from now on their times are right again"
            );
        }
        self.last = at;
        let (waiting, since) = self.next_floor;
        if clock.elapsed().saturating_sub(since) >= BEYOND_DOUBT {
            self.floor = waiting;
            self.next_floor = (at, clock.elapsed());
        }
    }
}

/// Whether a recorded time is later than it can be at `now`.
pub(super) fn is_ahead(recorded_at: Timestamp, now: Timestamp) -> bool {
    recorded_at.duration_since(now) > JUMP
}

/// The time at which an event counts as recorded that says `said`, and comes after one of `before`: never before it, unless
/// it steps back on purpose, which is by more than clocks of replicas differ.
pub(super) fn in_order(said: Timestamp, before: Timestamp) -> Timestamp {
    if is_ahead(before, said) { said } else { said.max(before) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_beyond_all_times_is_the_first_or_the_last() {
        let last = Timestamp::MAX.as_microsecond();
        for beyond in [last, last + 1, i64::MAX] {
            assert_eq!(from_micros(beyond), Timestamp::MAX);
        }
        for beyond in [Timestamp::MIN.as_microsecond() - 1, i64::MIN] {
            assert_eq!(from_micros(beyond), Timestamp::MIN);
        }
        for micros in [-1, 0, 1, 1_753_119_148_000_001] {
            assert_eq!(from_micros(micros).as_microsecond(), micros);
        }
    }
}
