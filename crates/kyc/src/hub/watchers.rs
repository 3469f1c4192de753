//! The index of watchers.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

use futures_util::task::AtomicWaker;

use crate::event::Event;
use crate::id::{CustomerId, PlatformCustomerId, Position, Scope};

/// `pending` of a watcher that has nothing to read.
const NOTHING: u64 = u64::MAX;

/// Whose events a watcher wants; small in the common cases.
#[derive(Debug)]
pub(super) enum Interest {
    Everyone,
    One(CustomerId),
    Some(Box<(HashSet<CustomerId>, HashSet<PlatformCustomerId>)>),
}

impl Interest {
    pub(super) fn of(scope: &Scope) -> Self {
        let Scope { customers, platform_customers } = scope;
        match (customers.as_slice(), platform_customers.as_slice()) {
            ([], []) => Self::Everyone,
            ([customer], []) => Self::One(customer.clone()),
            (customers, platform_customers) => Self::Some(Box::new((
                customers.iter().cloned().collect(),
                platform_customers.iter().cloned().collect(),
            ))),
        }
    }

    pub(super) fn includes(&self, event: &Event) -> bool {
        match self {
            Self::Everyone => true,
            Self::One(customer) => *customer == event.observation.customer,
            Self::Some(some) => {
                let (customers, platform_customers) = some.as_ref();
                let platform_customer = event.observation.platform_customer.as_ref();
                customers.contains(&event.observation.customer)
                    || platform_customer.is_some_and(|id| platform_customers.contains(id))
            }
        }
    }
}

/// One cursor's entry in the index.
#[derive(Debug)]
pub(super) struct Watcher {
    id: u64,
    interest: Interest,
    /// The first position it has to look at, or [`NOTHING`]. Guarded by the hub's ring lock: the log lowers it under the write
    /// lock, its own cursor raises it under the read lock.
    pending: AtomicU64,
    waker: AtomicWaker,
}

impl Watcher {
    pub(super) fn new(id: u64, interest: Interest, after: Position) -> Self {
        // Events published after `after` but before the watcher was in the index are found by its first look.
        let pending = AtomicU64::new(after.get().saturating_add(1));
        Self { id, interest, pending, waker: AtomicWaker::new() }
    }

    pub(super) fn interest(&self) -> &Interest {
        &self.interest
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
        match &watcher.interest {
            Interest::Everyone => add(&mut self.everyone),
            Interest::One(customer) => add(self.by_customer.entry(customer.clone()).or_default()),
            Interest::Some(some) => {
                let (customers, platform_customers) = some.as_ref();
                customers.iter().for_each(|id| add(self.by_customer.entry(id.clone()).or_default()));
                platform_customers.iter().for_each(|id| add(self.by_platform_customer.entry(id.clone()).or_default()));
            }
        }
    }

    pub(super) fn remove(&mut self, watcher: &Watcher) {
        let id = watcher.id;
        self.all.remove(&id);
        match &watcher.interest {
            Interest::Everyone => drop(self.everyone.remove(&id)),
            Interest::One(customer) => remove_from(&mut self.by_customer, customer, id),
            Interest::Some(some) => {
                let (customers, platform_customers) = some.as_ref();
                customers.iter().for_each(|customer| remove_from(&mut self.by_customer, customer, id));
                platform_customers.iter().for_each(|key| remove_from(&mut self.by_platform_customer, key, id));
            }
        }
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
