//! What can be made to go wrong with a log, or to take its time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use gridgate::kyc::log::LogError;
use jiff::Timestamp;
use tokio::sync::Semaphore;

/// Nothing of it is the case at first.
#[derive(Default)]
pub struct Faults {
    /// What is recorded can be read, and is not published: see `MemoryLog::announce`.
    pub hold_back: Switch,
    /// Reads of heads wait.
    pub heads: Gate,
    /// Reads of events wait.
    pub pages: Gate,
    pub(super) failing: Mutex<Option<LogError>>,
    as_of: Mutex<Option<Timestamp>>,
}

impl Faults {
    /// Everything fails like this from now on; none ends it.
    pub fn fail(&self, error: Option<LogError>) {
        *self.failing.lock().unwrap() = error;
    }

    /// The log stops knowing its end, as of this time; none ends it.
    pub fn fall_behind(&self, as_of: Option<Timestamp>) {
        *self.as_of.lock().unwrap() = as_of;
    }

    pub(super) fn as_of(&self) -> Option<Timestamp> {
        *self.as_of.lock().unwrap()
    }

    pub(super) fn is_behind(&self) -> bool {
        self.as_of().is_some()
    }
}

#[derive(Default)]
pub struct Switch(AtomicBool);

impl Switch {
    pub fn set(&self, on: bool) {
        self.0.store(on, Ordering::SeqCst);
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Something that calls pass, and are counted at: open until it is closed.
pub struct Gate {
    closed: AtomicBool,
    permits: Semaphore,
    passed: AtomicUsize,
}

impl Default for Gate {
    fn default() -> Self {
        Self { closed: AtomicBool::new(false), permits: Semaphore::new(0), passed: AtomicUsize::new(0) }
    }
}

impl Gate {
    /// Calls wait from now on.
    pub fn close(&self) {
        self.permits.forget_permits(usize::MAX);
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Those that wait go on, and nobody waits any more.
    pub fn open(&self) {
        self.closed.store(false, Ordering::SeqCst);
        self.permits.add_permits(1_000_000);
    }

    /// Lets this many calls through, those that wait and those that come.
    pub fn admit(&self, calls: usize) {
        self.permits.add_permits(calls);
    }

    /// How many calls have passed.
    pub fn passed(&self) -> usize {
        self.passed.load(Ordering::SeqCst)
    }

    pub async fn pass(&self) {
        if self.closed.load(Ordering::SeqCst) {
            self.permits.acquire().await.unwrap().forget();
        }
        self.passed.fetch_add(1, Ordering::SeqCst);
    }
}
