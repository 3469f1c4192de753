//! The circuit breaker: while Grid fails time and again, requests are held back instead of piling up.
//!
//! Closed, it counts failures in a row. Open, it holds everything back for a while. Then it is half open: one request
//! is let through to try, and its outcome closes or opens the breaker again. A failure is a request without a complete
//! answer, and 408, 502, 503 and 504. A 500 or 501 is not: Grid is there, and does not do that one thing.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::{BreakerConfig, BreakerState};

/// A request that ran into its caller's deadline counts as a failure only if Grid had so long to answer it. Otherwise
/// callers with very short deadlines could shut Grid off for all others.
const SLOW: Duration = Duration::from_secs(10);

/// One breaker, for one Grid.
pub(super) struct Breaker {
    config: BreakerConfig,
    /// Guards the state alone; never held across a wait.
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
    },
    /// One request is under way to try.
    HalfOpen,
}

/// Leave to send one request, to be given back with what came of it. Dropped, it says nothing.
pub(super) struct Ticket<'a> {
    breaker: &'a Breaker,
    admitted_at: Instant,
    /// Whether it is the one that tries.
    probe: bool,
}

impl Breaker {
    pub(super) fn new(config: BreakerConfig) -> Self {
        Self { config, state: Mutex::new(State::Closed { failures: 0 }) }
    }

    /// Leave to send a request, or how long requests are held back.
    pub(super) fn admit(&self, now: Instant) -> Result<Ticket<'_>, Duration> {
        let mut state = self.state();
        match *state {
            State::Closed { .. } => Ok(Ticket { breaker: self, admitted_at: now, probe: false }),
            State::Open { until } if now < until => Err(until - now),
            State::Open { .. } => {
                *state = State::HalfOpen;
                Ok(Ticket { breaker: self, admitted_at: now, probe: true })
            }
            // How long the probe takes is not known; asking again in a moment is a fair guess.
            State::HalfOpen => Err(self.config.open_for.min(Duration::from_secs(1))),
        }
    }

    /// How long requests are held back for certain, without taking leave to send one.
    pub(super) fn held_back(&self, now: Instant) -> Option<Duration> {
        match *self.state() {
            State::Open { until } => until.checked_duration_since(now).filter(|left| !left.is_zero()),
            State::Closed { .. } | State::HalfOpen => None,
        }
    }

    /// How it stands, for those who look on.
    pub(super) fn stands_at(&self, now: Instant) -> BreakerState {
        match *self.state() {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { until } if now < until => BreakerState::Open,
            // The next request tries.
            State::Open { .. } | State::HalfOpen => BreakerState::HalfOpen,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A state is always whole: it is replaced, never half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, state: &mut State, now: Instant) {
        tracing::warn!(open_for_ms = self.config.open_for.as_millis(), "Grid keeps failing: requests are held back");
        *state = State::Open { until: now + self.config.open_for };
    }
}

impl Ticket<'_> {
    /// Grid answered.
    pub(super) fn succeeded(mut self) {
        let mut state = self.breaker.state();
        if self.probe {
            tracing::info!("Grid answers again");
        }
        // A success that was under way when the breaker opened is news of Grid as it was then.
        if self.probe || matches!(*state, State::Closed { .. }) {
            *state = State::Closed { failures: 0 };
        }
        drop(state);
        self.probe = false;
    }

    /// Grid did not answer.
    pub(super) fn failed(mut self, now: Instant) {
        let mut state = self.breaker.state();
        match *state {
            State::HalfOpen if self.probe => self.breaker.open(&mut state, now),
            State::Closed { failures } if failures + 1 >= self.breaker.config.failures => {
                self.breaker.open(&mut state, now)
            }
            State::Closed { failures } => *state = State::Closed { failures: failures + 1 },
            State::HalfOpen | State::Open { .. } => {}
        }
        drop(state);
        self.probe = false;
    }

    /// The caller's deadline came before Grid's answer.
    pub(super) fn timed_out(self, now: Instant) {
        if now.duration_since(self.admitted_at) >= SLOW {
            self.failed(now);
        }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if self.probe {
            // The probe was given up: the next request tries.
            *self.breaker.state() = State::Open { until: self.admitted_at };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN_FOR: Duration = Duration::from_secs(5);

    fn breaker(failures: u32) -> Breaker {
        Breaker::new(BreakerConfig { failures, open_for: OPEN_FOR })
    }

    fn admitted(breaker: &Breaker, now: Instant) -> Ticket<'_> {
        breaker.admit(now).unwrap_or_else(|left| panic!("held back for {left:?}"))
    }

    /// A breaker that opened just now.
    fn opened(now: Instant) -> Breaker {
        let breaker = breaker(2);
        admitted(&breaker, now).failed(now);
        admitted(&breaker, now).failed(now);
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_between_does_not() {
        let (breaker, now) = (breaker(2), Instant::now());
        for _ in 0..3 {
            admitted(&breaker, now).failed(now);
            admitted(&breaker, now).succeeded();
        }
        admitted(&breaker, now).failed(now);
        admitted(&breaker, now).failed(now);
        assert_eq!(breaker.admit(now).err(), Some(OPEN_FOR));
        assert_eq!(breaker.held_back(now + Duration::from_secs(3)), Some(Duration::from_secs(2)));
    }

    #[test]
    fn after_a_while_one_request_tries_and_its_success_closes_it() {
        let now = Instant::now();
        let (breaker, later) = (opened(now), now + OPEN_FOR);
        assert_eq!(breaker.held_back(later), None);
        let probe = admitted(&breaker, later);
        assert!(breaker.admit(later).is_err(), "a second one while the first tries");
        probe.succeeded();
        admitted(&breaker, later).failed(later);
        assert!(breaker.admit(later).is_ok(), "the count starts again");
    }

    #[test]
    fn a_failed_try_opens_it_again() {
        let now = Instant::now();
        let (breaker, later) = (opened(now), now + OPEN_FOR);
        admitted(&breaker, later).failed(later);
        assert_eq!(breaker.admit(later).err(), Some(OPEN_FOR));
    }

    #[test]
    fn a_try_that_is_given_up_leaves_the_next_one_to_try() {
        let now = Instant::now();
        let (breaker, later) = (opened(now), now + OPEN_FOR);
        drop(admitted(&breaker, later));
        assert!(breaker.admit(later).is_ok());
    }

    #[test]
    fn what_was_under_way_when_it_opened_does_not_close_it() {
        let (breaker, now) = (breaker(1), Instant::now());
        let (slow, failing) = (admitted(&breaker, now), admitted(&breaker, now));
        failing.failed(now);
        slow.succeeded();
        assert!(breaker.admit(now).is_err());
    }

    #[test]
    fn a_short_deadline_is_no_failure_of_grid() {
        let (breaker, now) = (breaker(1), Instant::now());
        admitted(&breaker, now).timed_out(now + Duration::from_millis(50));
        assert!(breaker.admit(now).is_ok());
        admitted(&breaker, now).timed_out(now + SLOW);
        assert!(breaker.admit(now + SLOW).is_err());
    }
}
