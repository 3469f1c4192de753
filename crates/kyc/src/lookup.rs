//! The status of one customer, asked for: from what is known as a rule, from Grid where that is not enough.
//!
//! Concurrent questions about one customer share one call to Grid, and a customer that Grid does not have is remembered
//! for seconds, so that a caller's loop does not become Grid's load.

mod calls;
mod missing;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use jiff::Timestamp;

use self::calls::Calls;
use self::missing::Missing;
use super::clock::JUMP;
use super::event::{Asker, Observation, Subject};
use super::head::Head;
use super::id::{CustomerId, EntityKey, Fingerprint};
use super::log::{EventLog, LogError};
use super::source::{CustomerSource, SourceError};
use super::token::Mark;

/// How many calls to Grid a question joins before it gives up: each was somebody else's and not needed, began too early, or
/// was overtaken.
const MAX_ROUNDS: usize = 4;

/// Why a status could not be said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// The log could not be read or written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Grid had to be asked and did not say.
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// A customer's status, and how current it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What is held to be so.
    pub head: Arc<Head>,
    /// The answer contains everything about the customer up to here; so does that of anyone who knows the log as far.
    pub mark: Mark,
    /// When this process last knew the end of the log.
    pub as_of: Timestamp,
}

/// Answers what a customer's status is.
pub struct Lookup {
    knowledge: Arc<Knowledge>,
    calls: Calls<Result<Asked, LookupError>>,
}

/// What became of a call to Grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Grid answered, and the log has it.
    Answered,
    /// It was not made: what its first caller needed had become known by then.
    Spared,
}

/// What can be said without Grid, and the way to it.
struct Knowledge {
    log: Arc<dyn EventLog>,
    source: Arc<dyn CustomerSource>,
    missing: Missing,
}

impl Lookup {
    /// Answers from `log`, and asks `source`.
    #[must_use]
    pub fn new(log: Arc<dyn EventLog>, source: Arc<dyn CustomerSource>) -> Self {
        Self { knowledge: Arc::new(Knowledge { log, source, missing: Missing::default() }), calls: Calls::default() }
    }

    /// The customer's status. Grid is asked about a customer that is not known, and where it last confirmed the status
    /// longer than `max_staleness` before this question. Dropping this gives up: the call to Grid ends when nobody waits for it any more.
    ///
    /// # Errors
    /// [`SourceError::NotFound`] when Grid has no such customer; what else kept the log or Grid from saying it.
    pub async fn status(&self, customer: &CustomerId, max_staleness: Option<Duration>) -> Result<Found, LookupError> {
        let since = self.knowledge.log.basis().at;
        for _ in 0..MAX_ROUNDS {
            if let Some(found) = self.knowledge.enough(customer, max_staleness).await? {
                return Ok(found);
            }
            let ask = || Arc::clone(&self.knowledge).ask(customer.clone(), max_staleness).boxed();
            if self.calls.join(customer, ask).await? == Asked::Answered {
                let found = self.knowledge.of(customer).await?;
                let found = found.ok_or(LookupError::Source(SourceError::Unusable))?;
                // The call may have been under way when this question came up, and its answer be older than is wanted.
                if is_confirmed_since(&found.head, since, max_staleness) {
                    return Ok(found);
                }
            }
        }
        Err(SourceError::Unavailable.into())
    }
}

impl Knowledge {
    /// What is known, where that will do. An error is what Grid is remembered to have said.
    async fn enough(
        &self,
        customer: &CustomerId,
        max_staleness: Option<Duration>,
    ) -> Result<Option<Found>, LookupError> {
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

    async fn of(&self, customer: &CustomerId) -> Result<Option<Found>, LookupError> {
        // Read before the head: the head is at least as new as this.
        let (end, as_of) = (self.log.hub().end(), self.log.as_of());
        let head = self.log.head(&EntityKey::customer(customer.clone())).await?;
        Ok(head.map(|head| {
            let change =
                Mark { position: head.position, fingerprint: Fingerprint::of(&head.observation, &head.customer) };
            let mark = if change.position > end.position { change } else { end };
            Found { head, mark, as_of }
        }))
    }

    /// Asks Grid, unless what is known has become enough since the question came up.
    async fn ask(self: Arc<Self>, customer: CustomerId, max_staleness: Option<Duration>) -> Result<Asked, LookupError> {
        if self.enough(&customer, max_staleness).await?.is_some() {
            return Ok(Asked::Spared);
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
        Ok(Asked::Answered)
    }
}

fn is_fresh(head: &Head, max_staleness: Option<Duration>, now: Timestamp) -> bool {
    let Some(max) = max_staleness else { return true };
    let age = now.duration_since(head.confirmed_at());
    // Clocks differ a little; what is confirmed in the future was so while ours was ahead.
    let is_now = age.is_negative() && age.abs() <= JUMP;
    !max.is_zero() && (is_now || Duration::try_from(age).is_ok_and(|age| age <= max))
}

/// Whether Grid said it no longer before a question than the question allows.
fn is_confirmed_since(head: &Head, question: Timestamp, max_staleness: Option<Duration>) -> bool {
    let Some(max) = max_staleness else { return true };
    let earliest = question.checked_sub(max).unwrap_or(Timestamp::MIN);
    // Times of heads are kept in microseconds.
    head.confirmed_at().as_microsecond() >= earliest.as_microsecond()
}
