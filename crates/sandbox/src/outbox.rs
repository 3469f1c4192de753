//! Status transitions, in order, that have not become webhooks yet.

use std::collections::VecDeque;

use jiff::Timestamp;

use gridgate_grid::model::{Customer, ImportJob, Verification};

/// The most transitions that wait; beyond it the oldest are dropped.
const OUTBOX_CAPACITY: usize = 100_000;

/// A change that Grid reports by webhook.
#[derive(Debug, Clone)]
pub(super) enum Transition {
    /// A customer entered a status, at creation too. The customer is as it was then.
    Customer { customer: Box<Customer>, at: Timestamp },
    /// A verification entered a status.
    Verification { verification: Verification, at: Timestamp },
    /// An import job ended.
    ImportJob { job: ImportJob, at: Timestamp },
}

/// Waiting transitions, oldest first.
#[derive(Debug, Default)]
pub(super) struct Outbox(VecDeque<Transition>);

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(&mut self, transition: Transition) {
        if self.0.len() >= OUTBOX_CAPACITY {
            self.0.pop_front();
        }
        self.0.push_back(transition);
    }

    pub(super) fn take(&mut self) -> VecDeque<Transition> {
        std::mem::take(&mut self.0)
    }
}
