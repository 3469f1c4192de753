//! The same tables, filled from a log that is kept elsewhere: what a replica reads from, and what a copied log is written to.
//!
//! It decides nothing. Events come with the heads they left behind, in the order of the log, and each call is one commit.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::heads::{Cached, Heads};
use super::queries::{self, ReadError, Which};
use super::readers::Readers;
use super::row::{self, number};
use super::schema::{Role, connect};
use super::{OpenError, content, failure, schema};
use crate::kyc::event::{Event, Observation};
use crate::kyc::head::Head;
use crate::kyc::id::{EntityKey, Lineage, ObservationId, PlatformCustomerId, Position};
use crate::kyc::log::{Bookmark, Bounds, LogError, Page, Quarantined, Scope};
use crate::kyc::token::Mark;

/// The largest page.
const MOST_PER_PAGE: usize = 4096;

/// An event of the log, and what it left behind.
#[derive(Debug, Clone)]
pub(in crate::kyc::log) struct Entry {
    /// The event.
    pub(in crate::kyc::log) event: Arc<Event>,
    /// The head of its entity after it; none where that is not known any more, and a later event says what matters.
    pub(in crate::kyc::log) head: Option<Head>,
    /// The event before it about the same entity.
    pub(in crate::kyc::log) earlier: Option<Position>,
    /// It is about a verification, and nobody said whose: what its customer's head says at this place in the log.
    pub(in crate::kyc::log) inherits: bool,
}

/// What is known about an observation before it is decided.
#[derive(Debug, Clone)]
pub(in crate::kyc::log) struct Known {
    /// Where the log has it, if it has it.
    pub(in crate::kyc::log) found: Option<Position>,
    /// The head of its entity.
    pub(in crate::kyc::log) head: Option<Arc<Head>>,
    /// The platform's id of its customer.
    pub(in crate::kyc::log) platform_customer: Option<PlatformCustomerId>,
    /// What was let go of: everything up to here.
    pub(in crate::kyc::log) gone: Position,
}

/// How durable a commit has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kyc::log) enum Durability {
    /// As durable as a log of its own.
    Durable,
    /// It is made anew when it is lost.
    Disposable,
}

/// The tables.
#[derive(Debug)]
pub(in crate::kyc::log) struct View {
    heads: Arc<Heads>,
    readers: Readers,
    /// Guards the one connection that writes.
    writer: Mutex<Connection>,
}

fn refused(error: ReadError) -> LogError {
    match error {
        ReadError::Refused(error) => error,
        ReadError::Row(error) => LogError::Corrupt { reason: error.to_string() },
        ReadError::Sqlite(error) => failure::log_error(&error),
    }
}

impl View {
    /// Tables in this file, for a log of this lineage; made where there are none. Blocks.
    pub(in crate::kyc::log) fn open(
        path: &Path,
        lineage: &Lineage,
        durability: Durability,
        cached_heads: usize,
    ) -> Result<Self, OpenError> {
        let mut connection = connect(path, Role::Writer)?;
        if durability == Durability::Disposable {
            connection.pragma_update(None, "synchronous", "OFF")?;
        }
        // Nobody else moves the write-ahead log into the file.
        connection.pragma_update(None, "wal_autocheckpoint", 4000)?;
        schema::migrate(&mut connection)?;
        if queries::lineage(&connection).map_err(content)?.is_none() {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute(
                "INSERT INTO log_info (only_row, epoch, created_at) VALUES (1, ?1, ?2)",
                (lineage.epoch.to_string(), Timestamp::now().as_microsecond()),
            )?;
            for (epoch, up_to) in &lineage.ancestors {
                transaction.execute(
                    "INSERT INTO ancestors (epoch, up_to) VALUES (?1, ?2)",
                    (epoch.to_string(), number(*up_to)),
                )?;
            }
            transaction.commit()?;
        }
        Ok(Self {
            heads: Arc::new(Heads::new(cached_heads)),
            readers: Readers::new(path.to_owned(), 4),
            writer: Mutex::new(connection),
        })
    }

    /// The tables of a log that is there. Blocks.
    pub(in crate::kyc::log) fn open_existing(path: &Path) -> Result<Self, OpenError> {
        let mut connection = connect(path, Role::Writer)?;
        schema::migrate(&mut connection)?;
        let lineage = queries::lineage(&connection).map_err(content)?.ok_or(OpenError::NotAnEventLog)?;
        drop(connection);
        Self::open(path, &lineage, Durability::Durable, 1000)
    }

    fn writer(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds events, each after the last, in one commit, and gives them as they are now in the tables. Blocks.
    pub(in crate::kyc::log) fn apply(&self, entries: Vec<Entry>) -> Result<Vec<Arc<Event>>, LogError> {
        let mut heads: HashMap<EntityKey, Head> = HashMap::with_capacity(entries.len());
        let mut events = Vec::with_capacity(entries.len());
        let connection = self.writer();
        let write = || -> Result<(), ReadError> {
            let transaction = Transaction::new_unchecked(&connection, TransactionBehavior::Immediate)?;
            for mut entry in entries {
                if entry.inherits {
                    self.inherit(&transaction, &heads, &mut entry)?;
                }
                let Entry { event, head, earlier, inherits: _ } = entry;
                row::insert_event(&mut *transaction.prepare_cached(row::INSERT_EVENT)?, &event, earlier)?;
                heads.extend(head.map(|head| (head.entity(), head)));
                events.push(event);
            }
            for head in heads.values() {
                put_head(&transaction, head)?;
            }
            transaction.commit()?;
            Ok(())
        };
        write().map_err(refused)?;
        for (key, head) in heads {
            if let Ok(before) = self.heads.get(&key) {
                keep_answer(before.head(), &head);
            }
            self.heads.commit(key, Cached::saved(Arc::new(head)));
        }
        Ok(events)
    }

    /// Says whose a verification is, as its customer's head has it; `heads` are those that are not written yet.
    fn inherit(
        &self,
        connection: &Connection,
        heads: &HashMap<EntityKey, Head>,
        entry: &mut Entry,
    ) -> Result<(), ReadError> {
        let own = EntityKey::customer(entry.event.observation.customer.clone());
        let said = match heads.get(&own) {
            Some(head) => head.platform_customer.clone(),
            None => cached_or_read(connection, &self.heads, &own)?.and_then(|head| head.platform_customer.clone()),
        };
        if said.is_some() && said != entry.event.observation.platform_customer {
            Arc::make_mut(&mut entry.event).observation.platform_customer.clone_from(&said);
            if let Some(head) = &mut entry.head {
                head.platform_customer = said;
            }
        }
        Ok(())
    }

    /// Puts heads here whose events are no longer kept, in one commit. Blocks.
    pub(in crate::kyc::log) fn put_heads(&self, heads: &[Head]) -> Result<(), LogError> {
        let connection = self.writer();
        let write = || -> Result<(), ReadError> {
            let transaction = Transaction::new_unchecked(&connection, TransactionBehavior::Immediate)?;
            for head in heads {
                put_head(&transaction, head)?;
            }
            transaction.commit()?;
            Ok(())
        };
        write().map_err(refused)
    }

    /// Lets go of events up to a mark, which was recorded at this time. Blocks.
    pub(in crate::kyc::log) fn trim(&self, to: Mark, recorded_at: Timestamp) -> Result<(), LogError> {
        let connection = self.writer();
        let write = || -> Result<(), ReadError> {
            let transaction = Transaction::new_unchecked(&connection, TransactionBehavior::Immediate)?;
            transaction.execute("DELETE FROM events WHERE position <= ?1", [number(to.position)])?;
            transaction.execute(
                "UPDATE log_info SET trimmed_to = ?1, trimmed_fingerprint = ?2, trimmed_recorded_at = ?3",
                (number(to.position), to.fingerprint.to_bits().cast_signed(), recorded_at.as_microsecond()),
            )?;
            transaction.commit()?;
            Ok(())
        };
        write().map_err(refused)
    }

    /// What is known about an observation. The head is read first: what was recorded about the entity later than that is
    /// noticed by whoever compares before setting.
    pub(in crate::kyc::log) async fn known(&self, observation: &Observation) -> Result<Known, LogError> {
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

    pub(in crate::kyc::log) async fn find(&self, id: &ObservationId) -> Result<Option<Position>, LogError> {
        let id = id.clone();
        self.readers.run(move |connection| queries::find(connection, &id)).await
    }

    pub(in crate::kyc::log) async fn head(&self, entity: &EntityKey) -> Result<Option<Arc<Head>>, LogError> {
        if let Ok(cached) = self.heads.get(entity) {
            return Ok(Some(Arc::clone(cached.head())));
        }
        let (key, heads) = (entity.clone(), Arc::clone(&self.heads));
        self.readers.run(move |connection| cached_or_read(connection, &heads, &key)).await
    }

    /// A head that was used lately.
    pub(in crate::kyc::log) fn cached_head(&self, entity: &EntityKey) -> Option<Arc<Head>> {
        self.heads.get(entity).ok().map(|cached| Arc::clone(cached.head()))
    }

    pub(in crate::kyc::log) async fn heads(
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

    pub(in crate::kyc::log) async fn list(
        &self,
        which: Which,
        after: Option<&EntityKey>,
        limit: usize,
    ) -> Result<Vec<Arc<Head>>, LogError> {
        let (after, limit) = (after.cloned(), limit.clamp(1, MOST_PER_PAGE));
        self.readers.run(move |connection| queries::heads(connection, which, after.as_ref(), limit)).await
    }

    pub(in crate::kyc::log) async fn read(
        &self,
        after: Position,
        scope: &Scope,
        limit: usize,
    ) -> Result<Page, LogError> {
        let (scope, limit) = (scope.clone(), limit.clamp(1, MOST_PER_PAGE));
        self.readers.run(move |connection| queries::page(connection, after, &scope, limit)).await
    }

    /// What is kept, and when the last of what is not was recorded, in microseconds.
    pub(in crate::kyc::log) async fn bounds(&self) -> Result<(Bounds, Option<i64>), LogError> {
        self.readers
            .run(|connection| {
                let transaction = connection.unchecked_transaction()?;
                queries::bounds(&transaction)
            })
            .await
    }

    pub(in crate::kyc::log) async fn admit(&self, mark: Mark) -> Result<(), LogError> {
        self.readers.run(move |connection| queries::admit(connection, mark)).await
    }

    pub(in crate::kyc::log) async fn mark_at(&self, time: Timestamp) -> Result<Mark, LogError> {
        self.readers.run(move |connection| queries::mark_at_time(connection, time)).await
    }

    /// The oldest events, and of those the ones that no later event about the same entity follows.
    pub(in crate::kyc::log) async fn oldest(
        &self,
        limit: usize,
    ) -> Result<(Vec<Arc<Event>>, Vec<Arc<Head>>), LogError> {
        self.readers
            .run(move |connection| {
                let transaction = connection.unchecked_transaction()?;
                let (bounds, _) = queries::bounds(&transaction)?;
                let page = queries::page_of_all(&transaction, bounds.oldest.position, limit)?;
                let mut heads = Vec::new();
                for event in &page {
                    let head = queries::head(&transaction, &event.observation.entity())?;
                    heads.extend(head.filter(|head| head.last_event == event.position).map(Arc::new));
                }
                Ok((page, heads))
            })
            .await
    }

    /// Events after `after`, each with what a copy of the log has to know about it.
    pub(in crate::kyc::log) async fn entries(&self, after: Position, limit: usize) -> Result<Vec<Entry>, LogError> {
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
    pub(in crate::kyc::log) async fn quarantined(
        &self,
        after: Option<&ObservationId>,
        limit: usize,
    ) -> Result<Vec<Quarantined>, LogError> {
        let after = after.cloned();
        self.readers.run(move |connection| queries::quarantined(connection, after.as_ref(), limit)).await
    }

    /// A remembered time.
    pub(in crate::kyc::log) async fn bookmark(&self, bookmark: Bookmark) -> Result<Option<Timestamp>, LogError> {
        self.readers.run(move |connection| queries::bookmark(connection, bookmark)).await
    }

    /// Puts here what is kept by name. Blocks.
    pub(in crate::kyc::log) fn put_by_name(
        &self,
        quarantined: Vec<Quarantined>,
        bookmarks: &[(Bookmark, Timestamp)],
    ) -> Result<(), LogError> {
        let connection = self.writer();
        let write = || -> Result<(), ReadError> {
            let transaction = Transaction::new_unchecked(&connection, TransactionBehavior::Immediate)?;
            for webhook in quarantined {
                row::insert_quarantined(&transaction, webhook)?;
            }
            for (bookmark, at) in bookmarks {
                row::set_bookmark(&transaction, *bookmark, *at)?;
            }
            transaction.commit()?;
            Ok(())
        };
        write().map_err(refused)
    }

    /// Why nothing may be written to the log in this file, if that is so. Blocks.
    pub(in crate::kyc::log) fn sealed(&self) -> Result<Option<String>, OpenError> {
        schema::sealed(&self.writer())
    }

    /// Says why nothing may be written to the log in this file from now on, or that it may again. Blocks.
    pub(in crate::kyc::log) fn seal(&self, why: Option<&str>) -> Result<(), OpenError> {
        let connection = self.writer();
        connection.execute("DELETE FROM sealed", [])?;
        if let Some(why) = why {
            connection.execute("INSERT INTO sealed (only_row, reason) VALUES (1, ?1)", [why])?;
        }
        Ok(())
    }

    /// Refuses new reads, waits for those under way, and closes the connections for reading.
    pub(in crate::kyc::log) async fn close(&self) {
        self.readers.close().await;
    }

    /// The lineage of the log in this file. Blocks.
    pub(in crate::kyc::log) fn lineage(&self) -> Result<Lineage, OpenError> {
        let lineage = queries::lineage(&self.writer()).map_err(content)?;
        lineage.ok_or(OpenError::NotAnEventLog)
    }
}

fn cached_or_read(connection: &Connection, heads: &Heads, key: &EntityKey) -> Result<Option<Arc<Head>>, ReadError> {
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

/// What Grid answered since stays known, as long as the head says the same.
fn keep_answer(before: &Head, now: &Head) {
    if let Some(at) = before.confirmed.by_answer().filter(|_| before.position == now.position) {
        now.confirmed.answered(at, before.confirmed.answered_updated_at());
    }
}

fn put_head(connection: &Connection, head: &Head) -> Result<(), ReadError> {
    let mut statement =
        connection.prepare_cached("DELETE FROM heads WHERE customer_id = ?1 AND verification_id = ?2")?;
    statement.execute((head.customer.as_str(), row::verification_text(head.subject.verification_id())))?;
    row::insert_head(&mut *connection.prepare_cached(row::INSERT_HEAD)?, head)?;
    if let Some(platform_customer) = &head.platform_customer {
        let mut statement = connection.prepare_cached(
            "INSERT INTO platform_customers (platform_customer_id, customer_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        )?;
        statement.execute((platform_customer.as_str(), head.customer.as_str()))?;
    }
    Ok(())
}
