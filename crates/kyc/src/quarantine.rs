//! Retrying webhooks in quarantine.
//!
//! Their bodies are not kept, so a retry asks Grid about the customer, records the answer, and then takes the webhook out.

use super::ask::{AskError, ask};
use super::event::{Asker, Outcome};
use super::id::{CustomerId, EntityKey, ObservationId};
use super::log::{EventLog, LogError, Recorded};
use super::source::CustomerSource;
use super::status::KycStatus;

/// A webhook that was taken out of quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retried {
    /// The customer Grid was asked about.
    pub customer: CustomerId,
    /// The customer's status.
    pub status: Option<KycStatus>,
    /// What Grid's answer meant.
    pub outcome: Outcome,
}

/// Why a webhook stays in quarantine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages document the variants")]
pub enum RetryError {
    #[error("it is not in quarantine")]
    NotThere,
    #[error("no customer's id could be read from it, so there is nothing to ask Grid about")]
    NoCustomer,
    #[error("Grid answered without a status")]
    NoStatus,
    #[error(transparent)]
    Ask(#[from] AskError),
}

impl From<LogError> for RetryError {
    fn from(error: LogError) -> Self {
        Self::Ask(error.into())
    }
}

/// Asks Grid about the customer of a webhook in quarantine, records the answer, and takes the webhook out.
///
/// # Errors
/// The webhook stays in quarantine.
pub async fn retry(log: &EventLog, source: &dyn CustomerSource, id: &ObservationId) -> Result<Retried, RetryError> {
    let webhook = log.quarantine().find(id).await?.ok_or(RetryError::NotThere)?;
    let customer = webhook.customer.ok_or(RetryError::NoCustomer)?;
    let entity = EntityKey::customer(customer.clone());
    let recorded = ask(log, source, Asker::Resolver, &entity).await?.ok_or(RetryError::NoStatus)?;
    let outcome = match recorded {
        Recorded::New { position: _, outcome } => outcome,
        Recorded::Redundant | Recorded::Duplicate { position: _ } => Outcome::Confirmation,
    };
    let head = log.head(&entity).await?;
    log.quarantine().remove(id).await?;
    let status = head.map(|head| KycStatus::from_word(head.subject.status_word()));
    Ok(Retried { customer, status, outcome })
}
