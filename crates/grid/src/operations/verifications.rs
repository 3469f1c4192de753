//! Verifications: submitting a customer, and reading what came of it.

use crate::client::{Call, Client, Request};
use crate::model::{Page, Verification, VerificationRequest};
use crate::{Error, Operation, PageRequest, ResourceId, VerificationFilter};

impl Client {
    /// Submits a customer for verification (`POST /verifications`). Sent once. What is missing is said in the answer,
    /// as `RESOLVE_ERRORS`; it is not an error.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn submit_verification(&self, call: &Call, request: &VerificationRequest) -> Result<Verification, Error> {
        self.json(call, Request::new(Operation::SubmitVerification, None).json(request)).await
    }

    /// Reads a verification (`GET /verifications/{id}`).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn get_verification(&self, call: &Call, id: &ResourceId) -> Result<Verification, Error> {
        self.json(call, Request::new(Operation::GetVerification, Some(id))).await
    }

    /// Reads a page of verifications (`GET /verifications`).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_verifications(
        &self,
        call: &Call,
        filter: &VerificationFilter,
        page: &PageRequest,
    ) -> Result<Page<Verification>, Error> {
        let mut query = filter.to_query();
        page.append_to(&mut query);
        let listed: Page<_> = self.json(call, Request::new(Operation::ListVerifications, None).query(query)).await?;
        Ok(listed.after(page.cursor.as_deref()))
    }
}
