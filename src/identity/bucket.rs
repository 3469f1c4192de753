//! Token buckets: so many at once, and so many a second in the long run.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How fast something may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rate {
    /// In the long run, at least 1.
    pub(super) per_second: u32,
    /// At once, after a pause; at least 1.
    pub(super) burst: u32,
}

/// A bucket, full at first.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: Rate,
    /// Guards the level, and when it was last looked at.
    level: Mutex<(f64, Instant)>,
}

impl Bucket {
    pub(super) fn new(rate: Rate, now: Instant) -> Self {
        Bucket { rate, level: Mutex::new((f64::from(rate.burst), now)) }
    }

    pub(super) fn rate(&self) -> Rate {
        self.rate
    }

    /// Takes one.
    ///
    /// # Errors
    /// There is none; after so long there will be.
    pub(super) fn take(&self, now: Instant) -> Result<(), Duration> {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, looked_at) = &mut *level;
        let per_second = f64::from(self.rate.per_second);
        let gained = now.saturating_duration_since(*looked_at).as_secs_f64() * per_second;
        *left = (*left + gained).min(f64::from(self.rate.burst));
        *looked_at = now.max(*looked_at);
        if *left >= 1.0 {
            *left -= 1.0;
            return Ok(());
        }
        // At least a millisecond, which is the least that can be said to a caller.
        let wait = Duration::from_secs_f64((1.0 - *left) / per_second);
        Err(wait.max(Duration::from_millis(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_burst_and_then_the_rate() {
        let start = Instant::now();
        let bucket = Bucket::new(Rate { per_second: 2, burst: 3 }, start);
        for _ in 0..3 {
            assert_eq!(bucket.take(start), Ok(()));
        }
        assert_eq!(bucket.take(start), Err(Duration::from_millis(500)));
        assert_eq!(bucket.take(start + Duration::from_millis(400)).map_err(|wait| wait.as_millis() <= 100), Err(true));
        assert_eq!(bucket.take(start + Duration::from_millis(500)), Ok(()));
        assert!(bucket.take(start + Duration::from_millis(500)).is_err());
        // A long pause fills it, and no further.
        let later = start + Duration::from_secs(1000);
        assert_eq!((0..10).filter(|_| bucket.take(later).is_ok()).count(), 3);
    }

    proptest! {
        #[test]
        fn never_more_than_promised(
            per_second in 1u32..100,
            burst in 1u32..100,
            pauses in proptest::collection::vec(0u64..100, 0..300),
        ) {
            let start = Instant::now();
            let bucket = Bucket::new(Rate { per_second, burst }, start);
            let mut now = start;
            let mut taken = 0.0;
            for pause in pauses {
                now += Duration::from_millis(pause);
                match bucket.take(now) {
                    Ok(()) => taken += 1.0,
                    // Whoever waits as long as it was told gets one.
                    Err(wait) => {
                        now += wait + Duration::from_micros(1);
                        prop_assert_eq!(bucket.take(now), Ok(()));
                        taken += 1.0;
                    }
                }
                let most = f64::from(burst) + (now - start).as_secs_f64() * f64::from(per_second);
                prop_assert!(taken <= most + 1e-6);
            }
        }
    }
}
