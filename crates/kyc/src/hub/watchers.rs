//! The index of watchers.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

use futures_util::task::AtomicWaker;

use crate::event::Event;
use crate::id::{CustomerId, PlatformCustomerId, Position, Scope};

/// `pending` of a watcher that has nothing to read.
const NOTHING: u64 = u64::MAX;

/// One cursor's entry in the index.
#[derive(Debug)]
pub(super) struct Watcher {
    id: u64,
    /// Sorted.
    scope: Scope,
    /// The first position it has to look at, or [`NOTHING`]. Guarded by the hub's ring lock: the log lowers it under the write
    /// lock, its own cursor raises it under the read lock.
    pending: AtomicU64,
    waker: AtomicWaker,
}

impl Watcher {
    pub(super) fn new(id: u64, scope: &Scope, after: Position) -> Self {
        let mut scope = scope.clone();
        scope.customers.sort_unstable();
        scope.platform_customers.sort_unstable();
        // Events published after `after` but before the watcher was in the index are found by its first look.
        let pending = AtomicU64::new(after.get().saturating_add(1));
        Self { id, scope, pending, waker: AtomicWaker::new() }
    }

    pub(super) fn wants(&self, event: &Event) -> bool {
        let Scope { customers, platform_customers } = &self.scope;
        let platform_customer = event.observation.platform_customer.as_ref();
        self.scope.is_all()
            || customers.binary_search(&event.observation.customer).is_ok()
            || platform_customer.is_some_and(|id| platform_customers.binary_search(id).is_ok())
    }

    pub(super) fn pending(&self) -> Option<Position> {
        Some(self.pending.load(Ordering::Relaxed)).filter(|position| *position != NOTHING).map(Position::new)
    }

    pub(super) fn set_pending(&self, pending: Option<Position>) {
        self.pending.store(pending.map_or(NOTHING, Position::get), Ordering::Relaxed);
    }

    pub(super) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    pub(super) fn wake(&self) {
        self.waker.wake();
    }

    /// Notes an event at `position`; true when nothing was pending before.
    fn mark(&self, position: Position) -> bool {
        self.pending.fetch_min(position.get(), Ordering::Relaxed) == NOTHING
    }
}

type Group = BTreeMap<u64, Arc<Watcher>>;

/// From an event to the watchers it concerns.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    everyone: Group,
    by_customer: HashMap<CustomerId, Group>,
    by_platform_customer: HashMap<PlatformCustomerId, Group>,
    all: Group,
}

impl Watchers {
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let Self { everyone, by_customer, by_platform_customer, all } = self;
        everyone.is_empty() && by_customer.is_empty() && by_platform_customer.is_empty() && all.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Watcher>> {
        self.all.values()
    }

    pub(super) fn insert(&mut self, watcher: &Arc<Watcher>) {
        let add = |group: &mut Group| drop(group.insert(watcher.id, Arc::clone(watcher)));
        add(&mut self.all);
        if watcher.scope.is_all() {
            add(&mut self.everyone);
        }
        let Scope { customers, platform_customers } = &watcher.scope;
        customers.iter().for_each(|id| add(self.by_customer.entry(id.clone()).or_default()));
        platform_customers.iter().for_each(|id| add(self.by_platform_customer.entry(id.clone()).or_default()));
    }

    pub(super) fn remove(&mut self, watcher: &Watcher) {
        let id = watcher.id;
        self.all.remove(&id);
        self.everyone.remove(&id);
        let Scope { customers, platform_customers } = &watcher.scope;
        customers.iter().for_each(|customer| remove_from(&mut self.by_customer, customer, id));
        platform_customers.iter().for_each(|key| remove_from(&mut self.by_platform_customer, key, id));
    }

    /// Marks the watchers these events concern, and adds those with nothing pending before to `wakes`.
    pub(super) fn mark(&self, events: &[Arc<Event>], wakes: &mut Vec<Arc<Watcher>>) {
        let Some(first) = events.first() else { return };
        mark_all(&self.everyone, first.position, wakes);
        if self.by_customer.is_empty() && self.by_platform_customer.is_empty() {
            return;
        }
        for event in events {
            if let Some(group) = self.by_customer.get(&event.observation.customer) {
                mark_all(group, event.position, wakes);
            }
            let platform_customer = event.observation.platform_customer.as_ref();
            if let Some(group) = platform_customer.and_then(|id| self.by_platform_customer.get(id)) {
                mark_all(group, event.position, wakes);
            }
        }
    }
}

fn mark_all(group: &Group, position: Position, wakes: &mut Vec<Arc<Watcher>>) {
    wakes.extend(group.values().filter(|watcher| watcher.mark(position)).cloned());
}

fn remove_from<K: std::hash::Hash + Eq>(groups: &mut HashMap<K, Group>, key: &K, id: u64) {
    if let Some(group) = groups.get_mut(key) {
        group.remove(&id);
        if group.is_empty() {
            groups.remove(key);
        }
    }
}
