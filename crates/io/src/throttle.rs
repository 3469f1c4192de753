//! Limits log lines that outsiders can cause to one in ten seconds.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The least time between two lines of one kind.
const PAUSE: Duration = Duration::from_secs(10);

/// Lets one line pass every ten seconds, and counts the lines that it holds back.
#[derive(Debug, Default)]
pub struct Throttle {
    /// Guards both: when a line last passed, and how many were held back since.
    state: Mutex<(Option<Instant>, u64)>,
}

impl Throttle {
    /// How many lines were held back since the last one, if one may pass now.
    pub fn pass(&self) -> Option<u64> {
        self.pass_at(Instant::now())
    }

    fn pass_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (passed_at, held_back) = &mut *state;
        if passed_at.is_some_and(|at| now.duration_since(at) < PAUSE) {
            *held_back += 1;
            return None;
        }
        *passed_at = Some(now);
        Some(std::mem::take(held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_passes_and_the_next_says_how_many_did_not() {
        let throttle = Throttle::default();
        let start = Instant::now();
        assert_eq!(throttle.pass_at(start), Some(0));
        assert_eq!(throttle.pass_at(start + PAUSE / 2), None);
        assert_eq!(throttle.pass_at(start + PAUSE / 2), None);
        assert_eq!(throttle.pass_at(start + PAUSE), Some(2));
        assert_eq!(throttle.pass_at(start + PAUSE * 3), Some(0));
    }
}
