//! The times at which a stream acts.

use std::time::Duration;

use tokio::time::Instant;

/// The number of events delivered between two reads of the clock.
const LOOK_EVERY: u8 = 16;

/// When the next heartbeat is due, and when the stream ends.
pub(super) struct Timetable {
    heartbeat: Duration,
    next_heartbeat: Instant,
    ends_at: Instant,
    max_lag: Duration,
    until_look: u8,
}

/// The next action that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// The stream has reached its maximum age.
    End,
    /// This replica has not known the end of the log for too long.
    Behind,
    Heartbeat,
}

impl Timetable {
    /// For a stream that starts now, and lives up to a tenth less than `max_age`.
    pub(super) fn new(heartbeat: Duration, max_age: Duration, max_lag: Duration) -> Self {
        let now = Instant::now();
        let age = max_age.mul_f64(1.0 - 0.1 * fastrand::f64());
        let far = now + Duration::from_secs(365 * 24 * 60 * 60);
        Self {
            heartbeat,
            next_heartbeat: now + heartbeat,
            ends_at: now.checked_add(age).unwrap_or(far),
            max_lag,
            until_look: 0,
        }
    }

    /// Whether to look at the clock before this event.
    pub(super) fn is_time_to_look(&mut self) -> bool {
        match self.until_look.checked_sub(1) {
            Some(left) => {
                self.until_look = left;
                false
            }
            None => {
                self.until_look = LOOK_EVERY;
                true
            }
        }
    }

    /// Makes the next look due at once: the stream has waited.
    pub(super) fn look_now(&mut self) {
        self.until_look = 0;
    }

    /// What is due on a replica with this lag.
    pub(super) fn due(&mut self, lag: Duration) -> Option<Due> {
        let now = Instant::now();
        if now >= self.ends_at {
            Some(Due::End)
        } else if lag > self.max_lag {
            Some(Due::Behind)
        } else if now >= self.next_heartbeat {
            self.next_heartbeat = now + self.heartbeat;
            Some(Due::Heartbeat)
        } else {
            None
        }
    }

    /// When something may be due next.
    pub(super) fn next_look(&self, lag: Duration) -> Instant {
        let until_behind = self.max_lag.saturating_sub(lag) + Duration::from_millis(1);
        let may_be_behind = Instant::now().checked_add(until_behind).unwrap_or(self.ends_at);
        self.next_heartbeat.min(self.ends_at).min(may_be_behind)
    }
}
