//! Places, and who gets one.
//!
//! A short wait evens out bursts. It does no good when there is more to do than can be done: then every call would wait
//! as long as it may, and most of them for nothing. So calls wait only at the beginning of such a time, and are refused
//! at once for the rest of it.

use super::shares::{Share, Shares};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

/// When a refused call should come back, more or less: from half of it to one and a half, by chance, so that those who were
/// refused together do not come back together.
const COME_BACK: Duration = Duration::from_secs(1);

/// A call that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shed {
    /// When to come back.
    pub retry_after: Duration,
    /// Whether there was a place, but not for a caller that holds as many already.
    pub has_its_share: bool,
}

impl Shed {
    /// One that is refused now.
    pub(in crate::rpc) fn now() -> Self {
        Shed { retry_after: COME_BACK.mul_f64(0.5 + fastrand::f64()), has_its_share: false }
    }
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    _share: Option<Share>,
}

/// The wait for a place.
pub(super) type Waiting = Pin<Box<dyn Future<Output = Result<Place, Shed>> + Send>>;

/// What became of asking for a place.
pub(super) enum Turn {
    /// There is one.
    Now(Place),
    /// There may be one soon.
    Later(Waiting),
    /// There is none.
    Never(Shed),
}

/// A time without a break in which calls found no place.
#[derive(Debug, Clone, Copy)]
struct Pressure {
    began: Instant,
    last: Instant,
}

/// A number of places.
#[derive(Debug)]
pub(super) struct Places {
    capacity: u32,
    free: Arc<Semaphore>,
    /// Bounds how many wait: as many as there are places.
    waiting: Arc<Semaphore>,
    max_wait: Duration,
    /// Looked at only by calls that find no place.
    pressure: Mutex<Option<Pressure>>,
    shares: Arc<Shares>,
    refused: Arc<AtomicU64>,
}

/// How busy the places of a kind are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlacesSnapshot {
    /// Places that are taken.
    pub taken: u64,
    /// Places there are.
    pub capacity: u64,
    /// Calls that were ever refused for want of one.
    pub refused: u64,
}

fn semaphore(permits: u32) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(usize::try_from(permits).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS)))
}

impl Places {
    pub(super) fn new(capacity: u32, max_wait: Duration) -> Self {
        Places {
            capacity,
            free: semaphore(capacity),
            waiting: semaphore(capacity),
            max_wait,
            pressure: Mutex::new(None),
            shares: Arc::default(),
            refused: Arc::default(),
        }
    }

    pub(super) fn snapshot(&self) -> PlacesSnapshot {
        let taken = u64::from(self.capacity.saturating_sub(self.free()));
        PlacesSnapshot { taken, capacity: u64::from(self.capacity), refused: self.refused.load(Relaxed) }
    }

    fn free(&self) -> u32 {
        u32::try_from(self.free.available_permits()).unwrap_or(u32::MAX)
    }

    /// Asks for a place, in the name of a caller of the policy, if there is one.
    pub(super) fn turn(&self, caller: Option<&Arc<str>>) -> Turn {
        let share = match caller.map(|caller| self.shares.take(caller, self.free(), self.capacity)) {
            Some(Some(share)) => Some(share),
            None => None,
            Some(None) => {
                self.refused.fetch_add(1, Relaxed);
                return Turn::Never(Shed { has_its_share: true, ..Shed::now() });
            }
        };
        if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
            return Turn::Now(Place { _permit: permit, _share: share });
        }
        let slot =
            if self.may_wait(Instant::now()) { Arc::clone(&self.waiting).try_acquire_owned().ok() } else { None };
        let Some(slot) = slot else {
            self.refused.fetch_add(1, Relaxed);
            return Turn::Never(Shed::now());
        };
        let (free, refused) = (Arc::clone(&self.free), Arc::clone(&self.refused));
        let wait = timeout(self.max_wait, free.acquire_owned());
        Turn::Later(Box::pin(async move {
            let _slot = slot;
            match wait.await {
                Ok(Ok(permit)) => Ok(Place { _permit: permit, _share: share }),
                Ok(Err(_)) | Err(_) => {
                    refused.fetch_add(1, Relaxed);
                    Err(Shed::now())
                }
            }
        }))
    }

    /// Whether waiting may help a call that finds no place now.
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

    fn now(places: &Places) -> Place {
        match places.turn(None) {
            Turn::Now(place) => place,
            Turn::Later(_) | Turn::Never(_) => panic!("no place"),
        }
    }

    fn later(places: &Places) -> Waiting {
        match places.turn(None) {
            Turn::Later(waiting) => waiting,
            Turn::Now(_) | Turn::Never(_) => panic!("no wait"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_waits_and_gets_its_turn() {
        let places = Places::new(1, WAIT);
        let first = now(&places);
        let second = later(&places);
        // As many wait as there are places.
        assert!(matches!(places.turn(None), Turn::Never(_)));
        drop(first);
        let second = second.await.unwrap();
        assert_eq!(places.snapshot(), PlacesSnapshot { taken: 1, capacity: 1, refused: 1 });
        drop(second);
        assert_eq!(places.snapshot().taken, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_has_an_end() {
        let places = Places::new(1, WAIT);
        let _first = now(&places);
        let began = Instant::now();
        let shed = later(&places).await.unwrap_err();
        assert_eq!(began.elapsed(), WAIT);
        assert!((500..=1500).contains(&shed.retry_after.as_millis()), "{shed:?}");
        assert_eq!(places.snapshot().refused, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn under_lasting_pressure_nobody_waits_and_after_it_they_do_again() {
        let places = Places::new(1, WAIT);
        let _first = now(&places);
        drop(later(&places));
        for _ in 0..10 {
            advance(WAIT / 2).await;
            drop(places.turn(None));
        }
        assert!(matches!(places.turn(None), Turn::Never(_)));
        advance(WAIT * 2).await;
        drop(later(&places));
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_is_free_is_had_under_any_pressure() {
        let places = Places::new(1, WAIT);
        let first = now(&places);
        drop(later(&places));
        advance(WAIT).await;
        drop(places.turn(None));
        advance(WAIT / 2).await;
        assert!(matches!(places.turn(None), Turn::Never(_)));
        drop(first);
        drop(now(&places));
    }

    #[tokio::test]
    async fn without_a_wait_there_is_a_place_or_there_is_none() {
        let places = Places::new(1, Duration::ZERO);
        let _first = now(&places);
        assert!(matches!(places.turn(None), Turn::Never(_)));
    }
}
