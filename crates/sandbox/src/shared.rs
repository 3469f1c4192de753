//! What the handlers share: the state behind its lock, the clock, the tasks.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::clock::Clock;
use super::config::SandboxConfig;
use super::ids::IdKind;
use super::state::Store;
use super::webhooks::sender::Sender;

/// Files that are read into memory at once; others wait.
const CONCURRENT_UPLOADS: usize = 8;

/// The sandbox's parts, shared by its handlers.
pub(super) type App = Arc<Shared>;

pub(super) struct Shared {
    pub(super) config: SandboxConfig,
    pub(super) clock: Clock,
    /// The id of the platform's configuration.
    pub(super) platform_id: String,
    pub(super) started_at: Timestamp,
    /// Tells the dispatcher of webhooks that there may be something to send.
    pub(super) wake: Notify,
    pub(super) sender: Sender,
    /// Background tasks; the sandbox waits for them when it stops.
    pub(super) tasks: TaskTracker,
    /// Cancelled when the sandbox stops.
    pub(super) stopping: CancellationToken,
    /// Bounds how many files are read into memory at once.
    pub(super) uploads: Arc<Semaphore>,
    store: Mutex<Store>,
    /// Where the applicant's browser finds the sandbox, known once it listens.
    listening_at: OnceLock<String>,
}

impl Shared {
    pub(super) fn new(config: SandboxConfig) -> Self {
        let clock = Clock::new();
        Self {
            store: Mutex::new(Store::new(&config)),
            wake: Notify::new(),
            sender: Sender::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            uploads: Arc::new(Semaphore::new(CONCURRENT_UPLOADS)),
            platform_id: IdKind::PlatformConfig.new_id(),
            started_at: clock.now(),
            clock,
            config,
            listening_at: OnceLock::new(),
        }
    }

    /// The locked state. Never hold it across an await.
    pub(super) fn store(&self) -> Locked<'_> {
        // A handler that panicked can't have left half a change that matters more than the next request.
        Locked { store: self.store.lock().unwrap_or_else(PoisonError::into_inner), wake: &self.wake }
    }

    /// Clears the state, and resets the clock.
    pub(super) fn reset(&self) {
        let mut store = self.store();
        store.reset(&self.config);
        self.clock.reset();
    }

    pub(super) fn listens_at(&self, base: String) {
        // A second listener of the same sandbox hands out links to the first: both reach the same state.
        let _ = self.listening_at.set(base);
    }

    /// Scheme, host and port under which the applicant's browser reaches the sandbox.
    pub(super) fn public_base(&self) -> &str {
        let configured = self.config.public_base_url.as_deref();
        configured.or(self.listening_at.get().map(String::as_str)).unwrap_or("http://localhost").trim_end_matches('/')
    }
}

/// The locked state. Wakes the dispatcher at the end if a change left something to tell.
pub(super) struct Locked<'a> {
    store: MutexGuard<'a, Store>,
    wake: &'a Notify,
}

impl Deref for Locked<'_> {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Store {
        &mut self.store
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        if !self.store.outbox.is_empty() {
            self.wake.notify_one();
        }
    }
}
