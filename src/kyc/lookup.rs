//! The status of one customer, asked for: from what is known as a rule, from Grid where that is not enough.
//!
//! Concurrent questions about one customer share one call to Grid, and a customer that Grid does not have is remembered
//! for seconds, so that a caller's loop does not become Grid's load.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use jiff::Timestamp;
use tokio::time::Instant;

use super::event::{Asker, Observation, Subject};
use super::head::Head;
use super::id::{CustomerId, EntityKey};
use super::log::{EventLog, LogError};
use super::source::{CustomerSource, SourceError};
use super::token::Mark;

/// How long it is remembered that Grid has no such customer.
const MISSING_FOR: Duration = Duration::from_secs(5);
/// How many of those are remembered.
const MAX_MISSING: usize = 10_000;

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
    /// The answer holds at least up to here.
    pub mark: Mark,
    /// When this process last knew the end of the log.
    pub as_of: Timestamp,
}

type Asking = Shared<BoxFuture<'static, Result<(), LookupError>>>;

/// Answers what a customer's status is.
pub struct Lookup {
    log: Arc<dyn EventLog>,
    source: Arc<dyn CustomerSource>,
    /// Guards the calls to Grid under way, one for each customer; held only to look one up, add or remove it.
    asking: Mutex<HashMap<CustomerId, Asking>>,
    /// Guards the customers Grid did not have, and until when that is believed; held only to look one up or add it.
    missing: Mutex<HashMap<CustomerId, (Instant, SourceError)>>,
}

impl Lookup {
    /// Answers from `log`, and asks `source`.
    #[must_use]
    pub fn new(log: Arc<dyn EventLog>, source: Arc<dyn CustomerSource>) -> Self {
        Self { log, source, asking: Mutex::default(), missing: Mutex::default() }
    }

    /// The customer's status. Grid is asked about a customer that is not known, and where it last confirmed the status
    /// longer ago than `max_staleness`.
    ///
    /// # Errors
    /// [`SourceError::NotFound`] when Grid has no such customer; what else kept the log or Grid from saying it.
    pub async fn status(&self, customer: &CustomerId, max_staleness: Option<Duration>) -> Result<Found, LookupError> {
        let entity = EntityKey::customer(customer.clone());
        if let Some(found) = self.known(&entity).await?
            && is_fresh(&found.head, max_staleness)
        {
            return Ok(found);
        }
        if let Some(error) = self.known_missing(customer) {
            return Err(error.into());
        }
        self.ask(customer).await?;
        self.known(&entity).await?.ok_or(LookupError::Source(SourceError::Refused))
    }

    async fn known(&self, entity: &EntityKey) -> Result<Option<Found>, LookupError> {
        // Read before the head: the head is at least as new as this.
        let (mark, as_of) = (self.log.hub().end(), self.log.as_of());
        let head = self.log.head(entity).await?;
        Ok(head.map(|head| Found { head, mark, as_of }))
    }

    async fn ask(&self, customer: &CustomerId) -> Result<(), LookupError> {
        let asking = lock(&self.asking)
            .entry(customer.clone())
            .or_insert_with(|| {
                ask_and_record(Arc::clone(&self.log), Arc::clone(&self.source), customer.clone()).boxed().shared()
            })
            .clone();
        let asked = asking.clone().await;
        let mut all = lock(&self.asking);
        if all.get(customer).is_some_and(|current| current.ptr_eq(&asking)) {
            all.remove(customer);
        }
        drop(all);
        if let Err(LookupError::Source(error @ (SourceError::NotFound | SourceError::Gone))) = &asked {
            self.remember_missing(customer, error.clone());
        }
        asked
    }

    fn known_missing(&self, customer: &CustomerId) -> Option<SourceError> {
        let missing = lock(&self.missing);
        missing.get(customer).filter(|(until, _)| *until > Instant::now()).map(|(_, error)| error.clone())
    }

    fn remember_missing(&self, customer: &CustomerId, error: SourceError) {
        let now = Instant::now();
        let mut missing = lock(&self.missing);
        if missing.len() >= MAX_MISSING {
            missing.retain(|_, (until, _)| *until > now);
        }
        if missing.len() < MAX_MISSING {
            missing.insert(customer.clone(), (now + MISSING_FOR, error));
        }
    }
}

async fn ask_and_record(
    log: Arc<dyn EventLog>,
    source: Arc<dyn CustomerSource>,
    customer: CustomerId,
) -> Result<(), LookupError> {
    let basis = log.basis();
    let answer = source.customer(&customer).await?;
    let Some(status) = answer.status else { return Err(SourceError::Refused.into()) };
    let subject = Subject::Customer { status, deleted: answer.deleted };
    let observation =
        Observation::asked(Asker::Call, basis, customer, answer.platform_customer, subject, answer.updated_at);
    log.record(observation).await?;
    Ok(())
}

fn is_fresh(head: &Head, max_staleness: Option<Duration>) -> bool {
    let Some(max) = max_staleness else { return true };
    let age = Timestamp::now().duration_since(head.confirmed_at());
    Duration::try_from(age).is_ok_and(|age| age <= max) || age.is_negative()
}

// A panic while one of these locks is held leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
