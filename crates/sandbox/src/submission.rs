//! Submitting a customer for review, by the API or by the hosted flow, and what comes of it.

use jiff::Timestamp;
use serde::Deserialize;

use super::decisions::{Rules, Suffix, status_of_owner};
use super::error::GridError;
use super::ids::IdKind;
use super::rules::{business_errors, error, identity_document, individual_errors};
use super::state::Store;
use super::transitions::{is_contact_verified, is_decided, is_under_review, rejection};
use gridgate_grid::model::{CustomerType, Document, KycStatus, Verification, VerificationError, VerificationStatus};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Decision {
    /// Finished; the review goes the way that the sandbox's rules say.
    Submit,
    /// Finished, and approved at once.
    Approve,
    /// Finished, and rejected at once.
    Reject,
    /// Finished, and put on hold.
    Hold,
}

impl Store {
    /// Submits a customer for review. Each submission is a verification of its own, but for one that is already being
    /// reviewed, which is answered again. What is decided at once is decided at `decided_at`.
    pub(super) fn submit(
        &mut self,
        id: &str,
        now: Timestamp,
        decided_at: Timestamp,
    ) -> Result<Verification, GridError> {
        let row = self.active_customer(id)?;
        let status = row.customer.status().cloned();
        if is_decided(status.as_ref()) {
            return Err(GridError::invalid_input("The customer's verification has been decided already"));
        }
        if !is_contact_verified(&row.customer) {
            let message = "The customer's email and phone have to be verified before identity verification";
            return Err(GridError::invalid_input(message));
        }
        // A customer on hold submits again.
        if status != Some(KycStatus::Hold)
            && let Some(open) = self.open_verification(id)
        {
            return Ok(open);
        }
        match self.rules {
            Rules::AtVerification => {
                let errors = self.missing(id)?;
                if errors.is_empty() {
                    self.decide_by_suffix(id, now, decided_at)
                } else {
                    self.settle(id, (VerificationStatus::ResolveErrors, errors), now)
                }
            }
            Rules::AtCreation => {
                let outcome = self.assess(id)?;
                self.settle(id, outcome, now)
            }
        }
    }

    /// Begins the verification of a complete customer, and ends it as the suffix says: two statuses at two times, so that
    /// receivers of both can order them.
    pub(super) fn decide_by_suffix(
        &mut self,
        id: &str,
        now: Timestamp,
        decided_at: Timestamp,
    ) -> Result<Verification, GridError> {
        let suffix = Suffix::of_customer(&self.active_customer(id)?.customer).unwrap_or(Suffix::Approved);
        let begun = (VerificationStatus::InProgress, Vec::new());
        if suffix == Suffix::Problematic {
            // What can be mended leaves the customer as it is.
            let verification = self.begin(id, begun, now)?.id;
            let errors = vec![self.poor_document(id)];
            self.move_verification(&verification, VerificationStatus::ResolveErrors, errors, decided_at)?;
            return self.verification(&verification);
        }
        let verification = self.settle(id, begun, now)?.id;
        match suffix {
            Suffix::Pending | Suffix::Problematic => {}
            Suffix::Rejected => {
                self.decide_verification(&verification, VerificationStatus::Rejected, Vec::new(), decided_at)?;
            }
            Suffix::Approved => {
                self.decide_verification(&verification, VerificationStatus::Approved, Vec::new(), decided_at)?;
            }
        }
        self.verification(&verification)
    }

    fn verification(&self, id: &str) -> Result<Verification, GridError> {
        self.verifications.get(id).cloned().ok_or_else(|| GridError::not_found("Verification"))
    }

    /// What stands in the way of a submission.
    fn missing(&self, id: &str) -> Result<Vec<VerificationError>, GridError> {
        let row = self.active_customer(id)?;
        let documents = self.documents_of(id);
        if row.customer.customer_type != CustomerType::Business {
            return Ok(individual_errors(&row.customer, row.identifier.as_deref(), &documents));
        }
        let owners: Vec<_> = self.owners.group(id).map(|(_, owner)| (owner, self.documents_of(&owner.id))).collect();
        Ok(business_errors(&row.customer, &documents, &owners))
    }

    /// The error of a document that cannot be read: the one a reviewer would look at first.
    fn poor_document(&self, id: &str) -> VerificationError {
        let documents = self.documents_of(id);
        let document = identity_document(&documents).or(documents.first().copied());
        let resource = document.map_or(id, |document| document.id.as_str());
        error(resource, "POOR_QUALITY_DOCUMENT", "The quality of the document is too low")
    }

    /// The latest verification that is being reviewed.
    pub(super) fn open_verification(&self, customer_id: &str) -> Option<Verification> {
        let mut latest_first = self.verifications.group(customer_id).rev().map(|(_, row)| row);
        latest_first.find(|row| is_under_review(&row.verification_status)).cloned()
    }

    /// The result of a submission by the old rules: the verification's status, and its errors.
    fn assess(&self, id: &str) -> Result<(VerificationStatus, Vec<VerificationError>), GridError> {
        let row = self.active_customer(id)?;
        let suffix = Suffix::of_customer(&row.customer);
        if row.customer.customer_type == CustomerType::Business {
            return Ok(match suffix {
                Some(Suffix::Rejected) => (VerificationStatus::Rejected, vec![rejection(id)]),
                Some(Suffix::Approved) | None => (VerificationStatus::Approved, Vec::new()),
                Some(Suffix::Pending | Suffix::Problematic) => {
                    let errors = self.missing(id)?;
                    (blocked_or(&errors, VerificationStatus::InProgress), errors)
                }
            });
        }
        let errors = self.missing(id)?;
        if !errors.is_empty() {
            return Ok((VerificationStatus::ResolveErrors, errors));
        }
        Ok(match suffix {
            Some(Suffix::Pending) => (VerificationStatus::PendingManualReview, errors),
            Some(Suffix::Rejected) => (VerificationStatus::Rejected, vec![rejection(id)]),
            Some(Suffix::Problematic) => (VerificationStatus::ResolveErrors, vec![self.poor_document(id)]),
            Some(Suffix::Approved) | None => (VerificationStatus::Approved, errors),
        })
    }

    /// Adds the verification, and moves the customer, its owners and its documents along.
    fn settle(
        &mut self,
        id: &str,
        outcome: (VerificationStatus, Vec<VerificationError>),
        now: Timestamp,
    ) -> Result<Verification, GridError> {
        let verification = self.begin(id, outcome, now)?;
        let customer_status = match verification.verification_status {
            VerificationStatus::Approved => KycStatus::Approved,
            VerificationStatus::Rejected => KycStatus::Rejected,
            VerificationStatus::PendingManualReview | VerificationStatus::InProgress => KycStatus::Pending,
            VerificationStatus::ResolveErrors
            | VerificationStatus::ReadyForVerification
            | VerificationStatus::Other(_) => return Ok(verification),
        };
        self.resolve_owners(id, now);
        self.mark_submitted(id);
        self.move_customer(id, customer_status, now)?;
        Ok(verification)
    }

    fn begin(
        &mut self,
        id: &str,
        (status, errors): (VerificationStatus, Vec<VerificationError>),
        now: Timestamp,
    ) -> Result<Verification, GridError> {
        let verification = Verification {
            id: IdKind::Verification.new_id(),
            customer_id: id.to_owned(),
            verification_status: status,
            errors,
            created_at: Some(now.into()),
            updated_at: Some(now.into()),
        };
        self.add_verification(verification.clone(), now)?;
        Ok(verification)
    }

    /// Puts a customer under review without asking for anything, as the hosted flow does.
    pub(super) fn begin_review(&mut self, id: &str, now: Timestamp) -> Result<Verification, GridError> {
        let Some(open) = self.open_verification(id) else {
            let status = match self.rules {
                Rules::AtVerification => VerificationStatus::InProgress,
                Rules::AtCreation => VerificationStatus::PendingManualReview,
            };
            return self.settle(id, (status, Vec::new()), now);
        };
        self.move_customer(id, KycStatus::Pending, now)?;
        Ok(open)
    }

    /// Resolves the owners of a business by the suffix of their last names.
    fn resolve_owners(&mut self, customer_id: &str, now: Timestamp) {
        self.owners.for_each_in(customer_id, |owner| {
            if owner.kyc_status == Some(KycStatus::Unverified) {
                owner.kyc_status = Some(status_of_owner(owner));
                owner.updated_at = Some(now.into());
            }
        });
    }

    /// Marks the documents of a customer and its owners as part of a verification.
    fn mark_submitted(&mut self, customer_id: &str) {
        let owners = self.owners.group(customer_id).map(|(_, owner)| owner.id.clone());
        let holders: Vec<String> = owners.chain([customer_id.to_owned()]).collect();
        for holder in holders {
            self.documents.for_each_in(&holder, |row| row.submitted = true);
        }
    }

    fn documents_of(&self, holder: &str) -> Vec<&Document> {
        self.documents.group(holder).map(|(_, row)| &row.document).collect()
    }

    pub(super) fn finish_hosted(
        &mut self,
        id: &str,
        decision: Decision,
        now: Timestamp,
        decided_at: Timestamp,
    ) -> Result<(), GridError> {
        let customer = &self.active_customer(id)?.customer;
        let status = customer.status().cloned();
        let business = customer.customer_type == CustomerType::Business;
        if !is_contact_verified(customer) {
            return Err(GridError::conflict("The customer's email and phone have to be VERIFIED first"));
        }
        let decided = is_decided(status.as_ref());
        // A rejected customer may try again; an approved one stays approved until a reviewer decides otherwise.
        let begins = !decided || (decision == Decision::Submit && status == Some(KycStatus::Rejected));
        if decision == Decision::Submit && begins {
            match self.rules {
                // The applicant gives the page everything that is missing, so the suffix decides.
                Rules::AtVerification if self.open_verification(id).is_none() => {
                    return self.decide_by_suffix(id, now, decided_at).map(|_| ());
                }
                // A business is verified by the hosted flow just as by `POST /verifications`.
                Rules::AtCreation if business && !decided => {
                    return self.submit(id, now, decided_at).map(|_| ());
                }
                Rules::AtVerification | Rules::AtCreation => {}
            }
        }
        if begins {
            self.begin_review(id, now)?;
        }
        let status = match decision {
            Decision::Submit => return Ok(()),
            Decision::Approve => KycStatus::Approved,
            Decision::Reject => KycStatus::Rejected,
            Decision::Hold => KycStatus::Hold,
        };
        self.decide_customer(id, status, Vec::new(), decided_at)
    }
}

fn blocked_or(errors: &[VerificationError], status: VerificationStatus) -> VerificationStatus {
    if errors.is_empty() { status } else { VerificationStatus::ResolveErrors }
}
