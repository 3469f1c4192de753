//! What every handler of the sandbox has at hand.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::clock::{Clock, date_of};
use super::config::SandboxConfig;
use super::faults::Faults;
use super::ids::IdKind;
use super::journal::Journal;
use super::state::Store;
use super::webhooks::Webhooks;

/// Files that are read into memory at once; others wait.
const CONCURRENT_UPLOADS: usize = 8;

/// The sandbox's parts, shared by its handlers.
pub(super) type App = Arc<Shared>;

/// The sandbox's parts.
pub(super) struct Shared {
    pub(super) config: SandboxConfig,
    pub(super) clock: Clock,
    /// The id of the platform's configuration.
    pub(super) platform_id: String,
    /// When the sandbox was started.
    pub(super) started_at: Timestamp,
    pub(super) webhooks: Webhooks,
    /// What goes wrong with answers.
    pub(super) faults: Faults,
    /// The requests that were received.
    pub(super) journal: Journal,
    /// What the sandbox does beside answering; it waits for all of it when it stops.
    pub(super) tasks: TaskTracker,
    /// Cancelled when the sandbox stops.
    pub(super) stopping: CancellationToken,
    /// Bounds how many files are read into memory at once.
    pub(super) uploads: Arc<Semaphore>,
    /// Guards everything that is held; see [`Store`].
    store: Mutex<Store>,
    /// Where the applicant's browser finds the sandbox, known once it listens.
    listening_at: OnceLock<String>,
}

impl Shared {
    pub(super) fn new(config: SandboxConfig) -> Self {
        let clock = Clock::new();
        let webhooks = Webhooks::new(&config);
        Self {
            store: Mutex::new(Store::new(&config, Arc::clone(&webhooks.wake))),
            webhooks,
            faults: Faults::new(config.faults.clone()),
            journal: Journal::new(config.limits.requests),
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

    /// Everything that is held. Never keep it across an await.
    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        // A handler that panicked can't have left half a change that matters more than the next request.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets everything that is held, and puts the clock back.
    pub(super) fn reset(&self) {
        let fresh = Store::new(&self.config, Arc::clone(&self.webhooks.wake));
        let mut store = self.store();
        *store = fresh;
        self.clock.reset();
        drop(store);
        self.webhooks.reset(&self.config);
        self.faults.list().clone_from(&self.config.faults);
        self.journal.clear();
    }

    /// Remembers where the sandbox listens.
    pub(super) fn listens_at(&self, base: String) {
        // A second listener of the same sandbox hands out links to the first: both reach the same state.
        let _ = self.listening_at.set(base);
    }

    /// Scheme, host and port under which the applicant's browser reaches the sandbox.
    pub(super) fn public_base(&self) -> &str {
        let configured = self.config.public_base_url.as_deref();
        configured.or(self.listening_at.get().map(String::as_str)).unwrap_or("http://localhost").trim_end_matches('/')
    }

    /// Today's date on the sandbox's clock, UTC.
    pub(super) fn today(&self) -> jiff::civil::Date {
        date_of(self.clock.now())
    }
}
