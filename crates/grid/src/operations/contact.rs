//! Verification of a customer's email address and phone number by one-time codes.
//!
//! All four are sent once: a second code would make the first one worthless, and a second confirmation is an error.

use crate::client::{Call, Client, Request};
use crate::model::{ContactVerificationConfirm, Customer};
use crate::{Error, Operation, ResourceId};

impl Client {
    /// Sends a code to the customer's email address (`POST /customers/{id}/verify-email`).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn send_email_verification(&self, call: &Call, id: &ResourceId) -> Result<(), Error> {
        self.empty(call, Request::new(Operation::SendEmailVerification, Some(id))).await
    }

    /// Confirms the code sent by email (`POST /customers/{id}/verify-email/confirm`). The customer that is answered
    /// says no status.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn confirm_email_verification(
        &self,
        call: &Call,
        id: &ResourceId,
        code: &ContactVerificationConfirm,
    ) -> Result<Customer, Error> {
        self.json(call, Request::new(Operation::ConfirmEmailVerification, Some(id)).json(code)).await
    }

    /// Sends a code to the customer's phone (`POST /customers/{id}/verify-phone`).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn send_phone_verification(&self, call: &Call, id: &ResourceId) -> Result<(), Error> {
        self.empty(call, Request::new(Operation::SendPhoneVerification, Some(id))).await
    }

    /// Confirms the code sent by SMS (`POST /customers/{id}/verify-phone/confirm`). The customer that is answered
    /// says no status.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn confirm_phone_verification(
        &self,
        call: &Call,
        id: &ResourceId,
        code: &ContactVerificationConfirm,
    ) -> Result<Customer, Error> {
        self.json(call, Request::new(Operation::ConfirmPhoneVerification, Some(id)).json(code)).await
    }
}
