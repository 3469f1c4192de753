//! Moving customers and verifications from one status to another, and a reviewer's decisions, which move both. Grid's
//! reviewers are people; here the control API or the hosted page speaks for them.
//!
//! Every status change goes through here, so that each sends one webhook.

use jiff::Timestamp;

use super::error::GridError;
use super::outbox::Transition;
use super::rules::error;
use super::state::Store;
use gridgate_grid::model::{
    ContactVerification, ContactVerificationStatus, Customer, CustomerType, KycStatus, Verification, VerificationError,
    VerificationStatus,
};

/// The status that counts for a customer of this type.
pub(super) fn set_status(customer: &mut Customer, status: KycStatus) {
    match customer.customer_type {
        CustomerType::Business => customer.kyb_status = Some(status),
        CustomerType::Individual | CustomerType::Other(_) => customer.kyc_status = Some(status),
    }
}

pub(super) fn is_decided(status: Option<&KycStatus>) -> bool {
    matches!(status, Some(KycStatus::Approved | KycStatus::Rejected))
}

pub(super) fn is_contact_verified(customer: &Customer) -> bool {
    let Some(ContactVerification { email, phone }) = &customer.contact_verification else { return true };
    [email, phone].into_iter().flatten().all(|status| *status == ContactVerificationStatus::Verified)
}

/// Whether a verification is still under review.
pub(super) fn is_under_review(status: &VerificationStatus) -> bool {
    matches!(status, VerificationStatus::PendingManualReview | VerificationStatus::InProgress)
}

pub(super) fn rejection(id: &str) -> VerificationError {
    error(id, "APPLICANT_REJECTED", "The applicant was rejected")
}

impl Store {
    /// Announces the status of a customer.
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

    /// Moves an owner into a status. This sends no webhook.
    pub(super) fn move_owner(&mut self, id: &str, status: KycStatus, now: Timestamp) -> Result<(), GridError> {
        let owner = self.owners.get_mut(id).ok_or_else(|| GridError::not_found("Beneficial owner"))?;
        if owner.kyc_status.as_ref() != Some(&status) {
            owner.kyc_status = Some(status);
            owner.updated_at = Some(now.into());
        }
        Ok(())
    }

    /// Adds a verification, and announces its status.
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

    /// Moves a customer into a status. A decision closes the verifications under review with it.
    pub(super) fn decide_customer(
        &mut self,
        id: &str,
        status: KycStatus,
        errors: Vec<VerificationError>,
        now: Timestamp,
    ) -> Result<(), GridError> {
        self.customer(id)?;
        let closed = match status {
            KycStatus::Approved => Some((VerificationStatus::Approved, Vec::new())),
            KycStatus::Rejected if errors.is_empty() => Some((VerificationStatus::Rejected, vec![rejection(id)])),
            KycStatus::Rejected => Some((VerificationStatus::Rejected, errors)),
            KycStatus::Unverified | KycStatus::Pending | KycStatus::Hold | KycStatus::Other(_) => None,
        };
        if let Some((status, errors)) = closed {
            let open = self.verifications.group(id).map(|(_, row)| row);
            let open: Vec<String> =
                open.filter(|row| is_under_review(&row.verification_status)).map(|row| row.id.clone()).collect();
            for verification in open {
                self.move_verification(&verification, status.clone(), errors.clone(), now)?;
            }
        }
        self.move_customer(id, status, now)
    }

    /// Moves a verification into a status. The customer follows where the status says something about it.
    pub(super) fn decide_verification(
        &mut self,
        id: &str,
        status: VerificationStatus,
        errors: Vec<VerificationError>,
        now: Timestamp,
    ) -> Result<(), GridError> {
        let row = self.verifications.get(id).ok_or_else(|| GridError::not_found("Verification"))?;
        let customer_id = row.customer_id.clone();
        let (errors, customer_status) = match &status {
            VerificationStatus::Approved => (Vec::new(), Some(KycStatus::Approved)),
            VerificationStatus::Rejected if errors.is_empty() => {
                (vec![rejection(&customer_id)], Some(KycStatus::Rejected))
            }
            VerificationStatus::Rejected => (errors, Some(KycStatus::Rejected)),
            VerificationStatus::PendingManualReview | VerificationStatus::InProgress => {
                (Vec::new(), Some(KycStatus::Pending))
            }
            VerificationStatus::ResolveErrors
            | VerificationStatus::ReadyForVerification
            | VerificationStatus::Other(_) => (errors, None),
        };
        self.move_verification(id, status, errors, now)?;
        customer_status.map_or(Ok(()), |status| self.move_customer(&customer_id, status, now))
    }
}
