//! Moving customers and verifications from one status to another.
//!
//! Every status change goes through here, so that each is told to the platform once.

use jiff::Timestamp;

use super::error::GridError;
use super::outbox::Transition;
use super::state::Store;
use gridgate_grid::model::{Customer, CustomerType, KycStatus, Verification, VerificationError, VerificationStatus};

/// The status that counts for a customer of this type.
pub(super) fn set_status(customer: &mut Customer, status: KycStatus) {
    match customer.customer_type {
        CustomerType::Business => customer.kyb_status = Some(status),
        CustomerType::Individual | CustomerType::Other(_) => customer.kyc_status = Some(status),
    }
}

/// Whether a status is a decision.
pub(super) fn is_decided(status: Option<&KycStatus>) -> bool {
    matches!(status, Some(KycStatus::Approved | KycStatus::Rejected))
}

impl Store {
    /// Tells of the status a customer was created with.
    pub(super) fn announce_customer(&mut self, id: &str, at: Timestamp) -> Result<(), GridError> {
        let customer = Box::new(self.rendered(self.customer(id)?));
        self.outbox.push(Transition::Customer { customer, at });
        Ok(())
    }

    /// Moves a customer into a status. The status it has already is no transition.
    pub(super) fn move_customer(&mut self, id: &str, status: KycStatus, now: Timestamp) -> Result<(), GridError> {
        let lagging = self.lagging_updated_at;
        let row = self.customers.get_mut(id).ok_or_else(GridError::customer_not_found)?;
        if row.customer.status() == Some(&status) {
            return Ok(());
        }
        set_status(&mut row.customer, status);
        if !lagging {
            row.customer.updated_at = Some(now.into());
        }
        self.announce_customer(id, now)
    }

    /// Moves an owner into a status. No webhook tells of it.
    pub(super) fn move_owner(&mut self, id: &str, status: KycStatus, now: Timestamp) -> Result<(), GridError> {
        let owner = self.owners.get_mut(id).ok_or_else(|| GridError::not_found("Beneficial owner"))?;
        if owner.kyc_status.as_ref() != Some(&status) {
            owner.kyc_status = Some(status);
            owner.updated_at = Some(now.into());
        }
        Ok(())
    }

    /// Adds a verification, which tells of its status.
    pub(super) fn add_verification(&mut self, verification: Verification, at: Timestamp) -> Result<(), GridError> {
        let limit = self.limits().verifications;
        if self.verifications.len() >= limit {
            return Err(GridError::full("verifications", limit));
        }
        self.outbox.push(Transition::Verification { verification: verification.clone(), at });
        self.verifications.insert(verification.id.clone(), verification.customer_id.clone(), verification);
        Ok(())
    }

    /// Moves a verification into a status, with the errors that explain it.
    pub(super) fn move_verification(
        &mut self,
        id: &str,
        status: VerificationStatus,
        errors: Vec<VerificationError>,
        now: Timestamp,
    ) -> Result<(), GridError> {
        let verification = self.verifications.get_mut(id).ok_or_else(|| GridError::not_found("Verification"))?;
        if verification.verification_status == status && verification.errors == errors {
            return Ok(());
        }
        verification.verification_status = status;
        verification.errors = errors;
        verification.updated_at = Some(now.into());
        let verification = verification.clone();
        self.outbox.push(Transition::Verification { verification, at: now });
        Ok(())
    }
}
