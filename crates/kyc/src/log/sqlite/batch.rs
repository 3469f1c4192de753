//! One commit's worth of observations: decided one after the other inside one transaction.
//!
//! Each is one insert, which SQLite undoes by itself when it fails, and changes nothing else of the batch before that
//! insert succeeded: that is its savepoint. The heads are written once each, at the end.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::Connection;

use super::Shared;
use super::heads::{Cached, Heads};
use super::queries::{self, ReadError};
use super::row;
use crate::event::{Event, Observation};
use crate::head::Head;
use crate::id::{EntityKey, PlatformCustomerId, Position};
use crate::log::{LogError, Recorded};
use crate::record::{Verdict, advance, decide, is_redundant};
use crate::token::Mark;

/// What the batch knows of an entity.
struct Entry {
    /// The head before the batch; none where there was none.
    before: Option<Arc<Cached>>,
    /// The head that the batch made, where it made one.
    now: Option<Arc<Head>>,
}

impl Entry {
    fn head(&self) -> Option<&Arc<Head>> {
        self.now.as_ref().or_else(|| self.before.as_ref().map(|cached| cached.head()))
    }
}

/// The heads that a batch has decided about; let go of when this is dropped.
pub(super) struct Taken {
    shared: Arc<Shared>,
    entities: Vec<EntityKey>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.entities.iter().for_each(|entity| self.shared.heads.let_go(entity));
    }
}

/// A batch in the making.
pub(super) struct Batch<'a> {
    connection: &'a Connection,
    taken: Taken,
    entities: HashMap<EntityKey, Entry>,
    events: Vec<Arc<Event>>,
    end: Mark,
    recorded_at: Timestamp,
    full: bool,
}

/// What is true once the batch is committed.
pub(super) struct Committed {
    /// Its events, in order.
    pub(super) events: Vec<Arc<Event>>,
    /// The heads it touched.
    pub(super) heads: Vec<(EntityKey, Arc<Cached>)>,
    /// The end of the log.
    pub(super) end: Mark,
    /// To be dropped when the heads are where everyone finds them.
    pub(super) taken: Taken,
}

impl<'a> Batch<'a> {
    /// A batch after `end`, recorded at `recorded_at`, in the transaction that `connection` has open. `full`: nothing new may
    /// be added.
    pub(super) fn new(
        connection: &'a Connection,
        shared: &Arc<Shared>,
        end: Mark,
        recorded_at: Timestamp,
        full: bool,
    ) -> Self {
        let taken = Taken { shared: Arc::clone(shared), entities: Vec::new() };
        Self { connection, taken, entities: HashMap::new(), events: Vec::new(), end, recorded_at, full }
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
        if let (Some(head), true) = (&head, is_redundant(&observation, &verdict)) {
            if let Some(basis) = observation.origin.basis() {
                let updated_at = observation.updated_at.map(Timestamp::as_microsecond);
                head.confirmed.answered(basis.at.as_microsecond(), updated_at);
            }
            return Ok(Recorded::Redundant);
        }
        if self.full {
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
        let next = advance(head, &observation, &verdict, position, self.recorded_at);
        let Verdict { outcome, settles } = verdict;
        let previous = head.map(|head| head.subject.without_problems());
        let recorded_at = self.recorded_at;
        let event = Event { position, observation, outcome, previous, cause: settles, recorded_at };
        let earlier = head.map(|head| head.last_event);
        row::insert_event(&mut *self.connection.prepare_cached(row::INSERT_EVENT)?, &event, earlier)?;
        self.end = Mark { position, fingerprint: event.fingerprint() };
        self.events.push(Arc::new(event));
        let entry = self.entities.entry(key).or_insert(Entry { before: None, now: None });
        entry.now = Some(Arc::new(next));
        Ok(Recorded::New { position, outcome })
    }

    fn heads(&self) -> &Heads {
        &self.taken.shared.heads
    }

    /// The head as the batch has left it so far.
    fn head(&mut self, key: &EntityKey) -> Result<Option<Arc<Head>>, ReadError> {
        if let Some(entry) = self.entities.get(key) {
            return Ok(entry.head().cloned());
        }
        self.taken.entities.push(key.clone());
        let before = match self.heads().take(key) {
            Ok(cached) => Some(cached),
            // Only this thread changes heads, so that nothing can happen between here and `commit`.
            Err(missed) => {
                let found = queries::head(self.connection, key)?.map(|head| Cached::saved(Arc::new(head)));
                if let Some(cached) = &found {
                    self.heads().fill(key, cached, missed);
                }
                found
            }
        };
        let head = before.as_ref().map(|cached| Arc::clone(cached.head()));
        self.entities.insert(key.clone(), Entry { before, now: None });
        Ok(head)
    }

    fn platform_customer(&self, observation: &Observation) -> Result<Option<PlatformCustomerId>, ReadError> {
        let key = EntityKey::customer(observation.customer.clone());
        if let Some(head) = self.entities.get(&key).and_then(Entry::head) {
            return Ok(head.platform_customer.clone());
        }
        match self.heads().get(&key) {
            Ok(cached) => Ok(cached.head().platform_customer.clone()),
            Err(_) => queries::platform_customer(self.connection, &observation.customer),
        }
    }

    /// Writes the heads; what is left is to commit.
    pub(super) fn finish(mut self) -> Result<Committed, ReadError> {
        let mut heads = Vec::with_capacity(self.entities.len());
        for (key, Entry { before, now }) in std::mem::take(&mut self.entities) {
            let Some(now) = now else { continue };
            self.write_head(before.as_ref().map(|cached| cached.head().as_ref()), &now)?;
            heads.push((key, Cached::saved(now)));
        }
        Ok(Committed { events: self.events, heads, end: self.end, taken: self.taken })
    }

    fn write_head(&self, before: Option<&Head>, now: &Head) -> Result<(), ReadError> {
        let connection = self.connection;
        match before {
            None => row::insert_head(&mut *connection.prepare_cached(row::INSERT_HEAD)?, now)?,
            Some(before) => {
                row::update_head(&mut *connection.prepare_cached(row::UPDATE_HEAD)?, now)?;
                if before.doubt != now.doubt || before.subject.is_settled() != now.subject.is_settled() {
                    row::update_head_indexed(&mut *connection.prepare_cached(row::UPDATE_HEAD_INDEXED)?, now)?;
                }
            }
        }
        let known = before.and_then(|before| before.platform_customer.as_ref());
        if let Some(platform_customer) = now.platform_customer.as_ref().filter(|id| Some(*id) != known) {
            let mut statement = connection.prepare_cached(
                "INSERT INTO platform_customers (platform_customer_id, customer_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            )?;
            statement.execute((platform_customer.as_str(), now.customer.as_str()))?;
        }
        Ok(())
    }
}
