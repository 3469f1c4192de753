//! Waits that grow.

use std::time::Duration;

/// Doubles from a first wait up to a longest one; each is between half of it and all of it, at random.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// Waits of `first` at first, and of `longest` in the end.
    #[must_use]
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failures: 0 }
    }

    /// Whether nothing has failed since the beginning, or since the last success.
    pub fn is_fresh(&self) -> bool {
        self.failures == 0
    }

    /// How many failed in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// After a success.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// The wait after another failure.
    pub fn next_wait(&mut self) -> Duration {
        let wait = self.first.saturating_mul(1 << self.failures.min(30)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        wait.mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_with_jitter() {
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::new(second, second * 10);
        assert!(backoff.is_fresh());
        for full in [1, 2, 4, 8, 10, 10] {
            let wait = backoff.next_wait();
            assert!(wait >= second * full / 2 && wait <= second * full, "{wait:?} of {full}");
            assert!(!backoff.is_fresh());
        }
        backoff.reset();
        assert!(backoff.is_fresh() && backoff.next_wait() <= second);
    }
}
