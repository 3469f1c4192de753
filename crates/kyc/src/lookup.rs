//! Answers a customer's current status: usually from the log, from Grid where that is not enough.
//!
//! Concurrent questions about one customer share one call to Grid. A customer that Grid does not have is remembered for some
//! seconds, so that a caller's loop does not become Grid's load.

mod single_flight;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use jiff::Timestamp;
use tokio::time::Instant;

use self::single_flight::SingleFlight;
use super::clock::JUMP;
use super::event::{Asker, Observation, Subject};
use super::head::Head;
use super::id::{CustomerId, EntityKey, Fingerprint};
use super::log::{EventLog, LogError};
use super::source::{CustomerSource, SourceError};
use super::token::Mark;

/// How many calls to Grid a question joins before it gives up: each turned out unneeded, began too early, or was overtaken.
const MAX_ROUNDS: usize = 4;
const REMEMBER_MISSING_FOR: Duration = Duration::from_secs(5);
const MOST_MISSING: usize = 10_000;

/// Why a status cannot be given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages document the variants")]
pub enum LookupError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// A customer's status, and how current it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentStatus {
    /// The status.
    pub head: Arc<Head>,
    /// The status includes everything about the customer up to here.
    pub mark: Mark,
    /// When this process last knew the end of the log.
    pub as_of: Timestamp,
}

/// Answers customers' statuses.
pub struct Lookup {
    knowledge: Arc<Knowledge>,
    calls: SingleFlight<Result<CallOutcome, LookupError>>,
}

/// What became of a call to Grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CallOutcome {
    /// Grid answered, and the log has the answer.
    Answered,
    /// Not made: by then the log knew enough for its first caller.
    Unneeded,
}

/// The log, the customers known to be missing, and Grid.
struct Knowledge {
    log: Arc<EventLog>,
    source: Arc<dyn CustomerSource>,
    missing: MissingCustomers,
}

impl Lookup {
    /// Answers from `log`, and asks `source`.
    #[must_use]
    pub fn new(log: Arc<EventLog>, source: Arc<dyn CustomerSource>) -> Self {
        let knowledge = Knowledge { log, source, missing: MissingCustomers::default() };
        Self { knowledge: Arc::new(knowledge), calls: SingleFlight::default() }
    }

    /// The customer's status. Grid is asked about an unknown customer, and where it last confirmed the status longer than
    /// `max_staleness` before this question. The call to Grid ends when no caller waits for it any more.
    ///
    /// # Errors
    /// [`SourceError::NotFound`] when Grid has no such customer; any other error of the log or of Grid.
    pub async fn status(
        &self,
        customer: &CustomerId,
        max_staleness: Option<Duration>,
    ) -> Result<CurrentStatus, LookupError> {
        let since = self.knowledge.log.basis().at;
        for _ in 0..MAX_ROUNDS {
            if let Some(found) = self.knowledge.enough(customer, max_staleness).await? {
                return Ok(found);
            }
            let ask = || Arc::clone(&self.knowledge).ask(customer.clone(), max_staleness).boxed();
            if self.calls.join(customer, ask).await? == CallOutcome::Answered {
                let found = self.knowledge.of(customer).await?;
                let found = found.ok_or(LookupError::Source(SourceError::Unusable))?;
                // The call may have been under way before this question, with an answer older than is wanted.
                if is_confirmed_since(&found.head, since, max_staleness) {
                    return Ok(found);
                }
            }
        }
        Err(SourceError::Unavailable.into())
    }
}

impl Knowledge {
    /// The status in the log, if it is fresh enough. Fails if Grid lately said that there is no such customer.
    async fn enough(
        &self,
        customer: &CustomerId,
        max_staleness: Option<Duration>,
    ) -> Result<Option<CurrentStatus>, LookupError> {
        let found = self.of(customer).await?;
        let head = found.as_ref().map(|found| found.head.as_ref());
        if head.is_some_and(|head| is_fresh(head, max_staleness, self.log.basis().at)) {
            return Ok(found);
        }
        match self.missing.recall(customer, head) {
            Some(error) => Err(error.into()),
            None => Ok(None),
        }
    }

    async fn of(&self, customer: &CustomerId) -> Result<Option<CurrentStatus>, LookupError> {
        // Read before the head: the head is at least as new as this.
        let (end, as_of) = (self.log.hub().end(), self.log.as_of());
        let head = self.log.head(&EntityKey::customer(customer.clone())).await?;
        Ok(head.map(|head| {
            let change =
                Mark { position: head.position, fingerprint: Fingerprint::of(&head.observation, &head.customer) };
            let mark = if change.position > end.position { change } else { end };
            CurrentStatus { head, mark, as_of }
        }))
    }

    /// Asks Grid, unless the log has come to know enough since the question.
    async fn ask(
        self: Arc<Self>,
        customer: CustomerId,
        max_staleness: Option<Duration>,
    ) -> Result<CallOutcome, LookupError> {
        if self.enough(&customer, max_staleness).await?.is_some() {
            return Ok(CallOutcome::Unneeded);
        }
        let basis = self.log.basis();
        let answer = match self.source.customer(&customer).await {
            Ok(answer) => answer,
            Err(error) => {
                self.missing.remember(&customer, basis.at, &error);
                return Err(error.into());
            }
        };
        let Some(status) = answer.status else { return Err(SourceError::Unusable.into()) };
        let subject = Subject::Customer { status, deleted: answer.deleted };
        let observation =
            Observation::asked(Asker::Call, basis, customer, answer.platform_customer, subject, answer.updated_at);
        self.log.record(observation).await?;
        Ok(CallOutcome::Answered)
    }
}

fn is_fresh(head: &Head, max_staleness: Option<Duration>, now: Timestamp) -> bool {
    let Some(max) = max_staleness else { return true };
    let age = now.duration_since(head.confirmed_at());
    // Clocks differ a little. A confirmation further in the future dates from when our clock was ahead.
    let is_now = age.is_negative() && age.abs() <= JUMP;
    !max.is_zero() && (is_now || Duration::try_from(age).is_ok_and(|age| age <= max))
}

/// Whether Grid confirmed the head no longer before the question than it allows.
fn is_confirmed_since(head: &Head, question: Timestamp, max_staleness: Option<Duration>) -> bool {
    let Some(max) = max_staleness else { return true };
    let earliest = question.checked_sub(max).unwrap_or(Timestamp::MIN);
    // Heads keep times in microseconds.
    head.confirmed_at().as_microsecond() >= earliest.as_microsecond()
}

/// Customers that Grid lately did not have.
#[derive(Default)]
struct MissingCustomers {
    /// Locked only to look up or add one.
    customers: Mutex<HashMap<CustomerId, Missing>>,
}

struct Missing {
    error: SourceError,
    asked_at: Timestamp,
    until: Instant,
}

impl MissingCustomers {
    /// Remembers the customer, if the error says that there is none.
    fn remember(&self, customer: &CustomerId, asked_at: Timestamp, error: &SourceError) {
        match error {
            SourceError::NotFound | SourceError::Gone => {}
            SourceError::RateLimited { .. }
            | SourceError::Unavailable
            | SourceError::Refused
            | SourceError::Unusable => return,
        }
        let now = Instant::now();
        let mut customers = self.customers.lock().unwrap_or_else(PoisonError::into_inner);
        if customers.len() >= MOST_MISSING {
            customers.retain(|_, missing| missing.until > now);
        }
        if customers.len() < MOST_MISSING {
            let missing = Missing { error: error.clone(), asked_at, until: now + REMEMBER_MISSING_FOR };
            customers.insert(customer.clone(), missing);
        }
    }

    /// Grid's error, unless it is too long ago, or the customer (with this `head`) was observed since.
    fn recall(&self, customer: &CustomerId, head: Option<&Head>) -> Option<SourceError> {
        let customers = self.customers.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = customers.get(customer).filter(|missing| missing.until > Instant::now())?;
        let observed_since = head.is_some_and(|head| head.recorded_at.max(head.confirmed_at()) > missing.asked_at);
        (!observed_since).then(|| missing.error.clone())
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
        let missing = MissingCustomers::default();
        missing.remember(&customer(1), Timestamp::now(), &SourceError::NotFound);
        missing.remember(&customer(2), Timestamp::now(), &SourceError::Unavailable);
        assert_eq!(missing.recall(&customer(1), None), Some(SourceError::NotFound));
        assert_eq!(missing.recall(&customer(2), None), None);
        tokio::time::advance(REMEMBER_MISSING_FOR).await;
        assert_eq!(missing.recall(&customer(1), None), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_is_bounded_and_makes_room_with_time() {
        let missing = MissingCustomers::default();
        for number in 0..=MOST_MISSING {
            missing.remember(&customer(number), Timestamp::now(), &SourceError::Gone);
        }
        assert_eq!(missing.customers.lock().unwrap().len(), MOST_MISSING);
        assert_eq!(missing.recall(&customer(MOST_MISSING), None), None);
        tokio::time::advance(REMEMBER_MISSING_FOR).await;
        missing.remember(&customer(MOST_MISSING), Timestamp::now(), &SourceError::Gone);
        assert_eq!(missing.recall(&customer(MOST_MISSING), None), Some(SourceError::Gone));
        assert_eq!(missing.customers.lock().unwrap().len(), 1);
    }
}
