//! The snapshot that a stream begins with: the heads of everyone it is about, page by page, as of one position.

use std::collections::HashMap;
use std::sync::Arc;

use crate::kyc::event::Event;
use crate::kyc::head::Head;
use crate::kyc::id::{EntityKey, Position};
use crate::kyc::log::{EventLog, LogError, Scope};

/// Rows of a snapshot read at once.
const ROWS: usize = 256;

/// How far the snapshot has come.
pub(super) struct Snapshot {
    /// The position it is of.
    fixed: Position,
    rows: std::vec::IntoIter<Arc<Head>>,
    read_to: Option<EntityKey>,
    at_end: bool,
    /// The latest change that any row contains.
    newest: Position,
    said_ahead: Option<Box<SaidAhead>>,
}

/// Up to which change a row of the snapshot contains an entity's.
#[derive(Default)]
pub(super) struct SaidAhead(HashMap<EntityKey, Position>);

impl Snapshot {
    /// The snapshot of this position.
    pub(super) fn at(fixed: Position) -> Self {
        Self { fixed, rows: Vec::new().into_iter(), read_to: None, at_end: false, newest: fixed, said_ahead: None }
    }

    /// The next row to be said, of those that were read.
    ///
    /// A row that changed after the snapshot's position is left out, since its changes follow as events; so nothing has to be
    /// remembered of it. Only where it is not certain that they do, for a customer that is known by the platform's id (an
    /// event recorded before that id was known does not match it), the row is said, and what it contains is remembered.
    pub(super) fn next_row(&mut self, scope: &Scope) -> Option<Arc<Head>> {
        for head in self.rows.by_ref() {
            if head.position <= self.fixed {
                return Some(head);
            }
            self.newest = self.newest.max(head.position);
            if !scope.is_all() && !scope.customers.contains(&head.customer) {
                self.said_ahead.get_or_insert_default().0.insert(head.entity(), head.position);
                return Some(head);
            }
        }
        None
    }

    /// Whether all rows were read.
    pub(super) fn is_at_end(&self) -> bool {
        self.at_end
    }

    /// The position up to which events have to follow before the snapshot is complete: what was left out lies before.
    pub(super) fn newest(&self) -> Position {
        self.newest
    }

    /// What rows contain of the events that follow.
    pub(super) fn take_said_ahead(&mut self) -> Option<Box<SaidAhead>> {
        self.said_ahead.take()
    }

    /// Reads the next rows.
    pub(super) async fn read_on(&mut self, log: &dyn EventLog, scope: &Scope) -> Result<(), LogError> {
        let rows = log.heads(scope, self.read_to.as_ref(), ROWS).await?;
        self.at_end = rows.len() < ROWS;
        self.read_to = rows.last().map(|head| head.entity());
        self.rows = rows.into_iter();
        Ok(())
    }
}

impl SaidAhead {
    /// Whether a row already contained this event.
    pub(super) fn contains(&self, event: &Event) -> bool {
        self.0.get(&event.observation.entity()).is_some_and(|position| event.position <= *position)
    }
}
