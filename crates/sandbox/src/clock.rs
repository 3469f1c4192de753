//! The sandbox's clock: real time plus an offset that tests can move forward.
//!
//! Everything in the sandbox that has a time (rows, expiry of links, retries of webhooks) asks this clock, so that
//! days pass in an instant when the control API says so.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// The date at this time, UTC.
pub(super) fn date_of(time: Timestamp) -> jiff::civil::Date {
    time.to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// Smallest step of the clock. Grid's times are RFC 3339; microseconds survive every parser in use.
const TICK: SignedDuration = SignedDuration::from_micros(1);

/// A clock that can be moved forward and that never shows the same time twice to those who write.
#[derive(Debug)]
pub(super) struct Clock {
    /// Guards the offset and the last time given out, which have to change together.
    hands: Mutex<Hands>,
    /// Says to those who wait for a time that the clock has been moved.
    moved: watch::Sender<u64>,
}

#[derive(Debug)]
struct Hands {
    offset: SignedDuration,
    last: Timestamp,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self {
            hands: Mutex::new(Hands { offset: SignedDuration::ZERO, last: Timestamp::UNIX_EPOCH }),
            moved: watch::Sender::new(0),
        }
    }

    /// The time now, in whole microseconds.
    pub(super) fn now(&self) -> Timestamp {
        let hands = self.hands.lock().unwrap_or_else(PoisonError::into_inner);
        hands.read()
    }

    /// The time now, and later than every time this method has answered before: two changes are never simultaneous.
    pub(super) fn tick(&self) -> Timestamp {
        let mut hands = self.hands.lock().unwrap_or_else(PoisonError::into_inner);
        let next = hands.last.saturating_add(TICK).unwrap_or(hands.last);
        hands.last = hands.read().max(next);
        hands.last
    }

    /// Moves the clock forward, and returns the new time.
    pub(super) fn advance(&self, by: std::time::Duration) -> Timestamp {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        let now = {
            let mut hands = self.hands.lock().unwrap_or_else(PoisonError::into_inner);
            hands.offset = hands.offset.saturating_add(by);
            hands.read()
        };
        self.moved.send_modify(|count| *count = count.wrapping_add(1));
        now
    }

    pub(super) fn reset(&self) {
        let mut hands = self.hands.lock().unwrap_or_else(PoisonError::into_inner);
        *hands = Hands { offset: SignedDuration::ZERO, last: Timestamp::UNIX_EPOCH };
        drop(hands);
        self.moved.send_modify(|count| *count = count.wrapping_add(1));
    }

    pub(super) fn offset(&self) -> SignedDuration {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner).offset
    }

    pub(super) fn moves(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }
}

impl Hands {
    fn read(&self) -> Timestamp {
        let now = Timestamp::now().saturating_add(self.offset).unwrap_or(Timestamp::MAX);
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Clock;

    #[test]
    fn ticks_are_never_equal_and_follow_the_clock() {
        let clock = Clock::new();
        let ticks: Vec<_> = (0..1000).map(|_| clock.tick()).collect();
        assert!(ticks.windows(2).all(|pair| pair[0] < pair[1]));

        let before = clock.tick();
        clock.advance(Duration::from_secs(7 * 24 * 3600));
        assert!(clock.tick().duration_since(before).as_hours() >= 7 * 24 - 1);
    }

    #[test]
    fn an_absurd_step_stops_at_the_end_of_time() {
        let clock = Clock::new();
        clock.advance(Duration::MAX);
        assert!(clock.now() > jiff::Timestamp::UNIX_EPOCH);
        assert!(clock.tick() < clock.tick() || clock.tick() == jiff::Timestamp::MAX);
    }
}
