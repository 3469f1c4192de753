//! A lock for each entity: this process records the observations of one entity one after the other, so that they do not race each
//! other to NATS.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::id::EntityKey;

/// The locks that are held or waited for.
#[derive(Debug, Default)]
pub(super) struct KeyedLock {
    entities: Mutex<HashMap<EntityKey, Arc<AsyncMutex<()>>>>,
}

/// A held lock.
#[derive(Debug)]
pub(super) struct KeyedGuard<'a> {
    locks: &'a KeyedLock,
    entity: EntityKey,
    held: Option<OwnedMutexGuard<()>>,
}

impl KeyedLock {
    /// Does something short, unless the entity's lock is held or waited for.
    pub(super) fn unless_locked<T>(&self, entity: &EntityKey, work: impl FnOnce() -> T) -> Option<T> {
        let entities = self.entities.lock().unwrap_or_else(PoisonError::into_inner);
        if entities.contains_key(entity) { None } else { Some(work()) }
    }

    /// Locks an entity.
    pub(super) async fn lock(&self, entity: EntityKey) -> KeyedGuard<'_> {
        let lock = {
            let mut entities = self.entities.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(entities.entry(entity.clone()).or_default())
        };
        // Created before waiting, so that a waiter that gives up cleans up too.
        let mut guard = KeyedGuard { locks: self, entity, held: None };
        guard.held = Some(lock.lock_owned().await);
        guard
    }
}

impl Drop for KeyedGuard<'_> {
    fn drop(&mut self) {
        drop(self.held.take());
        let mut entities = self.locks.entities.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody else has a clone: clones are made under this lock.
        if entities.get(&self.entity).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            entities.remove(&self.entity);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::id::CustomerId;

    #[tokio::test]
    async fn one_lock_at_a_time_for_each_entity_that_leaves_nothing_behind() {
        let locks = KeyedLock::default();
        let key = |name: &str| EntityKey::customer(CustomerId::parse(name).unwrap());
        let first = locks.lock(key("a")).await;
        let _other = locks.lock(key("b")).await;
        {
            let mut waiting = Box::pin(locks.lock(key("a")));
            assert!((&mut waiting).now_or_never().is_none());
            let mut gives_up = Box::pin(locks.lock(key("a")));
            assert!((&mut gives_up).now_or_never().is_none());
            drop(gives_up);
            drop(first);
            drop(waiting.await);
        }
        assert_eq!(locks.entities.lock().unwrap().len(), 1, "only b's lock is left");
    }
}
