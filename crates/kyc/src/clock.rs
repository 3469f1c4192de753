//! Clocks: the machine's, a steady one that does not follow its every jump, and a trait so that tests can set the time.

use gridgate_io::metrics::{Kind, Metrics, count};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// A change by more than this is a jump. Smaller corrections are followed at once.
pub const JUMP: SignedDuration = SignedDuration::from_secs(60);
/// How long the clock has to keep its new time after a jump before it is followed.
pub const SETTLE: Duration = Duration::from_secs(60);

/// A source of the current time.
pub trait Clock: Send + Sync + 'static {
    /// The current time.
    fn now(&self) -> Timestamp;

    /// Monotonic time since a fixed moment. By default it moves with the clock, as in tests.
    fn elapsed(&self) -> Duration {
        self.now().duration_since(Timestamp::UNIX_EPOCH).try_into().unwrap_or_default()
    }

    /// The time since the last jump; zero while a jump is unsettled.
    fn steady_for(&self) -> Duration {
        Duration::MAX
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn elapsed(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }
}

/// A clock that continues when the one below jumps, and follows it once that has kept its new time for [`SETTLE`]. A clock that
/// is wrong for a moment changes nothing.
#[derive(Debug)]
pub struct SteadyClock<C> {
    below: C,
    state: Mutex<ClockState>,
    jumps: AtomicU64,
}

#[derive(Debug)]
struct ClockState {
    /// A time that is certain, and the monotonic time of it.
    time: Timestamp,
    at: Duration,
    /// A jump of the clock below since.
    jump: Option<Jump>,
    steady_since: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Jump {
    began: Duration,
    by: SignedDuration,
}

impl<C: Clock> SteadyClock<C> {
    /// A clock that trusts the present time of `below`.
    #[must_use]
    pub fn over(below: C) -> Self {
        let (time, at) = (below.now(), below.elapsed());
        let state = Mutex::new(ClockState { time, at, jump: None, steady_since: at });
        Self { below, state, jumps: AtomicU64::new(0) }
    }

    /// Registers how often the clock below has jumped.
    pub fn register_metrics(self: &Arc<Self>, metrics: &mut Metrics)
    where
        C: 'static,
    {
        let this = Arc::clone(self);
        let help = "Jumps of the machine's clock by more than a minute";
        metrics.read_one(Kind::Counter, "gridgate_clock_jumps", help, move || count(this.jumps()));
    }

    /// How often the clock below has jumped.
    pub fn jumps(&self) -> u64 {
        self.jumps.load(Ordering::Relaxed)
    }

    /// Reads the clock below, and returns the steady time.
    fn look(&self, state: &mut ClockState) -> Timestamp {
        let (said, at) = (self.below.now(), self.below.elapsed());
        let passed = SignedDuration::try_from(at.saturating_sub(state.at)).unwrap_or(SignedDuration::MAX);
        let expected = state.time.saturating_add(passed).unwrap_or(Timestamp::MAX);
        let by = said.duration_since(expected);
        if by.abs() <= JUMP {
            if state.jump.take().is_some() {
                tracing::info!("the machine's clock is back at the time that it had before it jumped");
            }
            (state.time, state.at) = (said, at);
            return said;
        }
        match state.jump {
            Some(jump) if by.saturating_sub(jump.by).abs() <= JUMP => {
                if at.saturating_sub(jump.began) >= SETTLE {
                    tracing::warn!(
                        seconds = by.as_secs(),
                        "the machine's clock kept its new time for a minute; the event log follows it from now on"
                    );
                    *state = ClockState { time: said, at, jump: None, steady_since: jump.began };
                    return said;
                }
            }
            Some(_) | None => {
                self.jumps.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(
                    seconds = by.as_secs(),
                    "the machine's clock jumped; the event log counts on from the time before, until the clock has kept its new time \
                     for a minute"
                );
                state.jump = Some(Jump { began: at, by });
            }
        }
        expected
    }
}

impl<C: Clock> Clock for SteadyClock<C> {
    fn now(&self) -> Timestamp {
        self.look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn elapsed(&self) -> Duration {
        self.below.elapsed()
    }

    fn steady_for(&self) -> Duration {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.look(&mut state);
        if state.jump.is_some() { Duration::ZERO } else { self.below.elapsed().saturating_sub(state.steady_since) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Two hands, which a test moves one by one.
    #[derive(Default)]
    struct Hands(Mutex<(Timestamp, Duration)>);

    impl Hands {
        fn pass(&self, time: Duration) {
            let mut hands = self.0.lock().unwrap();
            *hands = (hands.0 + time, hands.1 + time);
        }

        fn set_by(&self, by: SignedDuration) {
            let mut hands = self.0.lock().unwrap();
            hands.0 += by;
        }
    }

    impl Clock for Arc<Hands> {
        fn now(&self) -> Timestamp {
            self.0.lock().unwrap().0
        }

        fn elapsed(&self) -> Duration {
            self.0.lock().unwrap().1
        }
    }

    const YEAR: SignedDuration = SignedDuration::from_hours(365 * 24);

    #[test]
    fn a_jump_that_is_taken_back_changes_nothing_and_one_that_stands_is_followed() {
        for by in [YEAR, -YEAR, SignedDuration::from_secs(61)] {
            let hands = Arc::new(Hands::default());
            let clock = SteadyClock::over(Arc::clone(&hands));
            hands.pass(Duration::from_secs(100));
            assert_eq!((clock.now(), clock.jumps()), (hands.now(), 0));
            let before = hands.now();
            hands.set_by(by);
            hands.pass(Duration::from_secs(4));
            assert_eq!(clock.now(), before + Duration::from_secs(4));
            assert_eq!((clock.steady_for(), clock.jumps()), (Duration::ZERO, 1));
            hands.set_by(-by);
            assert_eq!(clock.now(), hands.now());
            assert!(clock.steady_for() > SETTLE);

            hands.set_by(by);
            clock.now();
            hands.pass(SETTLE - Duration::from_secs(1));
            assert_ne!(clock.now(), hands.now());
            hands.pass(Duration::from_secs(1));
            assert_eq!((clock.now(), clock.jumps()), (hands.now(), 2));
            assert_eq!(clock.steady_for(), SETTLE);
        }
    }

    #[test]
    fn one_jump_after_the_other_has_to_stand_by_itself_and_small_corrections_are_followed() {
        let hands = Arc::new(Hands::default());
        let clock = SteadyClock::over(Arc::clone(&hands));
        for _ in 0..10 {
            hands.set_by(SignedDuration::from_hours(1));
            hands.pass(Duration::from_secs(50));
            assert_ne!(clock.now(), hands.now());
        }
        assert_eq!(clock.jumps(), 10);
        hands.pass(SETTLE);
        assert_eq!(clock.now(), hands.now());
        for by in [30, -30, 60] {
            hands.set_by(SignedDuration::from_secs(by));
            assert_eq!(clock.now(), hands.now());
        }
        assert_eq!(clock.jumps(), 10);
    }
}
