//! Wakes watchers: a ring of recent events that all streams share, and an index from an event to the watchers it concerns.
//!
//! A stream is a [`Cursor`]: a position in the log and a scope. It owns no queue. While it keeps up it takes events from the
//! ring; once the ring has moved past it, it reads the log. Publishing an event touches only the watchers it concerns; the
//! others still know, whenever they look, that nothing up to the end of the log was for them.
//!
//! The log publishes an event only once it is durable. The hub is never the source of truth.

mod ring;
mod watchers;

use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::task::{Context, Poll};

use jiff::Timestamp;
use tokio::sync::watch;

use self::ring::Ring;
pub use self::ring::RingEntry;
use self::watchers::{Watcher, Watchers};
use super::event::{Event, Outcome};
use super::id::{Position, Scope};
use super::token::Mark;

/// How many recent events the ring holds by default: a few seconds of a busy log, about 10 MB.
pub const DEFAULT_RING_EVENTS: usize = 16_384;
/// How many events a cursor looks at before it releases the ring's lock.
const SCAN: usize = 4096;

/// The ring and the watchers of one log.
#[derive(Debug)]
pub struct Hub {
    /// Guards the ring, its end, and every watcher's `pending`. The log changes all three under one write lock, so a cursor
    /// sees a batch as a whole or not at all. Locked before `watchers`.
    ring: RwLock<Ring>,
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

    /// The end of the log, as far as this process knows.
    pub fn end(&self) -> Mark {
        self.read_ring().end()
    }

    /// Changes whenever the end moves; holds the latest end, not each of them.
    pub fn ends(&self) -> watch::Receiver<Mark> {
        self.end.subscribe()
    }

    /// Changes whenever an unresolved event is recorded; holds the position of the latest.
    pub fn doubts(&self) -> watch::Receiver<Position> {
        self.doubts.subscribe()
    }

    /// The number of cursors.
    pub fn watching(&self) -> usize {
        self.read_watchers().len()
    }

    /// How far the slowest cursor is behind; none when no cursor has anything left to read.
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

    /// The last event published since this process started.
    pub fn newest(&self) -> Option<Arc<Event>> {
        self.read_ring().newest().map(|entry| Arc::clone(entry.event()))
    }

    /// Starts watching `scope` after the position `after`.
    #[must_use]
    pub fn watch(self: &Arc<Self>, scope: &Scope, after: Mark) -> Cursor {
        let id = self.next_watcher.fetch_add(1, Ordering::Relaxed);
        let watcher = Arc::new(Watcher::new(id, scope, after.position));
        self.write_watchers().insert(&watcher);
        Cursor { hub: Arc::clone(self), watcher, considered: after }
    }

    /// Adds durable events, in the order of the log, that directly follow the last ones and end at `end`. The caller answers
    /// those that wait for the commit, and then wakes the watchers.
    #[must_use = "watchers stay asleep until they are woken"]
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

    /// Ends every cursor once it has taken what is in the ring.
    pub fn close(&self) {
        self.write_ring().close();
        let watchers: Vec<_> = self.read_watchers().iter().cloned().collect();
        Wakes(watchers).wake();
    }

    // A panic under one of these locks leaves no half-done change that a reader could not read.
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

/// How far the slowest cursor is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Events of the log it has not passed, including those outside its scope.
    pub events: u64,
    /// When the first of them was recorded, or the oldest event still in the ring.
    pub oldest: Option<Timestamp>,
}

/// Watchers that have something to read.
#[must_use = "watchers stay asleep until they are woken"]
#[derive(Debug)]
pub struct Wakes(Vec<Arc<Watcher>>);

impl Wakes {
    /// Wakes them.
    pub fn wake(self) {
        self.0.into_iter().for_each(|watcher| watcher.wake());
    }
}

/// What a cursor found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Events, appended to the buffer.
    Events,
    /// The ring no longer has everything that follows. Read the log after [`Cursor::considered`], pass the result to
    /// [`Cursor::advance`], and repeat up to the end of the log.
    Behind,
    /// The hub is closed, and the ring has nothing more for this cursor.
    Closed,
}

/// A stream's position in the log. Dropping it ends the watching.
#[derive(Debug)]
pub struct Cursor {
    hub: Arc<Hub>,
    watcher: Arc<Watcher>,
    considered: Mark,
}

impl Cursor {
    /// Everything up to here was taken from the ring, read from the log, or known to be out of scope.
    pub fn considered(&self) -> Mark {
        self.considered
    }

    /// The caller has read the log up to `to`. Never moves backwards.
    pub fn advance(&mut self, to: Mark) {
        if to.position > self.considered.position {
            self.considered = to;
        }
    }

    /// Looks once more without waiting: a cursor with nothing pending has considered everything up to the end of the log.
    /// Used for heartbeats; touches no other watcher.
    pub fn catch_up(&mut self) -> Mark {
        let ring = self.hub.read_ring();
        if self.watcher.pending().is_none() && ring.end().position > self.considered.position {
            self.considered = ring.end();
        }
        self.considered
    }

    /// Waits for events in scope, and appends at most `limit` of them to `into`. Cancel-safe.
    pub async fn next_batch(&mut self, into: &mut Vec<Arc<RingEntry>>, limit: usize) -> Step {
        poll_fn(|context| self.poll_next_batch(context, into, limit)).await
    }

    /// The poll function of [`next_batch`](Self::next_batch).
    pub fn poll_next_batch(
        &mut self,
        context: &mut Context<'_>,
        into: &mut Vec<Arc<RingEntry>>,
        limit: usize,
    ) -> Poll<Step> {
        let mut registered = false;
        loop {
            match self.look(into, limit) {
                Look::Again => {}
                Look::Found(step) => return Poll::Ready(step),
                Look::Nothing if registered => return Poll::Pending,
                // Look once more after registering: anything published after that look wakes this task.
                Look::Nothing => {
                    self.watcher.register(context.waker());
                    registered = true;
                }
            }
        }
    }

    /// Looks at a stretch of the ring.
    fn look(&mut self, into: &mut Vec<Arc<RingEntry>>, limit: usize) -> Look {
        let ring = self.hub.read_ring();
        let end = ring.end();
        let next = Position::new(self.considered.position.get().saturating_add(1));
        let from = match self.watcher.pending() {
            Some(pending) => pending.max(next),
            None if ring.is_closed() => return Look::Found(Step::Closed),
            None => return Look::Nothing,
        };
        if from > end.position {
            self.watcher.set_pending(None);
            return Look::Again;
        }
        let Some(entries) = ring.from(from) else { return Look::Found(Step::Behind) };
        let (mut found, mut last) = (0, None);
        for entry in entries.take(SCAN) {
            if found == limit {
                break;
            }
            if self.watcher.wants(entry.event()) {
                into.push(Arc::clone(entry));
                found += 1;
            }
            last = Some(entry);
        }
        match last.map(|entry| entry.event()) {
            Some(event) if event.position < end.position => {
                self.considered = event.mark();
                self.watcher.set_pending(Some(Position::new(event.position.get().saturating_add(1))));
            }
            Some(_) | None if limit > 0 => {
                self.considered = end;
                self.watcher.set_pending(None);
            }
            Some(_) | None => {}
        }
        if found > 0 || limit == 0 { Look::Found(Step::Events) } else { Look::Again }
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        self.hub.write_watchers().remove(&self.watcher);
    }
}

enum Look {
    Again,
    Nothing,
    Found(Step),
}

#[cfg(test)]
mod tests;
