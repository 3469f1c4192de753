//! A reviewer's decisions. Grid's reviewers are people; here the control API or the hosted page speaks for them.

use jiff::Timestamp;

use super::error::GridError;
use super::state::Store;
use super::verifications::{is_under_review, rejection};
use gridgate_grid::model::{KycStatus, VerificationError, VerificationStatus};

impl Store {
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
