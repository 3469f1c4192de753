//! What can be asked of the tables of a log that is kept elsewhere.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::Connection;

use super::{Entry, View};
use crate::event::{Event, Observation};
use crate::head::Head;
use crate::id::{EntityKey, ObservationId, PlatformCustomerId, Position};
use crate::log::sqlite::heads::{Cached, Heads};
use crate::log::sqlite::queries::{self, ReadError, Which};
use crate::log::{Bookmark, Bounds, LogError, Page, Quarantined, Scope};
use crate::token::Mark;

/// The largest page.
const MOST_PER_PAGE: usize = 4096;

/// What is known about an observation before it is decided.
#[derive(Debug, Clone)]
pub(in crate::log) struct Known {
    /// Where the log has it, if it has it.
    pub(in crate::log) found: Option<Position>,
    /// The head of its entity.
    pub(in crate::log) head: Option<Arc<Head>>,
    /// The platform's id of its customer.
    pub(in crate::log) platform_customer: Option<PlatformCustomerId>,
    /// What was let go of: everything up to here.
    pub(in crate::log) gone: Position,
}

impl View {
    /// What is known about an observation. The head is read first: what was recorded about the entity later than that is
    /// noticed by whoever compares before setting.
    pub(in crate::log) async fn known(&self, observation: &Observation) -> Result<Known, LogError> {
        let key = observation.entity();
        let own = EntityKey::customer(observation.customer.clone());
        let (id, heads) = (observation.id.clone(), Arc::clone(&self.heads));
        self.readers
            .run(move |connection| {
                let head = cached_or_read(connection, &heads, &key)?;
                let platform_customer = if key == own {
                    head.as_ref().and_then(|head| head.platform_customer.clone())
                } else {
                    let of_customer = cached_or_read(connection, &heads, &own)?;
                    of_customer.and_then(|head| head.platform_customer.clone())
                };
                let found = queries::find(connection, &id)?;
                let gone = queries::bounds(connection)?.0.oldest.position;
                Ok(Known { found, head, platform_customer, gone })
            })
            .await
    }

    pub(in crate::log) async fn find(&self, id: &ObservationId) -> Result<Option<Position>, LogError> {
        let id = id.clone();
        self.readers.run(move |connection| queries::find(connection, &id)).await
    }

    pub(in crate::log) async fn head(&self, entity: &EntityKey) -> Result<Option<Arc<Head>>, LogError> {
        if let Ok(cached) = self.heads.get(entity) {
            return Ok(Some(Arc::clone(cached.head())));
        }
        let (key, heads) = (entity.clone(), Arc::clone(&self.heads));
        self.readers.run(move |connection| cached_or_read(connection, &heads, &key)).await
    }

    /// A head that was used lately.
    pub(in crate::log) fn cached_head(&self, entity: &EntityKey) -> Option<Arc<Head>> {
        self.heads.get(entity).ok().map(|cached| Arc::clone(cached.head()))
    }

    pub(in crate::log) async fn heads(
        &self,
        scope: &Scope,
        after: Option<&EntityKey>,
        limit: usize,
    ) -> Result<Vec<Arc<Head>>, LogError> {
        if scope.is_all() {
            return self.list(Which::All, after, limit).await;
        }
        let (scope, after, limit) = (scope.clone(), after.cloned(), limit.clamp(1, MOST_PER_PAGE));
        self.readers.run(move |connection| queries::heads_in(connection, &scope, after.as_ref(), limit)).await
    }

    pub(in crate::log) async fn list(
        &self,
        which: Which,
        after: Option<&EntityKey>,
        limit: usize,
    ) -> Result<Vec<Arc<Head>>, LogError> {
        let (after, limit) = (after.cloned(), limit.clamp(1, MOST_PER_PAGE));
        self.readers.run(move |connection| queries::heads(connection, which, after.as_ref(), limit)).await
    }

    pub(in crate::log) async fn read(&self, after: Position, scope: &Scope, limit: usize) -> Result<Page, LogError> {
        let (scope, limit) = (scope.clone(), limit.clamp(1, MOST_PER_PAGE));
        self.readers.run(move |connection| queries::page(connection, after, &scope, limit)).await
    }

    /// What is kept, and when the last of what is not was recorded, in microseconds.
    pub(in crate::log) async fn bounds(&self) -> Result<(Bounds, Option<i64>), LogError> {
        self.readers
            .run(|connection| {
                let transaction = connection.unchecked_transaction()?;
                queries::bounds(&transaction)
            })
            .await
    }

    pub(in crate::log) async fn admit(&self, mark: Mark) -> Result<(), LogError> {
        self.readers.run(move |connection| queries::admit(connection, mark)).await
    }

    pub(in crate::log) async fn mark_at(&self, time: Timestamp) -> Result<Mark, LogError> {
        self.readers.run(move |connection| queries::mark_at_time(connection, time)).await
    }

    /// When the last of the events was recorded that was recorded at `at` or before.
    pub(in crate::log) async fn recorded_last(&self, at: Timestamp) -> Result<Option<Timestamp>, LogError> {
        self.readers.run(move |connection| queries::recorded_last(connection, at)).await
    }

    /// When the first event was recorded that was recorded at `at` or before; the oldest events; and the heads that none of
    /// the later ones is about.
    pub(in crate::log) async fn oldest(
        &self,
        at: Timestamp,
        limit: usize,
    ) -> Result<(Option<Timestamp>, Vec<Arc<Event>>, Vec<Arc<Head>>), LogError> {
        self.readers
            .run(move |connection| {
                let transaction = connection.unchecked_transaction()?;
                let (bounds, _) = queries::bounds(&transaction)?;
                let first = queries::recorded_first(&transaction, at)?;
                let page = queries::page_of_all(&transaction, bounds.oldest.position, limit)?;
                let mut heads = Vec::new();
                for event in &page {
                    let head = queries::head(&transaction, &event.observation.entity())?;
                    heads.extend(head.filter(|head| head.last_event == event.position).map(Arc::new));
                }
                Ok((first, page, heads))
            })
            .await
    }

    /// Events after `after`, each with what a copy of the log has to know about it.
    pub(in crate::log) async fn entries(&self, after: Position, limit: usize) -> Result<Vec<Entry>, LogError> {
        self.readers
            .run(move |connection| {
                let transaction = connection.unchecked_transaction()?;
                let mut entries = Vec::new();
                for event in queries::page_of_all(&transaction, after, limit)? {
                    let head = queries::head(&transaction, &event.observation.entity())?;
                    let head = head.filter(|head| head.last_event == event.position);
                    let earlier = queries::earlier(&transaction, event.position)?;
                    entries.push(Entry { event, head, earlier, inherits: false });
                }
                Ok(entries)
            })
            .await
    }

    /// What is in quarantine, in the order of ids.
    pub(in crate::log) async fn quarantined(
        &self,
        after: Option<&ObservationId>,
        limit: usize,
    ) -> Result<Vec<Quarantined>, LogError> {
        let after = after.cloned();
        self.readers.run(move |connection| queries::quarantined(connection, after.as_ref(), limit)).await
    }

    /// A remembered time.
    pub(in crate::log) async fn bookmark(&self, bookmark: Bookmark) -> Result<Option<Timestamp>, LogError> {
        self.readers.run(move |connection| queries::bookmark(connection, bookmark)).await
    }

    /// Refuses new reads, waits for those under way, and closes the connections for reading.
    pub(in crate::log) async fn close(&self) {
        self.readers.close().await;
    }
}

pub(super) fn cached_or_read(
    connection: &Connection,
    heads: &Heads,
    key: &EntityKey,
) -> Result<Option<Arc<Head>>, ReadError> {
    let missed = match heads.get(key) {
        Ok(cached) => return Ok(Some(Arc::clone(cached.head()))),
        Err(missed) => missed,
    };
    let found = queries::head(connection, key)?.map(|head| Cached::saved(Arc::new(head)));
    if let Some(cached) = &found {
        heads.fill(key, cached, missed);
    }
    Ok(found.map(|cached| Arc::clone(cached.head())))
}
