//! Asks Grid about one entity, and records the answer.
//!
//! The basis is read before the question is sent, so that the record can detect an answer that was overtaken.

use super::event::{Asker, Basis, Observation, Subject};
use super::head::Head;
use super::id::{CustomerId, EntityKey, VerificationId};
use super::log::{EventLog, LogError, Recorded};
use super::source::{CustomerAnswer, CustomerSource, SourceError, VerificationAnswer};

/// Why asking failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages document the variants")]
pub enum AskError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Asks Grid about an entity and records the answer. None: the answer has no status.
///
/// # Errors
/// Grid gave no answer, or it could not be recorded.
pub async fn ask(
    log: &EventLog,
    source: &dyn CustomerSource,
    by: Asker,
    entity: &EntityKey,
) -> Result<Option<Recorded>, AskError> {
    let basis = log.basis();
    let observation = match &entity.verification {
        None => customer(log, source, by, basis, &entity.customer).await?,
        Some(id) => Some(verification(source, by, basis, &entity.customer, id).await?),
    };
    match observation {
        Some(observation) => Ok(Some(log.record(observation).await?)),
        None => Ok(None),
    }
}

async fn customer(
    log: &EventLog,
    source: &dyn CustomerSource,
    by: Asker,
    basis: Basis,
    id: &CustomerId,
) -> Result<Option<Observation>, AskError> {
    match source.customer(id).await {
        Ok(answer) => Ok(observed(by, basis, answer)),
        Err(SourceError::Gone) => {
            // The answer has no status, so the last known one is kept. If it moves meanwhile, the record detects that by the
            // basis.
            let head = log.head(&EntityKey::customer(id.clone())).await?;
            Ok(head.and_then(|head| gone(by, basis, &head)))
        }
        Err(error) => Err(error.into()),
    }
}

/// The observation that a customer is gone: its last known status, deleted. None for a verification's head.
pub(super) fn gone(by: Asker, basis: Basis, head: &Head) -> Option<Observation> {
    match &head.subject {
        Subject::Customer { status, deleted: _ } => {
            let subject = Subject::Customer { status: status.clone(), deleted: true };
            let platform_customer = head.platform_customer.clone();
            Some(Observation::asked(by, basis, head.customer.clone(), platform_customer, subject, None))
        }
        Subject::Verification { .. } => None,
    }
}

async fn verification(
    source: &dyn CustomerSource,
    by: Asker,
    basis: Basis,
    customer: &CustomerId,
    id: &VerificationId,
) -> Result<Observation, AskError> {
    let VerificationAnswer { id: _, customer: _, status, problems, updated_at } = source.verification(id).await?;
    let subject = Subject::verification(id.clone(), status, problems);
    Ok(Observation::asked(by, basis, customer.clone(), None, subject, updated_at))
}

/// The observation in an answer about a customer; none when it has no status.
pub fn observed(by: Asker, basis: Basis, answer: CustomerAnswer) -> Option<Observation> {
    let CustomerAnswer { id, platform_customer, status, deleted, updated_at } = answer;
    let subject = Subject::Customer { status: status?, deleted };
    Some(Observation::asked(by, basis, id, platform_customer, subject, updated_at))
}
