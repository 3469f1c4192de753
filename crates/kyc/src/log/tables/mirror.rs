//! Tables filled from a log that is kept elsewhere: those a JetStream replica reads from, and those a log is copied from or into.
//!
//! A mirror decides nothing. Events come with the heads they left behind, in the order of the log, and each call is one commit.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::error::{OpenError, ReadError};
use super::head_cache::{CachedHead, HeadCache};
use super::reader::Tables;
use super::schema::{Role, connect};
use super::{queries, row, schema};
use crate::event::{Event, Observation};
use crate::head::Head;
use crate::id::{EntityKey, Lineage, ObservationId, PlatformCustomerId, Position};
use crate::log::store::{Bookmark, Bounds, LogError, Quarantined};
use crate::token::Mark;

/// How many heads are kept in memory while a log is copied.
const COPIED_HEADS: usize = 1000;
/// How many reads may run at once.
const READERS: u32 = 4;

/// An event, and what it left behind.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) event: Arc<Event>,
    /// The entity's head after it; none in a copied log, where a later event about the entity has it.
    pub(crate) head: Option<Head>,
    /// The event before it about the same entity.
    pub(crate) earlier: Option<Position>,
    /// It is about a verification, and came without a platform id: the customer's head at this position has it.
    pub(crate) inherits: bool,
}

/// What is known about an observation before it is decided.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// Its position, if the log has it.
    pub(crate) found: Option<Position>,
    /// The head of its entity.
    pub(crate) head: Option<Arc<Head>>,
    /// The platform's id of its customer.
    pub(crate) platform_customer: Option<PlatformCustomerId>,
    /// Every event up to here was deleted.
    pub(crate) deleted_to: Position,
}

/// The oldest events of a log.
pub(crate) struct Oldest {
    pub(crate) events: Vec<Arc<Event>>,
    /// The heads that no later event is about.
    pub(crate) heads: Vec<Arc<Head>>,
    /// When the first event not in the future was recorded.
    pub(crate) recorded_first: Option<Timestamp>,
}

/// The tables.
pub(crate) struct Mirror {
    path: PathBuf,
    tables: Arc<Tables>,
    writer: Mutex<Connection>,
}

impl Mirror {
    /// Disposable tables of a replica: made anew when they are lost. Blocks.
    pub(crate) fn of_replica(path: &Path, lineage: &Lineage, cached_heads: usize) -> Result<Self, OpenError> {
        let connection = connect_mirror(path)?;
        let unusable = |error: rusqlite::Error| OpenError::sqlite(path, &error);
        connection.pragma_update(None, "synchronous", "OFF").map_err(unusable)?;
        schema::insert_lineage(&connection, lineage, Timestamp::now()).map_err(unusable)?;
        Ok(Self::over(connection, path, cached_heads))
    }

    /// Tables that a log of this lineage is copied into, sealed for this reason until that is done: new ones, or those of a copy
    /// that was begun. None: there is another log, or a complete one. Blocks.
    pub(crate) fn of_copy(path: &Path, lineage: &Lineage, why: &str) -> Result<Option<Self>, OpenError> {
        let mut connection = connect_mirror(path)?;
        let unusable = |error: rusqlite::Error| OpenError::sqlite(path, &error);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(unusable)?;
        match schema::lineage(&transaction).map_err(|error| OpenError::reading(path, error))? {
            // Sealed in the same commit, so that no process can open it as a log before it is complete.
            None => {
                schema::insert_lineage(&transaction, lineage, Timestamp::now()).map_err(unusable)?;
                schema::set_sealed(&transaction, Some(why)).map_err(unusable)?;
            }
            Some(found) => {
                if found != *lineage || schema::sealed(&transaction, path)?.as_deref() != Some(why) {
                    return Ok(None);
                }
            }
        }
        transaction.commit().map_err(unusable)?;
        Ok(Some(Self::over(connection, path, COPIED_HEADS)))
    }

    /// The tables of a log that exists. Blocks.
    pub(crate) fn of_log(path: &Path) -> Result<Self, OpenError> {
        let mirror = Self::over(connect_mirror(path)?, path, COPIED_HEADS);
        mirror.lineage().map(|_| mirror)
    }

    fn over(connection: Connection, path: &Path, cached_heads: usize) -> Self {
        let tables = Tables::new(path.to_owned(), READERS, Arc::new(HeadCache::new(cached_heads)));
        Self { path: path.to_owned(), tables: Arc::new(tables), writer: Mutex::new(connection) }
    }

    /// The same tables, for reading.
    pub(crate) fn tables(&self) -> &Arc<Tables> {
        &self.tables
    }

    fn writer(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One commit. Blocks.
    fn commit(&self, write: impl FnOnce(&Connection) -> Result<(), ReadError>) -> Result<(), LogError> {
        let connection = self.writer();
        let write = || -> Result<(), ReadError> {
            let transaction = Transaction::new_unchecked(&connection, TransactionBehavior::Immediate)?;
            write(&transaction)?;
            Ok(transaction.commit()?)
        };
        write().map_err(LogError::from)
    }

    /// Adds events, each after the last, and returns them as they are in the tables now. Blocks.
    pub(crate) fn apply(&self, entries: Vec<Entry>) -> Result<Vec<Arc<Event>>, LogError> {
        let mut heads: HashMap<EntityKey, Head> = HashMap::with_capacity(entries.len());
        let mut events = Vec::with_capacity(entries.len());
        self.commit(|transaction| {
            let mut before = queries::recorded_last(transaction, Timestamp::MAX)?;
            for mut entry in entries {
                if entry.inherits {
                    self.inherit(transaction, &heads, &mut entry)?;
                }
                let Entry { event, head, earlier, inherits: _ } = entry;
                row::insert_event(transaction, &event, earlier)?;
                if before.replace(event.recorded_at).is_some_and(|before| before > event.recorded_at) {
                    row::insert_time_step(transaction, event.position)?;
                }
                heads.extend(head.map(|head| (head.entity(), head)));
                events.push(event);
            }
            heads.values().try_for_each(|head| put_head(transaction, head))
        })?;
        let cache = self.tables.heads_in_memory();
        for (key, head) in heads {
            if let Ok(before) = cache.get(&key) {
                keep_answer(before.head(), &head);
            }
            cache.commit(key, CachedHead::saved(Arc::new(head)));
        }
        Ok(events)
    }

    /// Fills in a verification's platform id from its customer's head; `heads` are not written yet.
    fn inherit(
        &self,
        connection: &Connection,
        heads: &HashMap<EntityKey, Head>,
        entry: &mut Entry,
    ) -> Result<(), ReadError> {
        let customer = EntityKey::customer(entry.event.observation.customer.clone());
        let inherited = match heads.get(&customer) {
            Some(head) => head.platform_customer.clone(),
            None => self.platform_customer(connection, &customer)?,
        };
        if inherited.is_some() && inherited != entry.event.observation.platform_customer {
            Arc::make_mut(&mut entry.event).observation.platform_customer.clone_from(&inherited);
            if let Some(head) = &mut entry.head {
                head.platform_customer = inherited;
            }
        }
        Ok(())
    }

    fn platform_customer(
        &self,
        connection: &Connection,
        customer: &EntityKey,
    ) -> Result<Option<PlatformCustomerId>, ReadError> {
        let cached = self.tables.heads_in_memory().get_or_read(connection, customer)?;
        Ok(cached.and_then(|cached| cached.head().platform_customer.clone()))
    }

    /// Adds heads whose events are deleted. Blocks.
    pub(crate) fn put_heads(&self, heads: &[Arc<Head>]) -> Result<(), LogError> {
        self.commit(|transaction| heads.iter().try_for_each(|head| put_head(transaction, head)))
    }

    /// Deletes the events up to a mark, which was recorded at this time. Blocks.
    pub(crate) fn trim(&self, to: Mark, recorded_at: Timestamp) -> Result<(), LogError> {
        self.commit(|transaction| Ok(row::delete_events(transaction, to, recorded_at)?))
    }

    /// Adds webhooks in quarantine, and bookmarks. Blocks.
    pub(crate) fn put_by_name(
        &self,
        quarantined: Vec<Quarantined>,
        bookmarks: &[(Bookmark, Timestamp)],
    ) -> Result<(), LogError> {
        self.commit(|transaction| {
            for webhook in quarantined {
                row::insert_quarantined(transaction, webhook)?;
            }
            for (bookmark, at) in bookmarks {
                row::set_bookmark(transaction, *bookmark, *at)?;
            }
            Ok(())
        })
    }

    /// Seals the log in this file, or unseals it. Blocks.
    pub(crate) fn seal(&self, why: Option<&str>) -> Result<(), OpenError> {
        let unusable = |error| OpenError::sqlite(&self.path, &error);
        let mut connection = self.writer();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(unusable)?;
        schema::set_sealed(&transaction, why).map_err(unusable)?;
        transaction.commit().map_err(unusable)
    }

    /// The lineage of the log in this file. Blocks.
    pub(crate) fn lineage(&self) -> Result<Lineage, OpenError> {
        let lineage = schema::lineage(&self.writer()).map_err(|error| OpenError::reading(&self.path, error))?;
        lineage.ok_or_else(|| OpenError::NotAnEventLog { path: self.path.clone() })
    }

    /// What is known about an observation. The head is read first: the comparison at
    /// publishing detects what other replicas record about the entity after that.
    pub(crate) async fn known(&self, observation: &Observation) -> Result<Known, LogError> {
        let (entity, id) = (observation.entity(), observation.id.clone());
        let heads = Arc::clone(self.tables.heads_in_memory());
        let read = move |connection: &Connection| {
            let head = heads.get_or_read(connection, &entity)?.map(|cached| Arc::clone(cached.head()));
            let customer = match entity.verification {
                None => head.clone(),
                Some(_) => {
                    let customer = heads.get_or_read(connection, &EntityKey::customer(entity.customer.clone()))?;
                    customer.map(|cached| Arc::clone(cached.head()))
                }
            };
            let platform_customer = customer.and_then(|head| head.platform_customer.clone());
            let found = queries::find(connection, &id)?;
            let deleted_to = queries::bounds(connection)?.0.oldest.position;
            Ok(Known { found, head, platform_customer, deleted_to })
        };
        self.tables.run(read).await
    }

    /// What is kept, and when the last deleted event was recorded.
    pub(crate) async fn bounds(&self) -> Result<(Bounds, Option<Timestamp>), LogError> {
        self.tables.run(|connection| queries::bounds(&*connection.unchecked_transaction()?)).await
    }

    /// When the last of the events was recorded that were recorded at `at` or before.
    pub(crate) async fn recorded_last(&self, at: Timestamp) -> Result<Option<Timestamp>, LogError> {
        self.tables.run(move |connection| queries::recorded_last(connection, at)).await
    }

    /// The oldest events, at most `limit`; `now` is the clock's time.
    pub(crate) async fn oldest(&self, now: Timestamp, limit: usize) -> Result<Oldest, LogError> {
        let read = move |connection: &Connection| {
            let transaction = connection.unchecked_transaction()?;
            let (bounds, _) = queries::bounds(&transaction)?;
            let recorded_first = queries::recorded_first(&transaction, now)?;
            let events = queries::events_after(&transaction, bounds.oldest.position, limit)?;
            let mut heads = Vec::new();
            for event in &events {
                heads.extend(head_left_by(&transaction, event)?.map(Arc::new));
            }
            Ok(Oldest { events, heads, recorded_first })
        };
        self.tables.run(read).await
    }

    /// Events after `after`, with what a copy of the log needs to know about each.
    pub(crate) async fn entries(&self, after: Position, limit: usize) -> Result<Vec<Entry>, LogError> {
        let read = move |connection: &Connection| {
            let transaction = connection.unchecked_transaction()?;
            let mut entries = Vec::new();
            for event in queries::events_after(&transaction, after, limit)? {
                let head = head_left_by(&transaction, &event)?;
                let earlier = queries::earlier(&transaction, event.position)?;
                entries.push(Entry { event, head, earlier, inherits: false });
            }
            Ok(entries)
        };
        self.tables.run(read).await
    }

    /// The webhooks in quarantine, in the order of ids.
    pub(crate) async fn quarantined(
        &self,
        after: Option<&ObservationId>,
        limit: usize,
    ) -> Result<Vec<Quarantined>, LogError> {
        let after = after.cloned();
        self.tables.run(move |connection| queries::quarantined(connection, after.as_ref(), limit)).await
    }

    /// A remembered time.
    pub(crate) async fn bookmark(&self, bookmark: Bookmark) -> Result<Option<Timestamp>, LogError> {
        self.tables.run(move |connection| queries::bookmark(connection, bookmark)).await
    }
}

fn connect_mirror(path: &Path) -> Result<Connection, OpenError> {
    let mut connection = connect(path, Role::Writer)?;
    // There is no checkpointer.
    let set = connection.pragma_update(None, "wal_autocheckpoint", 4000);
    set.map_err(|error| OpenError::sqlite(path, &error))?;
    schema::migrate(&mut connection, path)?;
    Ok(connection)
}

/// The entity's head, if this event is the last about it.
fn head_left_by(connection: &Connection, event: &Event) -> Result<Option<Head>, ReadError> {
    let head = queries::head(connection, &event.observation.entity())?;
    Ok(head.filter(|head| head.last_event == event.position))
}

/// Keeps the time of Grid's last answer, as long as the head says the same.
fn keep_answer(before: &Head, now: &Head) {
    if let Some(at) = before.confirmed.by_answer().filter(|_| before.position == now.position) {
        now.confirmed.answered(at, before.confirmed.answered_updated_at());
    }
}

fn put_head(connection: &Connection, head: &Head) -> Result<(), ReadError> {
    let mut statement =
        connection.prepare_cached("DELETE FROM heads WHERE customer_id = ?1 AND verification_id = ?2")?;
    statement.execute((head.customer.as_str(), row::verification_text(head.subject.verification_id())))?;
    row::insert_head(connection, head)?;
    if let Some(platform_customer) = &head.platform_customer {
        row::insert_platform_customer(connection, platform_customer, &head.customer)?;
    }
    Ok(())
}
