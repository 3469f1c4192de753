//! The circuit breaker: while Grid fails time and again, requests are held back instead of piling up.
//!
//! Closed, it counts failures in a row. Open, it holds everything back for a while. Then it is half open: one request
//! is let through to try, and its outcome closes or opens the breaker again. A failure is a request without a complete
//! answer, and 502, 503 and 504. A 500 is not: Grid is there, and fails that one request.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::grid::BreakerConfig;

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
    /// Whether it is the one that tries.
    probe: bool,
}

impl Breaker {
    pub(super) fn new(config: BreakerConfig) -> Self {
        Self { config, state: Mutex::new(State::Closed { failures: 0 }) }
    }

    /// Leave to send a request, or how long requests are held back.
    pub(super) fn admit(&self) -> Result<Ticket<'_>, Duration> {
        let now = Instant::now();
        let mut state = self.state();
        match *state {
            State::Closed { .. } => Ok(Ticket { breaker: self, probe: false }),
            State::Open { until } if now < until => Err(until - now),
            State::Open { .. } => {
                *state = State::HalfOpen;
                Ok(Ticket { breaker: self, probe: true })
            }
            // How long the probe takes is not known; asking again in a moment is a fair guess.
            State::HalfOpen => Err(self.config.open_for.min(Duration::from_secs(1))),
        }
    }

    /// How long requests are held back for certain, without taking leave to send one.
    pub(super) fn held_back(&self) -> Option<Duration> {
        match *self.state() {
            State::Open { until } => until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()),
            State::Closed { .. } | State::HalfOpen => None,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A state is always whole: it is replaced, never half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, state: &mut State) {
        tracing::warn!(open_for_ms = self.config.open_for.as_millis(), "Grid keeps failing: requests are held back");
        *state = State::Open { until: Instant::now() + self.config.open_for };
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
    pub(super) fn failed(mut self) {
        let mut state = self.breaker.state();
        match *state {
            State::HalfOpen if self.probe => self.breaker.open(&mut state),
            State::Closed { failures } if failures + 1 >= self.breaker.config.failures => self.breaker.open(&mut state),
            State::Closed { failures } => *state = State::Closed { failures: failures + 1 },
            State::HalfOpen | State::Open { .. } => {}
        }
        drop(state);
        self.probe = false;
    }

    /// The caller's deadline came after Grid had had `waited` to answer.
    pub(super) fn timed_out(self, waited: Duration) {
        if waited >= SLOW {
            self.failed();
        }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if self.probe {
            // The probe was given up: the next request tries.
            *self.breaker.state() = State::Open { until: Instant::now() };
        }
    }
}
