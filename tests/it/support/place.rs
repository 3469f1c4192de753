//! Where a log under test lives: opened, closed and opened again, with a clock that is moved by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use gridgate::kyc::clock::Clock;
use gridgate::kyc::log::EventLog;
use gridgate::kyc::log::sqlite::{self, SqliteOptions};
use gridgate::kyc::log::{IDS_KEPT, Retention};
use jiff::Timestamp;
use tempfile::TempDir;

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_800_000_000_000_000)))
    }

    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_micros().try_into().unwrap(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

/// A place that holds one log.
#[async_trait]
pub trait Place: Send + Sync {
    /// Opens the log that is here, or makes it. The one opened before is closed.
    async fn open(&self) -> Arc<EventLog>;

    /// The log's clock.
    fn clock(&self) -> &ManualClock;

    /// Makes retention let go of everything in the open log that was recorded until now.
    async fn expire(&self);
}

/// A log in a file of a directory of its own.
pub struct SqlitePlace {
    directory: TempDir,
    clock: Arc<ManualClock>,
    options: fn(&mut SqliteOptions),
    open: tokio::sync::Mutex<Option<Arc<EventLog>>>,
}

impl SqlitePlace {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(options: fn(&mut SqliteOptions)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { directory, clock: ManualClock::new(), options, open: tokio::sync::Mutex::default() }
    }

    pub fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock) as _
    }

    pub fn path(&self) -> std::path::PathBuf {
        self.directory.path().join("events.db")
    }

    pub fn options(&self) -> SqliteOptions {
        let mut options = SqliteOptions::at(self.path());
        options.retention = Retention { max_age: IDS_KEPT, ..Retention::default() };
        (self.options)(&mut options);
        options
    }

    pub async fn open_sqlite(&self) -> Arc<EventLog> {
        let mut open = self.open.lock().await;
        if let Some(before) = open.take() {
            before.close().await;
        }
        let (options, clock) = (self.options(), Arc::clone(&self.clock));
        let log = tokio::task::spawn_blocking(move || sqlite::open(options, clock)).await.unwrap().unwrap();
        let log = Arc::new(log);
        *open = Some(Arc::clone(&log));
        log
    }
}

#[async_trait]
impl Place for SqlitePlace {
    async fn open(&self) -> Arc<EventLog> {
        self.open_sqlite().await
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }

    async fn expire(&self) {
        self.clock.advance(IDS_KEPT + Duration::from_secs(1));
        let log = self.open.lock().await.clone().unwrap();
        log.maintain().await.unwrap();
    }
}
