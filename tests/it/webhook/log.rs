//! An event log that keeps what it is given in memory, and fails, or takes its time, as a test says.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use gridgate::kyc::clock::SystemClock;
use gridgate::kyc::event::{Observation, Outcome};
use gridgate::kyc::id::{CustomerId, ObservationId, Position};
use gridgate::kyc::log::{Condition, EventLog, LogError, LogParts, Quarantine, Quarantined, Recorded, Store};
use jiff::Timestamp;
use tokio::sync::watch;

use crate::support::memory_log::{self, MemoryLog};
use crate::support::soon;

/// What the log does with what it is given.
#[derive(Debug, Clone)]
pub(super) enum Mood {
    Takes,
    Fails(LogError),
    /// Keeps whoever hands something in waiting, and has not kept it yet.
    Waits,
}

/// See the module.
pub(super) struct ScriptedLog {
    mood: watch::Sender<Mood>,
    /// How many have handed something in, whatever became of it.
    handed_in: watch::Sender<usize>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    ids: HashSet<ObservationId>,
    observations: Vec<Observation>,
    quarantine: BTreeMap<ObservationId, Quarantined>,
}

impl Default for ScriptedLog {
    fn default() -> Self {
        Self { mood: watch::Sender::new(Mood::Takes), handed_in: watch::Sender::new(0), kept: Mutex::default() }
    }
}

impl ScriptedLog {
    /// The log as the door uses it.
    pub(super) fn log(self: &Arc<Self>) -> Arc<EventLog> {
        let rest = MemoryLog::open(memory_log::Store::new(), Arc::new(SystemClock), 1).parts();
        let store = Arc::clone(self);
        Arc::new(EventLog::new(LogParts { store, quarantine: Arc::clone(self) as _, ..rest }))
    }

    pub(super) fn set(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    /// Everything recorded, in order.
    pub(super) fn observations(&self) -> Vec<Observation> {
        self.kept.lock().unwrap().observations.clone()
    }

    pub(super) fn quarantine(&self) -> Vec<Quarantined> {
        self.kept.lock().unwrap().quarantine.values().cloned().collect()
    }

    /// Waits until so many have handed something in.
    pub(super) async fn wait_for(&self, count: usize) {
        let mut handed_in = self.handed_in.subscribe();
        soon("handed in", handed_in.wait_for(|handed_in| *handed_in >= count)).await.unwrap();
    }

    async fn mood(&self) -> Result<(), LogError> {
        self.handed_in.send_modify(|count| *count += 1);
        let mut mood = self.mood.subscribe();
        let mood = mood.wait_for(|mood| !matches!(mood, Mood::Waits)).await.unwrap().clone();
        match mood {
            Mood::Takes | Mood::Waits => Ok(()),
            Mood::Fails(error) => Err(error),
        }
    }
}

/// The door has no business with the rest of a log.
fn not_for_the_door<T>() -> T {
    panic!("the door needs none of this")
}

#[async_trait]
impl Store for ScriptedLog {
    async fn record(&self, observation: Observation) -> Result<Recorded, LogError> {
        self.mood().await?;
        let mut kept = self.kept.lock().unwrap();
        let position = Position::START;
        if !kept.ids.insert(observation.id.clone()) {
            return Ok(Recorded::Duplicate { position });
        }
        kept.observations.push(observation);
        Ok(Recorded::New { position, outcome: Outcome::Change })
    }

    async fn wait_until_read(&self, _: Position) -> Result<(), LogError> {
        not_for_the_door()
    }
    fn as_of(&self) -> Timestamp {
        not_for_the_door()
    }
    fn condition(&self) -> Condition {
        not_for_the_door()
    }
    async fn maintain(&self) -> Result<(), LogError> {
        not_for_the_door()
    }
    async fn closed(&self) {
        not_for_the_door()
    }

    async fn close(&self) {}
}

#[async_trait]
impl Quarantine for ScriptedLog {
    async fn add(&self, webhook: Quarantined) -> Result<bool, LogError> {
        self.mood().await?;
        Ok(self.kept.lock().unwrap().quarantine.insert(webhook.id.clone(), webhook).is_none())
    }

    async fn page(&self, _: Option<&ObservationId>, _: usize) -> Result<Vec<Quarantined>, LogError> {
        not_for_the_door()
    }
    async fn find(&self, _: &ObservationId) -> Result<Option<Quarantined>, LogError> {
        not_for_the_door()
    }
    async fn count(&self, _: usize) -> Result<usize, LogError> {
        not_for_the_door()
    }
    async fn remove(&self, _: &ObservationId) -> Result<bool, LogError> {
        not_for_the_door()
    }
}

/// An id as the log has it.
pub(super) fn customer(id: &str) -> CustomerId {
    CustomerId::parse(id).unwrap()
}
