//! Wakes whoever watches, and never holds the truth: a ring of recent events that all streams share, and an index that
//! finds the watchers an event concerns.
//!
//! A stream is a [`Cursor`]: a place in the log, and what it is interested in. It owns no queue. While it keeps up, it takes
//! events from the ring; when it falls behind the ring, it is told to read the log. An event costs the watchers that it
//! concerns. One that it does not concern is not touched, and still knows, whenever it looks, that nothing up to the end
//! was for it.
//!
//! The log publishes here, after an event is durable and never before.

mod cursor;
mod ring;
mod watchers;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use jiff::Timestamp;
use tokio::sync::watch;

pub use self::cursor::{Cursor, Step};
use self::ring::Ring;
pub use self::ring::RingEntry;
use self::watchers::{Interest, Watcher, Watchers};
use super::event::{Event, Outcome};
use super::id::Position;
use super::log::Scope;
use super::token::Mark;

/// How many recent events the ring holds unless it is told otherwise: a few seconds of a busy log, about 10 MB.
pub const DEFAULT_RING_EVENTS: usize = 16_384;

/// What streams wait on. See the module.
#[derive(Debug)]
pub struct Hub {
    /// Guards the ring, its end, and every watcher's `pending`: the log writes all of them in one step, so that a cursor
    /// that reads sees either none or all of a batch. Taken before `watchers`.
    ring: RwLock<Ring>,
    /// Guards the index of watchers.
    watchers: RwLock<Watchers>,
    next_watcher: AtomicU64,
    end: watch::Sender<Mark>,
    doubts: watch::Sender<Position>,
}

impl Hub {
    /// A hub for a log that ends at `end`, with a ring of at most `capacity` events (at least one).
    #[must_use]
    pub fn new(end: Mark, capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            ring: RwLock::new(Ring::new(end, capacity)),
            watchers: RwLock::new(Watchers::default()),
            next_watcher: AtomicU64::new(0),
            end: watch::Sender::new(end),
            doubts: watch::Sender::new(Position::START),
        })
    }

    /// The end of the log as far as this process has heard.
    #[must_use]
    pub fn end(&self) -> Mark {
        self.read_ring().end()
    }

    /// Tells when the end has moved; always the latest end, never each of them.
    #[must_use]
    pub fn ends(&self) -> watch::Receiver<Mark> {
        self.end.subscribe()
    }

    /// Tells when something unresolved was recorded; the position of the latest.
    #[must_use]
    pub fn doubts(&self) -> watch::Receiver<Position> {
        self.doubts.subscribe()
    }

    /// How many cursors there are.
    #[must_use]
    pub fn watching(&self) -> usize {
        self.read_watchers().len()
    }

    /// How far the slowest cursor is behind; none when each has taken, or read, everything that concerns it.
    #[must_use]
    pub fn backlog(&self) -> Option<Backlog> {
        let ring = self.read_ring();
        let waiting = self.read_watchers().iter().filter_map(|watcher| watcher.pending()).min()?;
        let end = ring.end().position;
        if waiting > end {
            return None;
        }
        let events = (end.get() - waiting.get()).saturating_add(1);
        Some(Backlog { events, oldest: ring.at_or_after(waiting).map(|entry| entry.event().recorded_at) })
    }

    /// The last event that was published here, if it was since this process began.
    #[must_use]
    pub fn newest(&self) -> Option<Arc<Event>> {
        self.read_ring().newest().map(|entry| Arc::clone(entry.event()))
    }

    /// Starts watching what concerns `scope`, after `after`.
    #[must_use]
    pub fn watch(self: &Arc<Self>, scope: &Scope, after: Mark) -> Cursor {
        let id = self.next_watcher.fetch_add(1, Ordering::Relaxed);
        let watcher = Arc::new(Watcher::new(id, Interest::of(scope), after.position));
        self.write_watchers().insert(&watcher);
        Cursor::new(Arc::clone(self), watcher, after)
    }

    /// Takes events that are durable now, in the order of the log and right after the last ones, ending at `end`. The
    /// watchers they concern are to be woken with the answer, when whatever matters more is done.
    #[must_use = "watchers hear of it only when they are woken"]
    pub fn publish(&self, events: Vec<Arc<Event>>, end: Mark) -> Wakes {
        let doubt = events.iter().rev().find(|event| event.outcome == Outcome::Unresolved).map(|event| event.position);
        let mut wakes = Vec::new();
        {
            let mut ring = self.write_ring();
            self.read_watchers().mark(&events, &mut wakes);
            ring.push(events, end);
        }
        self.end.send_replace(end);
        if let Some(position) = doubt {
            self.doubts.send_replace(position);
        }
        Wakes(wakes)
    }

    /// Ends every cursor, once it has taken what is in the ring.
    pub fn close(&self) {
        self.write_ring().close();
        let watchers: Vec<_> = self.read_watchers().iter().cloned().collect();
        Wakes(watchers).wake();
    }

    fn forget(&self, watcher: &Watcher) {
        self.write_watchers().remove(watcher);
    }

    // A panic while one of these locks is held leaves nothing half done that a reader could not read.
    fn read_ring(&self) -> RwLockReadGuard<'_, Ring> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_ring(&self) -> RwLockWriteGuard<'_, Ring> {
        self.ring.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_watchers(&self) -> RwLockReadGuard<'_, Watchers> {
        self.watchers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_watchers(&self) -> RwLockWriteGuard<'_, Watchers> {
        self.watchers.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the slowest cursor has before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// How many events of the log, whether or not all of them concern it.
    pub events: u64,
    /// When the first of them was recorded; of one that has left the ring, when the oldest in the ring was.
    pub oldest: Option<Timestamp>,
}

/// Watchers that have something to read.
#[must_use = "watchers hear of it only when they are woken"]
#[derive(Debug)]
pub struct Wakes(Vec<Arc<Watcher>>);

impl Wakes {
    /// Wakes them.
    pub fn wake(self) {
        for watcher in self.0 {
            watcher.wake();
        }
    }
}

#[cfg(test)]
mod tests;
