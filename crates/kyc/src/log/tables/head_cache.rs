//! Heads that were used lately, in memory: the writer decides by them, and statuses are answered from them.
//!
//! Bounded; the table has all heads. The cache is never ahead of what is committed, and behind it only while the writer goes from
//! its commit to here.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashlink::LruCache;
use rusqlite::Connection;

use super::error::ReadError;
use super::queries;
use crate::head::Head;
use crate::id::EntityKey;

const SHARDS: usize = 16;

/// A head in memory.
#[derive(Debug)]
pub(crate) struct CachedHead {
    head: Arc<Head>,
    /// The time of asking in the table; `i64::MIN` for none.
    saved_answer: AtomicI64,
}

impl CachedHead {
    /// A head that is the same in the table.
    pub(crate) fn saved(head: Arc<Head>) -> Arc<Self> {
        let saved_answer = AtomicI64::new(head.confirmed.by_answer().unwrap_or(i64::MIN));
        Arc::new(Self { head, saved_answer })
    }

    pub(crate) fn head(&self) -> &Arc<Head> {
        &self.head
    }

    /// Whether the table's time of asking is behind by more than `tolerance` microseconds. Says so once: the caller saves it.
    pub(crate) fn needs_saving(&self, tolerance: i64) -> bool {
        let Some(answered) = self.head.confirmed.by_answer() else { return false };
        let saved = self.saved_answer.load(Ordering::Relaxed);
        answered.saturating_sub(saved) > tolerance
            && self.saved_answer.compare_exchange(saved, answered, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

#[derive(Debug)]
struct Shard {
    heads: LruCache<EntityKey, Arc<CachedHead>>,
    /// Grows with each commit, so that a reader notices that the row it read has aged meanwhile.
    version: u64,
    /// Heads the writer has decided about in a batch that is not committed yet.
    taken: HashSet<EntityKey>,
}

/// The version of a head's shard when the head was not found, before the reader went to the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CacheMiss(u64);

/// Heads in memory.
#[derive(Debug)]
pub(crate) struct HeadCache {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
}

impl HeadCache {
    /// Room for about `capacity` heads.
    pub(crate) fn new(capacity: usize) -> Self {
        let per_shard = capacity.div_ceil(SHARDS).max(1);
        let shard = |_| Mutex::new(Shard { heads: LruCache::new(per_shard), version: 0, taken: HashSet::new() });
        Self { shards: std::array::from_fn(shard), hasher: RandomState::new() }
    }

    pub(crate) fn get(&self, entity: &EntityKey) -> Result<Arc<CachedHead>, CacheMiss> {
        let mut shard = self.shard(entity);
        let version = shard.version;
        shard.heads.get(entity).cloned().ok_or(CacheMiss(version))
    }

    /// The head, from here or from the table.
    pub(crate) fn get_or_read(
        &self,
        connection: &Connection,
        entity: &EntityKey,
    ) -> Result<Option<Arc<CachedHead>>, ReadError> {
        match self.get(entity) {
            Ok(cached) => Ok(Some(cached)),
            Err(miss) => self.read(connection, entity, miss),
        }
    }

    /// Reads the head from the table after a miss.
    pub(crate) fn read(
        &self,
        connection: &Connection,
        entity: &EntityKey,
        CacheMiss(version): CacheMiss,
    ) -> Result<Option<Arc<CachedHead>>, ReadError> {
        let found = queries::head(connection, entity)?.map(|head| CachedHead::saved(Arc::new(head)));
        if let Some(cached) = &found {
            let mut shard = self.shard(entity);
            // Otherwise the writer may have committed a newer head meanwhile.
            if shard.version == version {
                shard.heads.insert(entity.clone(), Arc::clone(cached));
            }
        }
        Ok(found)
    }

    /// Marks the head as taken by the writer: until the writer releases it, no answer is noted on it, since only the writer
    /// knows the next head.
    pub(crate) fn take(&self, entity: &EntityKey) {
        self.shard(entity).taken.insert(entity.clone());
    }

    pub(crate) fn release(&self, entity: &EntityKey) {
        self.shard(entity).taken.remove(entity);
    }

    /// Runs `note` on a head that is cached and not taken; the writer cannot take it meanwhile.
    pub(crate) fn note<T>(&self, entity: &EntityKey, note: impl FnOnce(&CachedHead) -> Option<T>) -> Option<T> {
        let mut shard = self.shard(entity);
        if shard.taken.contains(entity) {
            return None;
        }
        shard.heads.get(entity).and_then(|cached| note(cached))
    }

    /// Puts a head here that the writer committed.
    pub(crate) fn commit(&self, entity: EntityKey, cached: Arc<CachedHead>) {
        let mut shard = self.shard(&entity);
        shard.version += 1;
        shard.heads.insert(entity, cached);
    }

    fn shard(&self, entity: &EntityKey) -> MutexGuard<'_, Shard> {
        let index = usize::try_from(self.hasher.hash_one(entity) % SHARDS as u64).unwrap_or(0);
        let [first, ..] = &self.shards;
        self.shards.get(index).unwrap_or(first).lock().unwrap_or_else(PoisonError::into_inner)
    }
}
