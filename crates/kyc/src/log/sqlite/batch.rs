//! The observations of one commit, decided one after the other in one transaction.
//!
//! Each observation is one insert. If it fails, SQLite undoes it alone, and nothing else of the batch has changed yet: so no
//! savepoints are needed. The heads are written once each, at the end.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::Connection;

use crate::event::{Event, Observation};
use crate::head::Head;
use crate::id::{EntityKey, PlatformCustomerId, Position};
use crate::log::store::{LogError, Recorded};
use crate::log::tables::error::ReadError;
use crate::log::tables::head_cache::{CachedHead, HeadCache};
use crate::log::tables::{queries, row};
use crate::record::{Verdict, apply, decide, note_if_redundant};
use crate::token::Mark;

/// What the batch knows of an entity.
#[derive(Default)]
struct BatchHead {
    /// The head before the batch.
    before: Option<Arc<CachedHead>>,
    /// The head that the batch made.
    now: Option<Arc<Head>>,
}

impl BatchHead {
    fn current(&self) -> Option<&Arc<Head>> {
        self.now.as_ref().or_else(|| self.before.as_ref().map(|cached| cached.head()))
    }
}

/// The heads that the batch has taken; released on drop.
pub(super) struct TakenHeads {
    heads: Arc<HeadCache>,
    entities: Vec<EntityKey>,
}

impl Drop for TakenHeads {
    fn drop(&mut self) {
        self.entities.iter().for_each(|entity| self.heads.release(entity));
    }
}

/// A batch that is being decided.
pub(super) struct Batch<'a> {
    connection: &'a Connection,
    taken: TakenHeads,
    entities: HashMap<EntityKey, BatchHead>,
    events: Vec<Arc<Event>>,
    end: Mark,
    recorded_at: Timestamp,
    is_full: bool,
}

/// The state after the commit of a batch.
pub(super) struct Committed {
    pub(super) events: Vec<Arc<Event>>,
    /// The heads that changed.
    pub(super) heads: Vec<(EntityKey, Arc<CachedHead>)>,
    pub(super) end: Mark,
    /// To be dropped once the heads are in the cache.
    pub(super) taken: TakenHeads,
}

impl<'a> Batch<'a> {
    /// A batch after `end`, in the transaction that `connection` has open. `is_full`: nothing new may be added.
    pub(super) fn new(
        connection: &'a Connection,
        heads: &Arc<HeadCache>,
        end: Mark,
        recorded_at: Timestamp,
        is_full: bool,
    ) -> Self {
        let taken = TakenHeads { heads: Arc::clone(heads), entities: Vec::new() };
        Self { connection, taken, entities: HashMap::new(), events: Vec::new(), end, recorded_at, is_full }
    }

    /// Decides what an observation means, and inserts it.
    pub(super) fn record(&mut self, mut observation: Observation) -> Result<Recorded, ReadError> {
        if let Some(position) = queries::find(self.connection, &observation.id)? {
            return Ok(Recorded::Duplicate { position });
        }
        if observation.platform_customer.is_none() && observation.subject.verification_id().is_some() {
            observation.platform_customer = self.platform_customer(&observation)?;
        }
        let key = observation.entity();
        let head = self.head(&key)?;
        let verdict = decide(head.as_deref(), &observation);
        if head.as_ref().is_some_and(|head| note_if_redundant(head, &observation, &verdict)) {
            return Ok(Recorded::Redundant);
        }
        if self.is_full {
            return Err(ReadError::Refused(LogError::Full));
        }
        if observation.platform_customer.is_none() {
            observation.platform_customer = head.as_ref().and_then(|head| head.platform_customer.clone());
        }
        self.insert(key, head.as_deref(), observation, verdict)
    }

    fn insert(
        &mut self,
        key: EntityKey,
        head: Option<&Head>,
        observation: Observation,
        verdict: Verdict,
    ) -> Result<Recorded, ReadError> {
        let position = Position::new(self.end.position.get() + 1);
        let (event, next) = apply(head, observation, verdict, position, self.recorded_at);
        let outcome = event.outcome;
        row::insert_event(self.connection, &event, head.map(|head| head.last_event))?;
        self.end = event.mark();
        self.events.push(Arc::new(event));
        self.entities.entry(key).or_default().now = Some(Arc::new(next));
        Ok(Recorded::New { position, outcome })
    }

    /// The head as the batch has left it so far.
    fn head(&mut self, key: &EntityKey) -> Result<Option<Arc<Head>>, ReadError> {
        if let Some(entity) = self.entities.get(key) {
            return Ok(entity.current().cloned());
        }
        self.taken.heads.take(key);
        self.taken.entities.push(key.clone());
        let before = self.taken.heads.get_or_read(self.connection, key)?;
        let head = before.as_ref().map(|cached| Arc::clone(cached.head()));
        self.entities.insert(key.clone(), BatchHead { before, now: None });
        Ok(head)
    }

    /// The platform's id of a verification's customer.
    fn platform_customer(&self, observation: &Observation) -> Result<Option<PlatformCustomerId>, ReadError> {
        let key = EntityKey::customer(observation.customer.clone());
        if let Some(head) = self.entities.get(&key).and_then(BatchHead::current) {
            return Ok(head.platform_customer.clone());
        }
        let cached = self.taken.heads.get_or_read(self.connection, &key)?;
        Ok(cached.and_then(|cached| cached.head().platform_customer.clone()))
    }

    /// Writes the heads. The caller commits.
    pub(super) fn finish(mut self) -> Result<Committed, ReadError> {
        let mut heads = Vec::with_capacity(self.entities.len());
        for (key, BatchHead { before, now }) in std::mem::take(&mut self.entities) {
            let Some(now) = now else { continue };
            self.write_head(before.as_ref().map(|cached| cached.head().as_ref()), &now)?;
            heads.push((key, CachedHead::saved(now)));
        }
        Ok(Committed { events: self.events, heads, end: self.end, taken: self.taken })
    }

    fn write_head(&self, before: Option<&Head>, now: &Head) -> rusqlite::Result<()> {
        match before {
            None => row::insert_head(self.connection, now)?,
            Some(before) => row::update_head(self.connection, before, now)?,
        }
        match &now.platform_customer {
            Some(id) if before.and_then(|before| before.platform_customer.as_ref()) != Some(id) => {
                row::insert_platform_customer(self.connection, id, &now.customer)
            }
            Some(_) | None => Ok(()),
        }
    }
}
