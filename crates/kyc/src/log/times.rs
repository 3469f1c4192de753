//! The times events are recorded at. They follow the log's order, with one exception: when a clock that was ahead has been
//! corrected, they step back once, to the right time.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{Clock, JUMP, SETTLE};

/// The times of events older than this count as right.
const BEYOND_DOUBT: Duration = Duration::from_secs(24 * 60 * 60);

/// A time from its microseconds since 1970, clamped to the range of [`Timestamp`].
pub(crate) fn from_micros(micros: i64) -> Timestamp {
    let beyond = if micros < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_microsecond(micros).unwrap_or(beyond)
}

/// Bounds for the time of the next event.
#[derive(Debug)]
pub(super) struct RecordTimes {
    last: Timestamp,
    /// No time steps back beyond this one, which counts as right.
    floor: Timestamp,
    /// The floor of the next day, and since when it waits.
    next_floor: (Timestamp, Duration),
}

impl RecordTimes {
    /// The last event was recorded at `last`, and the last one not in the future at `floor`.
    pub(crate) fn new(last: Timestamp, floor: Timestamp, clock: &dyn Clock) -> Self {
        if is_ahead(last, clock.now()) {
            let seconds = last.duration_since(clock.now()).as_secs();
            tracing::warn!(seconds, "the newest events have future times: this machine's clock is wrong, or was wrong");
        }
        Self { last, floor, next_floor: (floor, clock.elapsed()) }
    }

    /// The time for an event recorded now.
    pub(crate) fn next(&self, clock: &dyn Clock) -> Timestamp {
        let now = clock.now();
        if now >= self.last || (is_ahead(self.last, now) && now >= self.floor && clock.steady_for() >= SETTLE) {
            now
        } else {
            self.last
        }
    }

    pub(crate) fn last(&self) -> Timestamp {
        self.last
    }

    pub(crate) fn recorded(&mut self, at: Timestamp, clock: &dyn Clock) {
        if at < self.last {
            let seconds = self.last.duration_since(at).as_secs();
            tracing::warn!(
                seconds,
                "the clock was ahead while events were recorded; event times are right again from now on"
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

/// Whether a recorded time lies in the future.
pub(crate) fn is_ahead(recorded_at: Timestamp, now: Timestamp) -> bool {
    recorded_at.duration_since(now) > JUMP
}

/// The time of an event with the time `said` that follows one of `before`: not earlier, unless it steps back on purpose, which
/// is by more than the clocks of replicas differ.
pub(crate) fn in_order(said: Timestamp, before: Timestamp) -> Timestamp {
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
