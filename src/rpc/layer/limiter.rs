//! A concurrency limiter: a number of permits, and who gets one.
//!
//! A short wait evens out bursts. It does no good when there is more to do than can be done: then every call would wait
//! as long as it may, and most of them for nothing. So calls wait only at the beginning of such a time, and are refused
//! at once for the rest of it.

use super::fair_share::{FairShares, Share};
use crate::rpc::refused::Shed;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

/// A permit, until it is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    _permit: OwnedSemaphorePermit,
    _share: Option<Share>,
}

/// The wait for a permit.
pub(super) type Wait = Pin<Box<dyn Future<Output = Result<Permit, Shed>> + Send>>;

/// The outcome of asking for a permit.
pub(super) enum Acquired {
    /// There is one.
    Now(Permit),
    /// There may be one soon.
    Later(Wait),
    /// There is none.
    Never(Shed),
}

/// A time without a break in which calls found no permit.
#[derive(Debug, Clone, Copy)]
struct Pressure {
    began: Instant,
    last: Instant,
}

/// A number of permits.
#[derive(Debug)]
pub(super) struct Limiter {
    capacity: u32,
    free: Arc<Semaphore>,
    /// Bounds how many wait: as many as there are permits.
    waiting: Arc<Semaphore>,
    max_wait: Duration,
    /// Looked at only by calls that find no permit.
    pressure: Mutex<Option<Pressure>>,
    shares: Arc<FairShares>,
    refused: Arc<AtomicU64>,
}

/// How busy a limiter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimiterSnapshot {
    /// Permits that calls hold.
    pub taken: u64,
    /// Permits in all.
    pub capacity: u64,
    /// Calls that were ever refused for want of one.
    pub refused: u64,
}

fn semaphore(permits: u32) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(usize::try_from(permits).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS)))
}

impl Limiter {
    pub(super) fn new(capacity: u32, max_wait: Duration) -> Self {
        Limiter {
            capacity,
            free: semaphore(capacity),
            waiting: semaphore(capacity),
            max_wait,
            pressure: Mutex::new(None),
            shares: Arc::default(),
            refused: Arc::default(),
        }
    }

    pub(super) fn snapshot(&self) -> LimiterSnapshot {
        let taken = u64::from(self.capacity.saturating_sub(self.free()));
        LimiterSnapshot { taken, capacity: u64::from(self.capacity), refused: self.refused.load(Relaxed) }
    }

    fn free(&self) -> u32 {
        u32::try_from(self.free.available_permits()).unwrap_or(u32::MAX)
    }

    /// Asks for a permit, in the name of a caller of the policy, if there is one.
    pub(super) fn acquire(&self, caller: Option<&Arc<str>>) -> Acquired {
        let share = match caller.map(|caller| self.shares.take(caller, self.free(), self.capacity)) {
            Some(Some(share)) => Some(share),
            None => None,
            Some(None) => {
                self.refused.fetch_add(1, Relaxed);
                return Acquired::Never(Shed { has_its_share: true, ..Shed::now() });
            }
        };
        if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
            return Acquired::Now(Permit { _permit: permit, _share: share });
        }
        let slot =
            if self.may_wait(Instant::now()) { Arc::clone(&self.waiting).try_acquire_owned().ok() } else { None };
        let Some(slot) = slot else {
            self.refused.fetch_add(1, Relaxed);
            return Acquired::Never(Shed::now());
        };
        let (free, refused) = (Arc::clone(&self.free), Arc::clone(&self.refused));
        let wait = timeout(self.max_wait, free.acquire_owned());
        Acquired::Later(Box::pin(async move {
            let _slot = slot;
            match wait.await {
                Ok(Ok(permit)) => Ok(Permit { _permit: permit, _share: share }),
                Ok(Err(_)) | Err(_) => {
                    refused.fetch_add(1, Relaxed);
                    Err(Shed::now())
                }
            }
        }))
    }

    /// Whether waiting may help a call that finds no permit now.
    fn may_wait(&self, now: Instant) -> bool {
        if self.max_wait.is_zero() {
            return false;
        }
        let mut pressure = self.pressure.lock().unwrap_or_else(PoisonError::into_inner);
        let began = match *pressure {
            Some(Pressure { began, last }) if now.duration_since(last) <= self.max_wait => began,
            Some(_) | None => now,
        };
        *pressure = Some(Pressure { began, last: now });
        now.duration_since(began) <= self.max_wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    const WAIT: Duration = Duration::from_millis(100);

    fn now(limiter: &Limiter) -> Permit {
        match limiter.acquire(None) {
            Acquired::Now(permit) => permit,
            Acquired::Later(_) | Acquired::Never(_) => panic!("no permit"),
        }
    }

    fn later(limiter: &Limiter) -> Wait {
        match limiter.acquire(None) {
            Acquired::Later(waiting) => waiting,
            Acquired::Now(_) | Acquired::Never(_) => panic!("no wait"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_waits_and_gets_its_turn() {
        let limiter = Limiter::new(1, WAIT);
        let first = now(&limiter);
        let second = later(&limiter);
        // As many wait as there are permits.
        assert!(matches!(limiter.acquire(None), Acquired::Never(_)));
        drop(first);
        let second = second.await.unwrap();
        assert_eq!(limiter.snapshot(), LimiterSnapshot { taken: 1, capacity: 1, refused: 1 });
        drop(second);
        assert_eq!(limiter.snapshot().taken, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_has_an_end() {
        let limiter = Limiter::new(1, WAIT);
        let _first = now(&limiter);
        let began = Instant::now();
        let shed = later(&limiter).await.unwrap_err();
        assert_eq!(began.elapsed(), WAIT);
        assert!((500..=1500).contains(&shed.retry_after.as_millis()), "{shed:?}");
        assert_eq!(limiter.snapshot().refused, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn under_lasting_pressure_nobody_waits_and_after_it_they_do_again() {
        let limiter = Limiter::new(1, WAIT);
        let _first = now(&limiter);
        drop(later(&limiter));
        for _ in 0..10 {
            advance(WAIT / 2).await;
            drop(limiter.acquire(None));
        }
        assert!(matches!(limiter.acquire(None), Acquired::Never(_)));
        advance(WAIT * 2).await;
        drop(later(&limiter));
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_is_free_is_had_under_any_pressure() {
        let limiter = Limiter::new(1, WAIT);
        let first = now(&limiter);
        drop(later(&limiter));
        advance(WAIT).await;
        drop(limiter.acquire(None));
        advance(WAIT / 2).await;
        assert!(matches!(limiter.acquire(None), Acquired::Never(_)));
        drop(first);
        drop(now(&limiter));
    }

    #[tokio::test]
    async fn without_a_wait_there_is_a_place_or_there_is_none() {
        let limiter = Limiter::new(1, Duration::ZERO);
        let _first = now(&limiter);
        assert!(matches!(limiter.acquire(None), Acquired::Never(_)));
    }
}
