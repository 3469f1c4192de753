//! The customers a stream waits for, if it ends once all are decided.

use std::collections::HashSet;

use crate::kyc::event::{Event, Outcome, Subject};
use crate::kyc::id::{CustomerId, EntityKey, Position};
use crate::kyc::log::{EventLog, LogError};

/// Customers not known to be decided.
pub(super) struct Undecided(HashSet<CustomerId>);

impl Undecided {
    pub(super) fn of(customers: &[CustomerId]) -> Box<Self> {
        Box::new(Self(customers.iter().cloned().collect()))
    }

    /// Removes those decided by the head at or before `passed`, up to which the stream has delivered.
    pub(super) async fn remove_decided(&mut self, log: &EventLog, passed: Position) -> Result<(), LogError> {
        let customers: Vec<_> = self.0.iter().cloned().collect();
        for customer in customers {
            let head = log.head(&EntityKey::customer(customer.clone())).await?;
            // A later decision counts once the stream delivers it: the caller hears of it before it hears that all are decided.
            if head.is_some_and(|head| head.position <= passed && head.subject.is_settled()) {
                self.0.remove(&customer);
            }
        }
        Ok(())
    }

    /// Follows an event that the stream passes.
    pub(super) fn follow(&mut self, event: &Event) {
        let Subject::Customer { .. } = &event.observation.subject else { return };
        match event.outcome {
            Outcome::Change if event.observation.subject.is_settled() => {
                self.0.remove(&event.observation.customer);
            }
            Outcome::Change => {
                self.0.insert(event.observation.customer.clone());
            }
            Outcome::Confirmation | Outcome::Superseded | Outcome::Unresolved => {}
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
