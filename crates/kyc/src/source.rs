//! How this module asks Grid, without knowing how Grid is asked.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::event::Problem;
use super::id::{CustomerId, PlatformCustomerId, VerificationId};
use super::status::{KycStatus, VerificationStatus};

/// What Grid says of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerAnswer {
    /// Grid's id.
    pub id: CustomerId,
    /// The platform's id.
    pub platform_customer: Option<PlatformCustomerId>,
    /// Its KYC or KYB status, where the answer has one.
    pub status: Option<KycStatus>,
    /// Whether it is deleted.
    pub deleted: bool,
    /// Grid's `updatedAt`.
    pub updated_at: Option<Timestamp>,
}

/// What Grid says of a verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerificationAnswer {
    /// Grid's id.
    pub id: VerificationId,
    /// The customer being verified.
    pub customer: CustomerId,
    /// How far it is.
    pub status: VerificationStatus,
    /// What stands in its way.
    pub problems: Vec<Problem>,
    /// Grid's `updatedAt`.
    pub updated_at: Option<Timestamp>,
}

/// One page of the list of customers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CustomersPage {
    /// The customers on it.
    pub customers: Vec<CustomerAnswer>,
    /// Where the next page starts; none on the last one.
    pub next_cursor: Option<String>,
    /// Whether another page follows, and Grid did not say in a readable way where it starts.
    pub is_truncated: bool,
}

/// Why Grid gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Grid does not know it (404).
    #[error("Grid does not know it")]
    NotFound,
    /// Grid knew it, and it is gone (410).
    #[error("it is gone from Grid")]
    Gone,
    /// Grid wants fewer requests (429).
    #[error("Grid asks for fewer requests")]
    RateLimited {
        /// How long to leave it alone, where it said so.
        retry_after: Option<Duration>,
    },
    /// Grid could not be reached, was too slow, or failed.
    #[error("Grid is unavailable")]
    Unavailable,
    /// Grid refuses gridgate's credentials or permissions. No request succeeds until somebody changes them.
    #[error("Grid refuses gridgate's credentials or permissions")]
    Refused,
    /// Grid answered this one question with something that cannot be used. Others may fare better.
    #[error("Grid's answer is unusable")]
    Unusable,
}

/// Asks Grid. Each call is bounded in time by the implementation, retries included, and may be cancelled by dropping it.
#[async_trait]
pub trait CustomerSource: Send + Sync + 'static {
    /// What Grid says of a customer now; a deleted one is an answer with `deleted`, or [`SourceError::Gone`].
    async fn customer(&self, id: &CustomerId) -> Result<CustomerAnswer, SourceError>;

    /// What Grid says of a verification now.
    async fn verification(&self, id: &VerificationId) -> Result<VerificationAnswer, SourceError>;

    /// A page of the list of customers, deleted ones included, in Grid's order: those whose `updatedAt` is after
    /// `updated_after` (all of them without it), from `cursor` (the first page without it), as many as Grid gives at once.
    async fn customers(
        &self,
        updated_after: Option<Timestamp>,
        cursor: Option<&str>,
    ) -> Result<CustomersPage, SourceError>;
}
