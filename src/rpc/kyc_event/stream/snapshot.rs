//! The snapshot a stream may begin with: the heads in its scope, page by page, as of one position.

use std::collections::HashMap;
use std::sync::Arc;

use crate::kyc::event::Event;
use crate::kyc::head::Head;
use crate::kyc::id::{EntityKey, Position};
use crate::kyc::log::{EventLog, LogError, Scope};

/// Rows of a snapshot read at once.
const ROWS: usize = 256;

/// A snapshot under way.
pub(super) struct Snapshot {
    /// The position of the snapshot.
    fixed: Position,
    rows: std::vec::IntoIter<Arc<Head>>,
    read_to: Option<EntityKey>,
    at_end: bool,
    /// The latest change in any row.
    newest: Position,
    sent_ahead: Option<Box<SentAhead>>,
}

/// Entities whose row contained changes after the snapshot's position, and the last of those changes.
#[derive(Default)]
pub(super) struct SentAhead(HashMap<EntityKey, Position>);

impl Snapshot {
    pub(super) fn at(fixed: Position) -> Self {
        Self { fixed, rows: Vec::new().into_iter(), read_to: None, at_end: false, newest: fixed, sent_ahead: None }
    }

    /// The next row to send, of those read.
    ///
    /// A row that changed after the snapshot's position is left out, since its changes follow as events. They may not follow
    /// for a customer selected by the platform's id: an event recorded before that id was known does not match it. Such a row
    /// is sent, and the change it contains is remembered.
    pub(super) fn next_row(&mut self, scope: &Scope) -> Option<Arc<Head>> {
        for head in self.rows.by_ref() {
            if head.position <= self.fixed {
                return Some(head);
            }
            self.newest = self.newest.max(head.position);
            if !scope.is_all() && !scope.customers.contains(&head.customer) {
                self.sent_ahead.get_or_insert_default().0.insert(head.entity(), head.position);
                return Some(head);
            }
        }
        None
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at_end
    }

    /// The position up to which events have to follow before the snapshot is complete: every left-out change is before it.
    pub(super) fn newest(&self) -> Position {
        self.newest
    }

    pub(super) fn take_sent_ahead(&mut self) -> Option<Box<SentAhead>> {
        self.sent_ahead.take()
    }

    /// Reads the next rows.
    pub(super) async fn read_on(&mut self, log: &EventLog, scope: &Scope) -> Result<(), LogError> {
        let rows = log.heads(scope, self.read_to.as_ref(), ROWS).await?;
        self.at_end = rows.len() < ROWS;
        self.read_to = rows.last().map(|head| head.entity());
        self.rows = rows.into_iter();
        Ok(())
    }
}

impl SentAhead {
    /// Whether a row contained this event already.
    pub(super) fn contains(&self, event: &Event) -> bool {
        self.0.get(&event.observation.entity()).is_some_and(|position| event.position <= *position)
    }
}
