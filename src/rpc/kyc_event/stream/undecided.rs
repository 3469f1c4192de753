//! Who is undecided yet, for a stream that ends when nobody is.

use std::collections::HashSet;

use crate::kyc::event::{Event, Outcome, Subject};
use crate::kyc::id::{CustomerId, EntityKey, Position};
use crate::kyc::log::{EventLog, LogError};

/// The customers that the stream waits for.
pub(super) struct Undecided(HashSet<CustomerId>);

impl Undecided {
    /// All of them, before they are judged.
    pub(super) fn of(customers: &[CustomerId]) -> Box<Self> {
        Box::new(Self(customers.iter().cloned().collect()))
    }

    /// Judges each by its status, for a stream that has passed everything up to `passed`.
    pub(super) async fn judge(&mut self, log: &dyn EventLog, passed: Position) -> Result<(), LogError> {
        let customers: Vec<_> = self.0.iter().cloned().collect();
        for customer in customers {
            let head = log.head(&EntityKey::customer(customer.clone())).await?;
            // What lies ahead of the stream counts when the stream comes to it: the caller hears of a decision before it
            // hears that all are decided.
            if head.is_some_and(|head| head.position <= passed && head.subject.is_settled()) {
                self.0.remove(&customer);
            }
        }
        Ok(())
    }

    /// Hears of an event that the stream passes, once they were judged.
    pub(super) fn hear(&mut self, event: &Event) {
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

    /// Whether nobody is undecided.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
