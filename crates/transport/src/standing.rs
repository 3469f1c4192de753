//! Whether a connection has earned its place, and who gives way when there is none left.
//!
//! Anybody can connect and say nothing, as often as there are places. So a connection that has brought nothing yet keeps
//! its place only while nobody else wants it, and of several the oldest gives way: whoever means something says so soon.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use tokio_util::sync::CancellationToken;

/// How a connection stands. In the extensions of every request that came over it.
#[derive(Debug, Clone, Default)]
pub struct Standing(Arc<State>);

#[derive(Debug, Default)]
struct State {
    has_earned: AtomicBool,
    gives_way: CancellationToken,
}

impl Standing {
    /// The connection keeps its place from now on: it brought something that is worth it.
    pub fn earn(&self) {
        let Standing(state) = self;
        state.has_earned.store(true, Relaxed);
    }

    /// Waits until the connection has to go, for another one.
    pub(super) async fn gives_way(&self) {
        let Standing(state) = self;
        state.gives_way.cancelled().await;
    }
}

/// Connections that have earned nothing yet, the oldest first.
#[derive(Debug)]
pub(super) struct Newcomers {
    waiting: VecDeque<Weak<State>>,
    /// How many there are before those are taken out that are no newcomers any more.
    most: usize,
}

impl Newcomers {
    /// Of a port with so many places.
    pub(super) fn new(places: usize) -> Self {
        Newcomers { waiting: VecDeque::new(), most: places.saturating_mul(2) }
    }

    pub(super) fn add(&mut self, Standing(state): &Standing) {
        if self.waiting.len() >= self.most {
            self.waiting.retain(is_newcomer);
        }
        self.waiting.push_back(Arc::downgrade(state));
    }

    /// Has the oldest one give way, if there is one. Its place is free in a moment.
    pub(super) fn make_room(&mut self) -> bool {
        while let Some(oldest) = self.waiting.pop_front() {
            if let Some(state) = oldest.upgrade().filter(|_| is_newcomer(&oldest)) {
                state.gives_way.cancel();
                return true;
            }
        }
        false
    }
}

fn is_newcomer(connection: &Weak<State>) -> bool {
    connection.upgrade().is_some_and(|state| !state.has_earned.load(Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_that_has_earned_nothing_gives_way() {
        let connections: Vec<_> = (0..4).map(|_| Standing::default()).collect();
        let mut newcomers = Newcomers::new(4);
        connections.iter().for_each(|standing| newcomers.add(standing));
        connections[0].earn();
        let mut connections = connections;
        connections.remove(1);
        // The first has earned its place and the second is gone, so it is the third's turn, and then the fourth's.
        assert!(newcomers.make_room());
        let went: Vec<_> = connections.iter().map(|standing| standing.0.gives_way.is_cancelled()).collect();
        assert_eq!(went, [false, true, false]);
        assert!(newcomers.make_room());
        assert!(!newcomers.make_room(), "who has earned a place keeps it");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut newcomers = Newcomers::new(8);
        for _ in 0..1000 {
            newcomers.add(&Standing::default());
        }
        assert!(newcomers.waiting.len() <= 17);
    }
}
