//! The priority of a connection, and eviction of the lowest when a port is full.
//!
//! A client can hold every connection of a port without sending a request. So a full port evicts the oldest connection that has
//! not brought a request yet; an honest client sends one soon.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use tokio_util::sync::CancellationToken;

/// A connection's priority: low until a request raises it.
#[derive(Debug, Clone, Default)]
pub struct ConnectionPriority(Arc<State>);

#[derive(Debug, Default)]
struct State {
    is_raised: AtomicBool,
    evicted: CancellationToken,
}

impl ConnectionPriority {
    /// Protects the connection from eviction from now on.
    pub fn raise(&self) {
        let ConnectionPriority(state) = self;
        state.is_raised.store(true, Relaxed);
    }

    /// Waits until the connection is evicted.
    pub(super) async fn evicted(&self) {
        let ConnectionPriority(state) = self;
        state.evicted.cancelled().await;
    }
}

/// Connections of low priority, the oldest first.
#[derive(Debug)]
pub(super) struct EvictionQueue {
    waiting: VecDeque<Weak<State>>,
    /// How many it holds before it drops those that are closed or raised.
    most: usize,
}

impl EvictionQueue {
    /// For a port that allows `connections` at once.
    pub(super) fn new(connections: usize) -> Self {
        EvictionQueue { waiting: VecDeque::new(), most: connections.saturating_mul(2) }
    }

    pub(super) fn add(&mut self, ConnectionPriority(state): &ConnectionPriority) {
        if self.waiting.len() >= self.most {
            self.waiting.retain(is_low);
        }
        self.waiting.push_back(Arc::downgrade(state));
    }

    /// Evicts the oldest one, if there is one. Its permit is released shortly afterwards, when its task ends.
    pub(super) fn evict_oldest(&mut self) -> bool {
        while let Some(oldest) = self.waiting.pop_front() {
            if let Some(state) = oldest.upgrade().filter(|_| is_low(&oldest)) {
                state.evicted.cancel();
                return true;
            }
        }
        false
    }
}

fn is_low(connection: &Weak<State>) -> bool {
    connection.upgrade().is_some_and(|state| !state.is_raised.load(Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_that_is_raised_nothing_gives_way() {
        let connections: Vec<_> = (0..4).map(|_| ConnectionPriority::default()).collect();
        let mut queue = EvictionQueue::new(4);
        connections.iter().for_each(|priority| queue.add(priority));
        connections[0].raise();
        let mut connections = connections;
        connections.remove(1);
        // The first is raised and the second is gone, so the third is evicted, and then the fourth.
        assert!(queue.evict_oldest());
        let went: Vec<_> = connections.iter().map(|priority| priority.0.evicted.is_cancelled()).collect();
        assert_eq!(went, [false, true, false]);
        assert!(queue.evict_oldest());
        assert!(!queue.evict_oldest(), "a raised one stays");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut queue = EvictionQueue::new(8);
        for _ in 0..1000 {
            queue.add(&ConnectionPriority::default());
        }
        assert!(queue.waiting.len() <= 17);
    }
}
