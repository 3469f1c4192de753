//! An event log in memory, simple enough to be seen to be right, that a test can make fail, fall behind and hold back.

mod faults;
mod state;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use gridgate::kyc::clock::Clock;
use gridgate::kyc::event::Observation;
use gridgate::kyc::head::Head;
use gridgate::kyc::hub::Hub;
use gridgate::kyc::id::{EntityKey, Epoch, Lineage, ObservationId, Position};
use gridgate::kyc::log::{
    Bookmark, Bookmarks, Bounds, Condition, Duty, EventLog, HeadFilter, Lease, Leases, LogError, LogMetrics, LogParts,
    LogReader, Page, Quarantine, Quarantined, Recorded, Scope,
};
use gridgate::kyc::token::Mark;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

pub use self::faults::{Faults, Gate};
use self::state::State;
use super::place::{ManualClock, Place};

/// What outlives a [`MemoryLog`].
pub struct Store {
    /// The one lock: whoever holds it sees a log between two steps.
    state: Mutex<State>,
    lineage: Lineage,
}

impl Store {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), lineage: Lineage::new(Epoch::random()) })
    }

    /// What another replica has of the same log: nothing yet. It is given the same, in the same order, by whoever tests.
    pub fn replica(&self) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), lineage: self.lineage.clone() })
    }

    /// Lets go of everything that is recorded.
    pub fn trim(&self) {
        self.lock().trim();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// A log that is open.
pub struct MemoryLog {
    store: Arc<Store>,
    hub: Arc<Hub>,
    clock: Arc<dyn Clock>,
    closed_at: Mutex<Option<Timestamp>>,
    closed: CancellationToken,
    pub faults: Faults,
}

impl MemoryLog {
    pub fn open(store: Arc<Store>, clock: Arc<dyn Clock>, ring_events: usize) -> Arc<Self> {
        let hub = Hub::new(store.lock().bounds().end, ring_events);
        let (closed_at, closed, faults) = (Mutex::default(), CancellationToken::new(), Faults::default());
        Arc::new(Self { store, hub, clock, closed_at, closed, faults })
    }

    /// The log as everybody else uses it.
    pub fn log(self: &Arc<Self>) -> Arc<EventLog> {
        Arc::new(EventLog::new(self.parts()))
    }

    pub fn parts(self: &Arc<Self>) -> LogParts {
        LogParts {
            reader: Arc::clone(self) as _,
            store: Arc::clone(self) as _,
            quarantine: Arc::clone(self) as _,
            leases: Arc::clone(self) as _,
            bookmarks: Arc::clone(self) as _,
            hub: Arc::clone(&self.hub),
            lineage: self.store.lineage.clone(),
            clock: Arc::clone(&self.clock),
            metrics: LogMetrics::default(),
        }
    }

    /// Publishes what was recorded while [`Faults::hold_back`] was set.
    pub fn announce(&self) {
        self.faults.hold_back.set(false);
        self.publish(&mut self.store.lock());
    }

    fn publish(&self, state: &mut State) {
        if self.faults.hold_back.is_set() {
            return;
        }
        let events = state.unannounced.split_off(0);
        if !events.is_empty() {
            let end = state.bounds().end;
            self.hub.publish(events, end).wake();
        }
    }

    fn open_state(&self) -> Result<MutexGuard<'_, State>, LogError> {
        let state = self.store.lock();
        if self.closed_at.lock().unwrap().is_some() {
            return Err(LogError::Closed);
        }
        match self.faults.failing.lock().unwrap().clone() {
            Some(error) => Err(error),
            None => Ok(state),
        }
    }
}

#[async_trait]
impl LogReader for MemoryLog {
    async fn find(&self, id: &ObservationId) -> Result<Option<Position>, LogError> {
        Ok(self.open_state()?.find(id))
    }

    async fn head(&self, entity: &EntityKey) -> Result<Option<Arc<Head>>, LogError> {
        Ok(self.open_state()?.heads.get(entity).cloned())
    }

    async fn heads(
        &self,
        filter: HeadFilter<'_>,
        after: Option<&EntityKey>,
        limit: usize,
    ) -> Result<Vec<Arc<Head>>, LogError> {
        if let HeadFilter::In(_) = filter {
            self.faults.heads.pass().await;
        }
        let state = self.open_state()?;
        Ok(match filter {
            HeadFilter::In(scope) => state.heads_in(scope, after, limit),
            HeadFilter::InDoubt => state.heads_that(|head| head.doubt.is_some(), after, limit),
            HeadFilter::Unsettled => state.heads_that(|head| !head.subject.is_settled(), after, limit),
        })
    }

    async fn read(&self, after: Position, scope: &Scope, limit: usize) -> Result<Page, LogError> {
        self.faults.pages.pass().await;
        self.open_state()?.page(after, scope, limit)
    }

    async fn bounds(&self) -> Result<Bounds, LogError> {
        Ok(self.open_state()?.bounds())
    }

    async fn admit(&self, mark: Mark) -> Result<(), LogError> {
        self.open_state()?.admit(mark)
    }

    async fn mark_at(&self, time: Timestamp) -> Result<Mark, LogError> {
        self.open_state()?.mark_at(time)
    }
}

#[async_trait]
impl gridgate::kyc::log::Store for MemoryLog {
    async fn record(&self, observation: Observation) -> Result<Recorded, LogError> {
        let mut state = self.open_state()?;
        let recorded = state.record(observation, self.clock.now());
        self.publish(&mut state);
        Ok(recorded)
    }

    async fn wait_until_read(&self, position: Position) -> Result<(), LogError> {
        // Behind: what is not there yet may come.
        let mut ends = self.hub.ends();
        while self.faults.is_behind() && self.open_state()?.bounds().end.position < position {
            ends.changed().await.map_err(|_| LogError::Closed)?;
        }
        Ok(())
    }

    fn as_of(&self) -> Timestamp {
        let stopped_at = self.faults.as_of().or(*self.closed_at.lock().unwrap());
        stopped_at.unwrap_or_else(|| self.clock.now())
    }

    fn condition(&self) -> Condition {
        Condition::default()
    }

    async fn maintain(&self) -> Result<(), LogError> {
        Ok(())
    }

    async fn closed(&self) {
        self.closed.cancelled().await;
    }

    async fn close(&self) {
        self.closed.cancel();
        let now = self.clock.now();
        self.closed_at.lock().unwrap().get_or_insert(now);
        self.hub.close();
    }
}

#[async_trait]
impl Quarantine for MemoryLog {
    async fn add(&self, webhook: Quarantined) -> Result<bool, LogError> {
        let mut state = self.open_state()?;
        let is_new = !state.quarantine.contains_key(&webhook.id);
        state.quarantine.entry(webhook.id.clone()).or_insert(webhook);
        Ok(is_new)
    }

    async fn page(&self, after: Option<&ObservationId>, limit: usize) -> Result<Vec<Quarantined>, LogError> {
        let state = self.open_state()?;
        let follows = |id: &ObservationId| after.is_none_or(|after| id > after);
        let found = state.quarantine.iter().filter(|(id, _)| follows(id)).take(limit);
        Ok(found.map(|(_, webhook)| webhook.clone()).collect())
    }

    async fn find(&self, id: &ObservationId) -> Result<Option<Quarantined>, LogError> {
        Ok(self.open_state()?.quarantine.get(id).cloned())
    }

    async fn count(&self, most: usize) -> Result<usize, LogError> {
        Ok(self.open_state()?.quarantine.len().min(most))
    }

    async fn remove(&self, id: &ObservationId) -> Result<bool, LogError> {
        Ok(self.open_state()?.quarantine.remove(id).is_some())
    }
}

#[async_trait]
impl Leases for MemoryLog {
    async fn acquire(&self, duty: Duty, _ttl: Duration) -> Result<Option<Lease>, LogError> {
        self.open_state().map(|_| Some(Lease { duty, until: None, revision: 0 }))
    }

    async fn renew(&self, lease: Lease, _ttl: Duration) -> Result<Option<Lease>, LogError> {
        self.open_state().map(|_| Some(lease))
    }

    async fn release(&self, _lease: Lease) -> Result<(), LogError> {
        self.open_state().map(|_| ())
    }
}

#[async_trait]
impl Bookmarks for MemoryLog {
    async fn get(&self, bookmark: Bookmark) -> Result<Option<Timestamp>, LogError> {
        Ok(self.open_state()?.bookmarks.get(&bookmark).copied())
    }

    async fn set(&self, bookmark: Bookmark, at: Timestamp) -> Result<(), LogError> {
        self.open_state()?.bookmarks.insert(bookmark, at);
        Ok(())
    }
}

/// A [`Store`], with a clock that is moved by hand.
pub struct MemoryPlace {
    store: Arc<Store>,
    clock: Arc<ManualClock>,
    ring_events: usize,
    open: tokio::sync::Mutex<Option<Arc<MemoryLog>>>,
}

impl MemoryPlace {
    pub fn new() -> Self {
        Self::with_ring(1024)
    }

    pub fn with_ring(ring_events: usize) -> Self {
        Self { store: Store::new(), clock: ManualClock::new(), ring_events, open: tokio::sync::Mutex::default() }
    }

    /// Makes reads of heads wait in the log that is open, or no longer.
    pub async fn hold_rows(&self, hold: bool) {
        let open = self.open.lock().await;
        let rows = &open.as_ref().unwrap().faults.heads;
        if hold { rows.close() } else { rows.open() }
    }
}

#[async_trait]
impl Place for MemoryPlace {
    async fn open(&self) -> Arc<EventLog> {
        let mut open = self.open.lock().await;
        if let Some(before) = open.take() {
            before.log().close().await;
        }
        let log = MemoryLog::open(Arc::clone(&self.store), self.clock.clone(), self.ring_events);
        open.insert(log).log()
    }

    fn clock(&self) -> &ManualClock {
        &self.clock
    }

    async fn expire(&self) {
        self.store.trim();
    }
}
