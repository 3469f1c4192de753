//! Status transitions, in the order they happened, on their way to whoever tells the platform about them.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Notify;

use gridgate_grid::model::{Customer, ImportJob, Verification};

/// Transitions that wait for somebody to take them; beyond this the oldest are dropped.
const CAPACITY: usize = 100_000;

/// Something that Grid tells the platform by webhook.
#[derive(Debug, Clone)]
pub(super) enum Transition {
    /// A customer entered a status, at creation too. The customer is as it was then.
    Customer { customer: Box<Customer>, at: Timestamp },
    /// A verification entered a status.
    Verification { verification: Verification, at: Timestamp },
    /// An import job ended.
    ImportJob { job: ImportJob, at: Timestamp },
}

/// Transitions that nobody has taken yet.
#[derive(Debug)]
pub(super) struct Outbox {
    waiting: VecDeque<Transition>,
    /// Told of everything that is put in.
    listener: Arc<Notify>,
}

impl Outbox {
    /// An empty outbox that tells this listener of what is put in.
    pub(super) fn new(listener: Arc<Notify>) -> Self {
        Self { waiting: VecDeque::new(), listener }
    }

    /// Puts a transition behind the others.
    pub(super) fn push(&mut self, transition: Transition) {
        if self.waiting.len() >= CAPACITY {
            self.waiting.pop_front();
        }
        self.waiting.push_back(transition);
        self.listener.notify_one();
    }

    /// Takes everything that waits.
    pub(super) fn take(&mut self) -> VecDeque<Transition> {
        std::mem::take(&mut self.waiting)
    }
}
