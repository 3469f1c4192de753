//! Heads that were used lately, in memory: what the writer decides by, and what a status is answered from.
//!
//! Bounded; the table has all of them. Never ahead of what is committed, and never behind it for longer than it takes the
//! writer to get from its commit to here.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashlink::LruCache;

use crate::head::Head;
use crate::id::EntityKey;

const SHARDS: usize = 16;

/// A head in memory.
#[derive(Debug)]
pub(super) struct Cached {
    head: Arc<Head>,
    /// The time of asking that the table has; `i64::MIN` for none.
    saved_answer: AtomicI64,
}

impl Cached {
    /// A head as the table has it.
    pub(super) fn saved(head: Arc<Head>) -> Arc<Self> {
        let saved_answer = AtomicI64::new(head.confirmed.by_answer().unwrap_or(i64::MIN));
        Arc::new(Self { head, saved_answer })
    }

    pub(super) fn head(&self) -> &Arc<Head> {
        &self.head
    }

    /// Whether the table's time of asking is behind by more than `tolerance` microseconds; says so once, and takes it as
    /// being saved then.
    pub(super) fn needs_saving(&self, tolerance: i64) -> bool {
        let Some(answered) = self.head.confirmed.by_answer() else { return false };
        let saved = self.saved_answer.load(Ordering::Relaxed);
        answered.saturating_sub(saved) > tolerance
            && self.saved_answer.compare_exchange(saved, answered, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

#[derive(Debug)]
struct Shard {
    heads: LruCache<EntityKey, Arc<Cached>>,
    /// Counts what the writer put here, so that a reader notices when what it read has aged meanwhile.
    version: u64,
    /// Those that the writer has decided about in a batch that is not committed yet.
    taken: HashSet<EntityKey>,
}

impl Shard {
    fn new(capacity: usize) -> Self {
        Self { heads: LruCache::new(capacity), version: 0, taken: HashSet::new() }
    }
}

/// The heads in memory.
#[derive(Debug)]
pub(super) struct Heads {
    /// Each guards its part of the keys.
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
}

/// What a reader found when it looked: the version of the shard before it went to the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Missed(u64);

impl Heads {
    /// Room for about `capacity` heads.
    pub(super) fn new(capacity: usize) -> Self {
        let per_shard = capacity.div_ceil(SHARDS).max(1);
        let shards = std::array::from_fn(|_| Mutex::new(Shard::new(per_shard)));
        Self { shards, hasher: RandomState::new() }
    }

    /// The head, if it is here.
    pub(super) fn get(&self, entity: &EntityKey) -> Result<Arc<Cached>, Missed> {
        let mut shard = self.shard(entity);
        let version = shard.version;
        shard.heads.get(entity).cloned().ok_or(Missed(version))
    }

    /// The head for the writer to decide by, if it is here. Nothing is noted on it from now on, until it is let go of: what
    /// the writer made of it is not known to anyone else yet.
    pub(super) fn take(&self, entity: &EntityKey) -> Result<Arc<Cached>, Missed> {
        let mut shard = self.shard(entity);
        shard.taken.insert(entity.clone());
        let version = shard.version;
        shard.heads.get(entity).cloned().ok_or(Missed(version))
    }

    /// Lets go of what was taken.
    pub(super) fn let_go(&self, entity: &EntityKey) {
        self.shard(entity).taken.remove(entity);
    }

    /// Notes something on a head that is here and that the writer has not taken, in one step with looking at it.
    pub(super) fn note<T>(&self, entity: &EntityKey, note: impl FnOnce(&Cached) -> Option<T>) -> Option<T> {
        let mut shard = self.shard(entity);
        if shard.taken.contains(entity) {
            return None;
        }
        shard.heads.get(entity).and_then(|cached| note(cached))
    }

    /// Puts a head here that the writer committed.
    pub(super) fn commit(&self, entity: EntityKey, cached: Arc<Cached>) {
        let mut shard = self.shard(&entity);
        shard.version += 1;
        shard.heads.insert(entity, cached);
    }

    /// Puts a head here that was read from the table after `missed`, unless the writer was here meanwhile.
    pub(super) fn fill(&self, entity: &EntityKey, cached: &Arc<Cached>, Missed(version): Missed) {
        let mut shard = self.shard(entity);
        if shard.version == version {
            shard.heads.insert(entity.clone(), Arc::clone(cached));
        }
    }

    fn shard(&self, entity: &EntityKey) -> MutexGuard<'_, Shard> {
        let index = usize::try_from(self.hasher.hash_one(entity) % SHARDS as u64).unwrap_or(0);
        let [first, ..] = &self.shards;
        self.shards.get(index).unwrap_or(first).lock().unwrap_or_else(PoisonError::into_inner)
    }
}
