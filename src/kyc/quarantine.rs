//! Quarantine: webhooks about KYC that could not be understood, and what can be done about one.
//!
//! Their bodies are not kept, so trying again means asking Grid about the customer. What it answers is recorded as any
//! other answer, with what it was based on, and only then is the webhook taken out.

use super::ask::{AskError, ask};
use super::event::{Asker, Outcome};
use super::id::{CustomerId, EntityKey, ObservationId};
use super::log::{EventLog, LogError, Quarantined, Recorded};
use super::source::CustomerSource;
use super::status::KycStatus;

/// Webhooks read at once.
const PAGE: usize = 100;

/// A webhook that was taken out, since Grid said what it could have said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retried {
    /// The customer that Grid was asked about.
    pub customer: CustomerId,
    /// The customer's status now.
    pub status: Option<KycStatus>,
    /// What Grid's answer meant.
    pub outcome: Outcome,
}

/// Why a webhook stays in quarantine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RetryError {
    /// There is no such webhook in quarantine.
    #[error("it is not in quarantine")]
    NotThere,
    /// It does not say whom it is about.
    #[error("no customer's id could be read from it, so there is nothing to ask Grid about")]
    NoCustomer,
    /// Grid answered, and named no status.
    #[error("Grid answered without a status")]
    NoStatus,
    /// Grid gave no answer, or it could not be recorded.
    #[error(transparent)]
    Ask(#[from] AskError),
}

impl From<LogError> for RetryError {
    fn from(error: LogError) -> Self {
        Self::Ask(error.into())
    }
}

/// The webhook with this id, if it is in quarantine.
///
/// # Errors
/// When the log cannot be read.
pub async fn find(log: &dyn EventLog, id: &ObservationId) -> Result<Option<Quarantined>, LogError> {
    // The log lists in the order of ids. Those that begin as this one does come right before it.
    let mut before = id.as_str().to_owned();
    before.pop();
    let mut after = ObservationId::parse(&before).ok();
    loop {
        let page = log.quarantined(after.as_ref(), PAGE).await?;
        let is_last = page.len() < PAGE;
        let next = page.last().map(|webhook| webhook.id.clone());
        match page.into_iter().find(|webhook| webhook.id >= *id) {
            Some(webhook) => return Ok(Some(webhook).filter(|webhook| webhook.id == *id)),
            None if is_last => return Ok(None),
            None => after = next,
        }
    }
}

/// Asks Grid about the customer of a webhook in quarantine, records the answer, and takes the webhook out.
///
/// # Errors
/// When it stays, and why.
pub async fn retry(log: &dyn EventLog, source: &dyn CustomerSource, id: &ObservationId) -> Result<Retried, RetryError> {
    let webhook = find(log, id).await?.ok_or(RetryError::NotThere)?;
    let customer = webhook.customer.ok_or(RetryError::NoCustomer)?;
    let entity = EntityKey::customer(customer.clone());
    let recorded = ask(log, source, Asker::Resolver, &entity).await?.ok_or(RetryError::NoStatus)?;
    log.release(id).await?;
    let outcome = match recorded {
        Recorded::New { position: _, outcome } => outcome,
        Recorded::Redundant | Recorded::Duplicate { position: _ } => Outcome::Confirmation,
    };
    let head = log.head(&entity).await?;
    let status = head.map(|head| KycStatus::from_word(head.subject.status_word()));
    Ok(Retried { customer, status, outcome })
}
