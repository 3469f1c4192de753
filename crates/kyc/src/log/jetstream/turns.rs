//! Observations of one entity take turns within this process, so that they do not race each other to NATS.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as TurnMutex, OwnedMutexGuard};

use crate::id::EntityKey;

/// Whose turn it is.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// One lock for each entity that somebody has or waits for; guards nothing but the turn.
    entities: Mutex<HashMap<EntityKey, Arc<TurnMutex<()>>>>,
}

/// A turn; over when it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    entity: EntityKey,
    held: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Does something short with an entity, unless somebody has its turn or waits for it.
    pub(super) fn unless_taken<T>(&self, entity: &EntityKey, work: impl FnOnce() -> T) -> Option<T> {
        let entities = self.entities.lock().unwrap_or_else(PoisonError::into_inner);
        if entities.contains_key(entity) { None } else { Some(work()) }
    }

    /// Waits for a turn.
    pub(super) async fn take(&self, entity: EntityKey) -> Turn<'_> {
        let lock = {
            let mut entities = self.entities.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(entities.entry(entity.clone()).or_default())
        };
        // Made before waiting, so that whoever gives up waiting leaves nothing behind either.
        let mut turn = Turn { turns: self, entity, held: None };
        turn.held = Some(lock.lock_owned().await);
        turn
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        drop(self.held.take());
        let mut entities = self.turns.entities.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody has a clone that could still become a turn: clones are made under this lock.
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
    async fn turns_are_one_at_a_time_for_each_entity_and_leave_nothing_behind() {
        let turns = Turns::default();
        let key = |name: &str| EntityKey::customer(CustomerId::parse(name).unwrap());
        let first = turns.take(key("a")).await;
        let _other = turns.take(key("b")).await;
        {
            let mut waiting = Box::pin(turns.take(key("a")));
            assert!((&mut waiting).now_or_never().is_none());
            let mut gives_up = Box::pin(turns.take(key("a")));
            assert!((&mut gives_up).now_or_never().is_none());
            drop(gives_up);
            drop(first);
            drop(waiting.await);
        }
        assert_eq!(turns.entities.lock().unwrap().len(), 1, "only b's turn is left");
    }
}
