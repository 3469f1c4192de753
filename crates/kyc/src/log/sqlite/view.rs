//! The same tables, filled from a log that is kept elsewhere: what a replica reads from, and what a copied log is written to.
//!
//! It decides nothing. Events come with the heads they left behind, in the order of the log, and each call is one commit.
//! What can be asked of the tables is in [`reading`].

mod reading;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior};

pub(in crate::log) use self::reading::Known;
use self::reading::cached_or_read;
use super::heads::{Cached, Heads};
use super::queries::{self, ReadError};
use super::readers::Readers;
use super::row::{self, number};
use super::schema::{Role, connect};
use super::{OpenError, content, damage, failure, schema};
use crate::event::Event;
use crate::head::Head;
use crate::id::{EntityKey, Lineage, Position};
use crate::log::{Bookmark, LogError, Quarantined};
use crate::token::Mark;

/// How many heads are kept in memory while a log is copied.
const COPIED_HEADS: usize = 1000;

/// An event of the log, and what it left behind.
#[derive(Debug, Clone)]
pub(in crate::log) struct Entry {
    /// The event.
    pub(in crate::log) event: Arc<Event>,
    /// The head of its entity after it; none where that is not known any more, and a later event says what matters.
    pub(in crate::log) head: Option<Head>,
    /// The event before it about the same entity.
    pub(in crate::log) earlier: Option<Position>,
    /// It is about a verification, and nobody said whose: what its customer's head says at this place in the log.
    pub(in crate::log) inherits: bool,
}

/// How durable a commit has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::log) enum Durability {
    /// As durable as a log of its own.
    Durable,
    /// It is made anew when it is lost.
    Disposable,
}

/// The tables.
#[derive(Debug)]
pub(in crate::log) struct View {
    path: PathBuf,
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
    pub(in crate::log) fn open(
        path: &Path,
        lineage: &Lineage,
        durability: Durability,
        cached_heads: usize,
    ) -> Result<Self, OpenError> {
        let (of_path, unusable) = errors_of(path);
        let mut connection = Self::connect(path, durability)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(unusable)?;
        if queries::lineage(&transaction).map_err(of_path)?.is_none() {
            insert_lineage(&transaction, lineage).map_err(unusable)?;
        }
        transaction.commit().map_err(unusable)?;
        Ok(Self::over(connection, path, cached_heads))
    }

    /// Tables in this file that a log of this lineage is copied into, sealed for this reason until that is done: new ones, or
    /// those that were begun. None: there is another log, or one that is complete. Blocks.
    pub(in crate::log) fn open_copy(path: &Path, lineage: &Lineage, why: &str) -> Result<Option<Self>, OpenError> {
        let (of_path, unusable) = errors_of(path);
        let mut connection = Self::connect(path, Durability::Durable)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(unusable)?;
        match queries::lineage(&transaction).map_err(of_path)? {
            // Nobody takes it for a log before it is complete, whenever this ends.
            None => {
                insert_lineage(&transaction, lineage).map_err(unusable)?;
                put_seal(&transaction, Some(why)).map_err(unusable)?;
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

    fn connect(path: &Path, durability: Durability) -> Result<Connection, OpenError> {
        let (_, unusable) = errors_of(path);
        let mut connection = connect(path, Role::Writer)?;
        if durability == Durability::Disposable {
            connection.pragma_update(None, "synchronous", "OFF").map_err(unusable)?;
        }
        // Nobody else moves the write-ahead log into the file.
        connection.pragma_update(None, "wal_autocheckpoint", 4000).map_err(unusable)?;
        schema::migrate(&mut connection, path)?;
        Ok(connection)
    }

    fn over(connection: Connection, path: &Path, cached_heads: usize) -> Self {
        Self {
            path: path.to_owned(),
            heads: Arc::new(Heads::new(cached_heads)),
            readers: Readers::new(path.to_owned(), 4),
            writer: Mutex::new(connection),
        }
    }

    /// The tables of a log that is there. Blocks.
    pub(in crate::log) fn open_existing(path: &Path) -> Result<Self, OpenError> {
        let connection = Self::connect(path, Durability::Durable)?;
        let lineage = queries::lineage(&connection).map_err(|error| content(path, error))?;
        lineage.ok_or_else(|| OpenError::NotAnEventLog { path: path.to_owned() })?;
        Ok(Self::over(connection, path, COPIED_HEADS))
    }

    fn writer(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds events, each after the last, in one commit, and gives them as they are now in the tables. Blocks.
    pub(in crate::log) fn apply(&self, entries: Vec<Entry>) -> Result<Vec<Arc<Event>>, LogError> {
        let mut heads: HashMap<EntityKey, Head> = HashMap::with_capacity(entries.len());
        let mut events = Vec::with_capacity(entries.len());
        let connection = self.writer();
        let write = || -> Result<(), ReadError> {
            let transaction = Transaction::new_unchecked(&connection, TransactionBehavior::Immediate)?;
            let mut before = queries::recorded_last(&transaction, Timestamp::MAX)?;
            for mut entry in entries {
                if entry.inherits {
                    self.inherit(&transaction, &heads, &mut entry)?;
                }
                let Entry { event, head, earlier, inherits: _ } = entry;
                row::insert_event(&mut *transaction.prepare_cached(row::INSERT_EVENT)?, &event, earlier)?;
                if before.replace(event.recorded_at).is_some_and(|before| before > event.recorded_at) {
                    row::insert_time_step(&transaction, event.position)?;
                }
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
    pub(in crate::log) fn put_heads(&self, heads: &[Head]) -> Result<(), LogError> {
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
    pub(in crate::log) fn trim(&self, to: Mark, recorded_at: Timestamp) -> Result<(), LogError> {
        let connection = self.writer();
        let write = || -> Result<(), ReadError> {
            let transaction = Transaction::new_unchecked(&connection, TransactionBehavior::Immediate)?;
            transaction.execute("DELETE FROM events WHERE position <= ?1", [number(to.position)])?;
            transaction.execute("DELETE FROM time_steps WHERE position <= ?1", [number(to.position)])?;
            transaction.execute(
                "UPDATE log_info SET trimmed_to = ?1, trimmed_fingerprint = ?2, trimmed_recorded_at = ?3",
                (number(to.position), to.fingerprint.to_bits().cast_signed(), recorded_at.as_microsecond()),
            )?;
            transaction.commit()?;
            Ok(())
        };
        write().map_err(refused)
    }

    /// Puts here what is kept by name. Blocks.
    pub(in crate::log) fn put_by_name(
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

    /// Says why nothing may be written to the log in this file from now on, or that it may again. Blocks.
    pub(in crate::log) fn seal(&self, why: Option<&str>) -> Result<(), OpenError> {
        let (_, unusable) = errors_of(&self.path);
        let mut connection = self.writer();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(unusable)?;
        put_seal(&transaction, why).map_err(unusable)?;
        transaction.commit().map_err(unusable)
    }

    /// The lineage of the log in this file. Blocks.
    pub(in crate::log) fn lineage(&self) -> Result<Lineage, OpenError> {
        let lineage = queries::lineage(&self.writer()).map_err(|error| content(&self.path, error))?;
        lineage.ok_or_else(|| OpenError::NotAnEventLog { path: self.path.clone() })
    }
}

/// What errors of reading and of SQLite mean for this file.
fn errors_of(path: &Path) -> (impl Fn(ReadError) -> OpenError + Copy, impl Fn(rusqlite::Error) -> OpenError + Copy) {
    (move |error| content(path, error), move |error: rusqlite::Error| damage::unusable(path, &error))
}

fn insert_lineage(connection: &Connection, lineage: &Lineage) -> rusqlite::Result<()> {
    let Lineage { epoch, ancestors } = lineage;
    connection.execute(
        "INSERT INTO log_info (only_row, epoch, created_at) VALUES (1, ?1, ?2)",
        (epoch.to_string(), Timestamp::now().as_microsecond()),
    )?;
    for (epoch, up_to) in ancestors {
        connection
            .execute("INSERT INTO ancestors (epoch, up_to) VALUES (?1, ?2)", (epoch.to_string(), number(*up_to)))?;
    }
    Ok(())
}

fn put_seal(connection: &Connection, why: Option<&str>) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM sealed", [])?;
    if let Some(why) = why {
        connection.execute("INSERT INTO sealed (only_row, reason) VALUES (1, ?1)", [why])?;
    }
    Ok(())
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
