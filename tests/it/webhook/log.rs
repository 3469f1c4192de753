//! An event log that keeps what it is given in memory, and fails, or takes its time, as a test says.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use gridgate::kyc::event::{Basis, Observation, Outcome};
use gridgate::kyc::head::Head;
use gridgate::kyc::hub::Hub;
use gridgate::kyc::id::{CustomerId, EntityKey, Epoch, Lineage, ObservationId, Position};
use gridgate::kyc::log::{Bookmark, Bounds, Duty, EventLog, Lease, LogError, Page, Quarantined, Recorded, Scope};
use gridgate::kyc::token::Mark;
use jiff::Timestamp;
use tokio::sync::watch;

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
    hub: Arc<Hub>,
    lineage: Lineage,
}

#[derive(Default)]
struct Kept {
    ids: HashSet<ObservationId>,
    observations: Vec<Observation>,
    quarantine: BTreeMap<ObservationId, Quarantined>,
}

impl Default for ScriptedLog {
    fn default() -> Self {
        Self {
            mood: watch::Sender::new(Mood::Takes),
            handed_in: watch::Sender::new(0),
            kept: Mutex::default(),
            hub: Hub::new(Mark::START, 1),
            lineage: Lineage::new(Epoch::random()),
        }
    }
}

impl ScriptedLog {
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
impl EventLog for ScriptedLog {
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

    async fn quarantine(&self, webhook: Quarantined) -> Result<bool, LogError> {
        self.mood().await?;
        Ok(self.kept.lock().unwrap().quarantine.insert(webhook.id.clone(), webhook).is_none())
    }

    async fn find(&self, _: &ObservationId) -> Result<Option<Position>, LogError> {
        not_for_the_door()
    }
    async fn head(&self, _: &EntityKey) -> Result<Option<Arc<Head>>, LogError> {
        not_for_the_door()
    }
    async fn heads(&self, _: &Scope, _: Option<&EntityKey>, _: usize) -> Result<Vec<Arc<Head>>, LogError> {
        not_for_the_door()
    }
    async fn read(&self, _: Position, _: &Scope, _: usize) -> Result<Page, LogError> {
        not_for_the_door()
    }
    async fn bounds(&self) -> Result<Bounds, LogError> {
        not_for_the_door()
    }
    async fn admit(&self, _: Epoch, _: Mark) -> Result<(), LogError> {
        not_for_the_door()
    }
    async fn mark_at(&self, _: Timestamp) -> Result<Mark, LogError> {
        not_for_the_door()
    }
    async fn unresolved(&self, _: Option<&EntityKey>, _: usize) -> Result<Vec<Arc<Head>>, LogError> {
        not_for_the_door()
    }
    async fn unsettled(&self, _: Option<&EntityKey>, _: usize) -> Result<Vec<Arc<Head>>, LogError> {
        not_for_the_door()
    }
    async fn quarantined(&self, _: Option<&ObservationId>, _: usize) -> Result<Vec<Quarantined>, LogError> {
        not_for_the_door()
    }
    async fn find_quarantined(&self, _: &ObservationId) -> Result<Option<Quarantined>, LogError> {
        not_for_the_door()
    }
    async fn count_quarantined(&self, _: usize) -> Result<usize, LogError> {
        not_for_the_door()
    }
    async fn release(&self, _: &ObservationId) -> Result<bool, LogError> {
        not_for_the_door()
    }
    async fn lease(&self, _: Duty, _: Duration) -> Result<Option<Lease>, LogError> {
        not_for_the_door()
    }
    async fn renew(&self, _: Lease, _: Duration) -> Result<Option<Lease>, LogError> {
        not_for_the_door()
    }
    async fn hand_back(&self, _: Lease) -> Result<(), LogError> {
        not_for_the_door()
    }
    async fn bookmark(&self, _: Bookmark) -> Result<Option<Timestamp>, LogError> {
        not_for_the_door()
    }
    async fn set_bookmark(&self, _: Bookmark, _: Timestamp) -> Result<(), LogError> {
        not_for_the_door()
    }
    fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }
    fn lineage(&self) -> &Lineage {
        &self.lineage
    }
    fn as_of(&self) -> Timestamp {
        not_for_the_door()
    }
    fn basis(&self) -> Basis {
        not_for_the_door()
    }
    async fn closed(&self) {
        not_for_the_door()
    }

    async fn close(&self) {}
}

/// An id as the log has it.
pub(super) fn customer(id: &str) -> CustomerId {
    CustomerId::parse(id).unwrap()
}
