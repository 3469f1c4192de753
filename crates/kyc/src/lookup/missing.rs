//! Customers that Grid does not have.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::head::Head;
use crate::id::CustomerId;
use crate::source::SourceError;

/// How long it is remembered that Grid has no such customer.
const REMEMBERED_FOR: Duration = Duration::from_secs(5);
/// How many of those are remembered.
const MOST: usize = 10_000;

/// Customers that Grid did not have when it was asked lately.
#[derive(Default)]
pub(super) struct Missing {
    /// Held only to look one up or add it.
    customers: Mutex<HashMap<CustomerId, Answer>>,
}

struct Answer {
    error: SourceError,
    asked_at: Timestamp,
    until: Instant,
}

impl Missing {
    /// Remembers it, if the error says that there is no such customer.
    pub(super) fn remember(&self, customer: &CustomerId, asked_at: Timestamp, error: &SourceError) {
        match error {
            SourceError::NotFound | SourceError::Gone => {}
            SourceError::RateLimited { .. }
            | SourceError::Unavailable
            | SourceError::Refused
            | SourceError::Unusable => return,
        }
        let now = Instant::now();
        let mut customers = self.customers.lock().unwrap_or_else(PoisonError::into_inner);
        if customers.len() >= MOST {
            customers.retain(|_, answer| answer.until > now);
        }
        if customers.len() < MOST {
            let answer = Answer { error: error.clone(), asked_at, until: now + REMEMBERED_FOR };
            customers.insert(customer.clone(), answer);
        }
    }

    /// What Grid said, unless that is too long ago, or the customer, whose `head` this is, was heard of since.
    pub(super) fn recall(&self, customer: &CustomerId, head: Option<&Head>) -> Option<SourceError> {
        let customers = self.customers.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = customers.get(customer).filter(|answer| answer.until > Instant::now())?;
        let heard_since = head.is_some_and(|head| head.recorded_at.max(head.confirmed_at()) > answer.asked_at);
        (!heard_since).then(|| answer.error.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn customer(number: usize) -> CustomerId {
        CustomerId::parse(&format!("Customer:{number}")).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn an_absence_is_remembered_for_a_while_and_other_failures_are_not() {
        let missing = Missing::default();
        missing.remember(&customer(1), Timestamp::now(), &SourceError::NotFound);
        missing.remember(&customer(2), Timestamp::now(), &SourceError::Unavailable);
        assert_eq!(missing.recall(&customer(1), None), Some(SourceError::NotFound));
        assert_eq!(missing.recall(&customer(2), None), None);
        tokio::time::advance(REMEMBERED_FOR).await;
        assert_eq!(missing.recall(&customer(1), None), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_is_bounded_and_makes_room_with_time() {
        let missing = Missing::default();
        for number in 0..=MOST {
            missing.remember(&customer(number), Timestamp::now(), &SourceError::Gone);
        }
        assert_eq!(missing.customers.lock().unwrap().len(), MOST);
        assert_eq!(missing.recall(&customer(MOST), None), None);
        tokio::time::advance(REMEMBERED_FOR).await;
        missing.remember(&customer(MOST), Timestamp::now(), &SourceError::Gone);
        assert_eq!(missing.recall(&customer(MOST), None), Some(SourceError::Gone));
        assert_eq!(missing.customers.lock().unwrap().len(), 1);
    }
}
