//! A stream's place in the log.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::watchers::Watcher;
use super::{Hub, RingEntry};
use crate::id::Position;
use crate::token::Mark;

/// How many events a cursor looks at before it lets go of the ring for others.
const SCAN: usize = 4096;

/// What a cursor found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Events, in the buffer it was given.
    Events,
    /// The ring no longer has all that follows: read the log after [`Cursor::considered`], tell the cursor with
    /// [`Cursor::advance`], and so on until the end of the log.
    Behind,
    /// The hub was closed, and the ring holds nothing more.
    Closed,
}

/// A place in the log from which one stream goes on. Dropping it ends the watching.
#[derive(Debug)]
pub struct Cursor {
    hub: Arc<Hub>,
    watcher: Arc<Watcher>,
    considered: Mark,
}

impl Cursor {
    pub(super) fn new(hub: Arc<Hub>, watcher: Arc<Watcher>, considered: Mark) -> Self {
        Self { hub, watcher, considered }
    }

    /// Everything up to here was considered: taken from the ring, read from the log, or known not to concern this stream.
    #[must_use]
    pub fn considered(&self) -> Mark {
        self.considered
    }

    /// Everything up to `to` was considered elsewhere: read from the log. Never goes back.
    pub fn advance(&mut self, to: Mark) {
        if to.position > self.considered.position {
            self.considered = to;
        }
    }

    /// What was considered, after looking once more: a stream that nothing waits for has considered everything up to the
    /// end of the log. For heartbeats; touches nobody else.
    pub fn catch_up(&mut self) -> Mark {
        let ring = self.hub.read_ring();
        if self.watcher.pending().is_none() && ring.end().position > self.considered.position {
            self.considered = ring.end();
        }
        self.considered
    }

    /// Waits for events that concern this stream, and appends at most `limit` of them to `into`. May be dropped and
    /// called again; nothing is lost by it.
    pub async fn next_batch(&mut self, into: &mut Vec<Arc<RingEntry>>, limit: usize) -> Step {
        poll_fn(|context| self.poll_next_batch(context, into, limit)).await
    }

    /// The same, for a stream that is polled.
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
                // Then looks once more: what is published after that look wakes this task.
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
            if self.watcher.interest().includes(entry.event()) {
                into.push(Arc::clone(entry));
                found += 1;
            }
            last = Some(entry);
        }
        match last.map(|entry| entry.event()) {
            Some(event) if event.position < end.position => {
                self.considered = Mark { position: event.position, fingerprint: event.fingerprint() };
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
        self.hub.forget(&self.watcher);
    }
}

enum Look {
    Again,
    Nothing,
    Found(Step),
}
