//! The ring of recent events.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::event::Event;
use crate::id::Position;
use crate::token::Mark;

/// An event, and its encoding once somebody needed it.
#[derive(Debug)]
pub struct RingEntry {
    event: Arc<Event>,
    encoded: OnceLock<Bytes>,
}

impl RingEntry {
    /// An entry for an event, for instance one read from the log.
    #[must_use]
    pub fn new(event: Arc<Event>) -> Self {
        Self { event, encoded: OnceLock::new() }
    }

    /// The event.
    #[must_use]
    pub fn event(&self) -> &Arc<Event> {
        &self.event
    }

    /// Its encoding: made by `encode` the first time, and shared from then on. Whoever encodes has to do it the same way
    /// everywhere.
    pub fn encoded(&self, encode: impl FnOnce(&Event) -> Bytes) -> Bytes {
        self.encoded.get_or_init(|| encode(&self.event)).clone()
    }
}

/// Recent events, one after the other without a gap, up to the end of the log.
#[derive(Debug)]
pub(super) struct Ring {
    entries: VecDeque<Arc<RingEntry>>,
    capacity: usize,
    end: Mark,
    closed: bool,
}

impl Ring {
    pub(super) fn new(end: Mark, capacity: usize) -> Self {
        Self { entries: VecDeque::new(), capacity: capacity.max(1), end, closed: false }
    }

    pub(super) fn end(&self) -> Mark {
        self.end
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    pub(super) fn push(&mut self, events: Vec<Arc<Event>>, end: Mark) {
        // Those of a batch larger than the ring would leave it at once.
        let skipped = events.len().saturating_sub(self.capacity);
        let room = self.capacity - (events.len() - skipped);
        if self.entries.len() > room {
            self.entries.drain(..self.entries.len() - room);
        }
        self.entries.extend(events.into_iter().skip(skipped).map(|event| Arc::new(RingEntry::new(event))));
        self.end = end;
    }

    /// The first event at `from` or after it that is still here.
    pub(super) fn at_or_after(&self, from: Position) -> Option<&Arc<RingEntry>> {
        self.entries.get(self.entries.partition_point(|entry| entry.event.position < from))
    }

    /// The last event.
    pub(super) fn newest(&self) -> Option<&Arc<RingEntry>> {
        self.entries.back()
    }

    /// The events from `from` on (up to the end, which may be before it); none when the ring no longer has all of them.
    pub(super) fn from(&self, from: Position) -> Option<impl Iterator<Item = &Arc<RingEntry>>> {
        let index = self.entries.partition_point(|entry| entry.event.position < from);
        let starts_here = match self.entries.get(index) {
            // The first one may have events before it that have left the ring.
            Some(entry) => index > 0 || entry.event.position == from,
            None => from > self.end.position,
        };
        starts_here.then(|| self.entries.range(index..))
    }
}
