//! What the event log needs of Grid: a trait, so that this crate does not know Grid's client.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::event::Problem;
use super::id::{CustomerId, PlatformCustomerId, VerificationId};
use super::status::{KycStatus, VerificationStatus};

/// A customer, as Grid answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerAnswer {
    /// Grid's id.
    pub id: CustomerId,
    /// The platform's id.
    pub platform_customer: Option<PlatformCustomerId>,
    /// The KYC or KYB status, if the answer has one.
    pub status: Option<KycStatus>,
    /// Whether it is deleted.
    pub deleted: bool,
    /// Grid's `updatedAt`.
    pub updated_at: Option<Timestamp>,
}

/// A verification, as Grid answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerificationAnswer {
    /// Grid's id.
    pub id: VerificationId,
    /// The customer being verified.
    pub customer: CustomerId,
    /// The status.
    pub status: VerificationStatus,
    /// What is missing or wrong.
    pub problems: Vec<Problem>,
    /// Grid's `updatedAt`.
    pub updated_at: Option<Timestamp>,
}

/// A page of the list of customers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CustomersPage {
    /// The customers on it.
    pub customers: Vec<CustomerAnswer>,
    /// None on the last page.
    pub next_cursor: Option<String>,
    /// Whether another page follows although Grid gave no readable cursor for it.
    pub is_truncated: bool,
}

/// Why Grid gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages document the variants")]
pub enum SourceError {
    #[error("Grid does not know it")]
    NotFound,
    #[error("it is gone from Grid")]
    Gone,
    /// `retry_after` is none if Grid did not say.
    #[error("Grid asks for fewer requests")]
    RateLimited { retry_after: Option<Duration> },
    /// Unreachable, too slow, or failing.
    #[error("Grid is unavailable")]
    Unavailable,
    /// No request succeeds until an operator changes the credentials or permissions.
    #[error("Grid refuses gridgate's credentials or permissions")]
    Refused,
    /// The answer to this request cannot be used; others may be.
    #[error("Grid's answer is unusable")]
    Unusable,
}

/// Asks Grid. The implementation bounds each call in time, retries included; dropping the future cancels it.
#[async_trait]
pub trait CustomerSource: Send + Sync + 'static {
    /// A customer; a deleted one is an answer with `deleted`, or [`SourceError::Gone`].
    async fn customer(&self, id: &CustomerId) -> Result<CustomerAnswer, SourceError>;

    /// A verification.
    async fn verification(&self, id: &VerificationId) -> Result<VerificationAnswer, SourceError>;

    /// A page of the list of customers, deleted ones included, in Grid's order: those updated after `updated_after` (all
    /// without it), from `cursor` (the first page without it).
    async fn customers(
        &self,
        updated_after: Option<Timestamp>,
        cursor: Option<&str>,
    ) -> Result<CustomersPage, SourceError>;
}
