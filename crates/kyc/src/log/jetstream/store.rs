//! The log's promises, kept by the parts of this module.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::JetStreamLog;
use crate::event::{Basis, Observation};
use crate::head::Head;
use crate::hub::Hub;
use crate::id::{EntityKey, Epoch, Lineage, ObservationId, Position};
use crate::log::sqlite::Which;
use crate::log::{Bookmark, Bounds, Condition, Duty, EventLog, Lease, LogError, Page, Quarantined, Recorded, Scope};
use crate::token::Mark;

/// How long tasks may take to end.
const ENDING: Duration = Duration::from_secs(5);

#[async_trait]
impl EventLog for JetStreamLog {
    async fn record(&self, observation: Observation) -> Result<Recorded, LogError> {
        self.shared.record(observation).await
    }

    async fn find(&self, id: &ObservationId) -> Result<Option<Position>, LogError> {
        self.shared.view.find(id).await
    }

    async fn head(&self, entity: &EntityKey) -> Result<Option<Arc<Head>>, LogError> {
        self.shared.view.head(entity).await
    }

    async fn heads(&self, scope: &Scope, after: Option<&EntityKey>, limit: usize) -> Result<Vec<Arc<Head>>, LogError> {
        self.shared.view.heads(scope, after, limit).await
    }

    async fn read(&self, after: Position, scope: &Scope, limit: usize) -> Result<Page, LogError> {
        self.shared.view.read(after, scope, limit).await
    }

    async fn bounds(&self) -> Result<Bounds, LogError> {
        Ok(self.shared.view.bounds().await?.0)
    }

    async fn admit(&self, epoch: Epoch, mark: Mark) -> Result<(), LogError> {
        self.shared.admit(epoch, mark).await
    }

    async fn mark_at(&self, time: Timestamp) -> Result<Mark, LogError> {
        self.shared.view.mark_at(time).await
    }

    async fn unresolved(&self, after: Option<&EntityKey>, limit: usize) -> Result<Vec<Arc<Head>>, LogError> {
        self.shared.view.list(Which::InDoubt, after, limit).await
    }

    async fn unsettled(&self, after: Option<&EntityKey>, limit: usize) -> Result<Vec<Arc<Head>>, LogError> {
        self.shared.view.list(Which::Unsettled, after, limit).await
    }

    async fn quarantine(&self, webhook: Quarantined) -> Result<bool, LogError> {
        if self.is_full() {
            return Err(LogError::Full);
        }
        self.shared.quarantine(webhook).await
    }

    async fn quarantined(&self, after: Option<&ObservationId>, limit: usize) -> Result<Vec<Quarantined>, LogError> {
        self.shared.quarantined(after, limit).await
    }

    async fn find_quarantined(&self, id: &ObservationId) -> Result<Option<Quarantined>, LogError> {
        self.shared.find_quarantined(id).await
    }

    async fn count_quarantined(&self, most: usize) -> Result<usize, LogError> {
        self.shared.count_quarantined(most).await
    }

    async fn release(&self, id: &ObservationId) -> Result<bool, LogError> {
        self.shared.release(id).await
    }

    async fn lease(&self, duty: Duty, ttl: Duration) -> Result<Option<Lease>, LogError> {
        self.shared.take_duty(duty, ttl).await
    }

    async fn renew(&self, lease: Lease, ttl: Duration) -> Result<Option<Lease>, LogError> {
        self.shared.renew_duty(lease, ttl).await
    }

    async fn hand_back(&self, lease: Lease) -> Result<(), LogError> {
        self.shared.hand_back_duty(lease).await
    }

    async fn bookmark(&self, bookmark: Bookmark) -> Result<Option<Timestamp>, LogError> {
        self.shared.bookmark(bookmark).await
    }

    async fn set_bookmark(&self, bookmark: Bookmark, at: Timestamp) -> Result<(), LogError> {
        self.shared.set_bookmark(bookmark, at).await
    }

    fn hub(&self) -> &Arc<Hub> {
        &self.shared.hub
    }

    fn lineage(&self) -> &Lineage {
        &self.shared.lineage
    }

    fn as_of(&self) -> Timestamp {
        let as_of = Timestamp::from_microsecond(self.shared.as_of.load(Ordering::Relaxed));
        as_of.unwrap_or(Timestamp::MIN).min(self.shared.clock.now())
    }

    fn basis(&self) -> Basis {
        Basis { knowing: self.shared.hub.end().position, at: self.shared.clock.now() }
    }

    fn condition(&self) -> Condition {
        self.shared.condition()
    }

    async fn closed(&self) {
        self.shared.closing.cancelled().await;
    }

    async fn close(&self) {
        self.shared.closing.cancel();
        // What does not end by then is waiting for NATS, and ends with its connection.
        if tokio::time::timeout(ENDING, self.tasks.wait()).await.is_err() {
            tracing::warn!("a task of the event log did not end in time");
        }
        self.shared.hub.close();
        self.shared.view.close().await;
    }
}
