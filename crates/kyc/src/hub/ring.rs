//! The ring of recent events.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::event::Event;
use crate::id::Position;
use crate::token::Mark;

/// An event with its encoding, which is made once, when a stream first needs it.
#[derive(Debug)]
pub struct RingEntry {
    event: Arc<Event>,
    encoded: OnceLock<Bytes>,
}

impl RingEntry {
    /// An entry for an event, such as one read from the log.
    #[must_use]
    pub fn new(event: Arc<Event>) -> Self {
        Self { event, encoded: OnceLock::new() }
    }

    /// The event.
    pub fn event(&self) -> &Arc<Event> {
        &self.event
    }

    /// Its encoding, shared by all callers: they must all pass an equivalent `encode`.
    pub fn encoded(&self, encode: impl FnOnce(&Event) -> Bytes) -> Bytes {
        self.encoded.get_or_init(|| encode(&self.event)).clone()
    }
}

/// Recent events without a gap, up to the end of the log.
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
        // The first events of a batch larger than the ring would leave it at once.
        let skipped = events.len().saturating_sub(self.capacity);
        let room = self.capacity - (events.len() - skipped);
        if self.entries.len() > room {
            self.entries.drain(..self.entries.len() - room);
        }
        self.entries.extend(events.into_iter().skip(skipped).map(|event| Arc::new(RingEntry::new(event))));
        self.end = end;
    }

    /// The first event in the ring at or after `from`.
    pub(super) fn at_or_after(&self, from: Position) -> Option<&Arc<RingEntry>> {
        self.entries.get(self.entries.partition_point(|entry| entry.event.position < from))
    }

    pub(super) fn newest(&self) -> Option<&Arc<RingEntry>> {
        self.entries.back()
    }

    /// The events from `from` on; none when some of them have left the ring. Empty when `from` is after the end.
    pub(super) fn from(&self, from: Position) -> Option<impl Iterator<Item = &Arc<RingEntry>>> {
        let index = self.entries.partition_point(|entry| entry.event.position < from);
        let starts_here = match self.entries.get(index) {
            // Events before the first entry may have left the ring.
            Some(entry) => index > 0 || entry.event.position == from,
            None => from > self.end.position,
        };
        starts_here.then(|| self.entries.range(index..))
    }
}
