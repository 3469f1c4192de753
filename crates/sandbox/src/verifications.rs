//! `/verifications`: submitting a customer for review, and what came of it.

use axum::Json;
use axum::extract::{Path, State};
use jiff::Timestamp;

use super::body::JsonObject;
use super::contact::is_contact_verified;
use super::decisions::{Rules, Suffix, status_of_owner};
use super::error::GridError;
use super::fields::{Faults, Fields};
use super::formats::Form;
use super::ids::IdKind;
use super::pagination::page;
use super::query::Params;
use super::rules::{business_errors, error, identity_document, individual_errors};
use super::shared::App;
use super::state::Store;
use super::transitions::is_decided;
use gridgate_grid::model::{
    CustomerType, Document, KycStatus, Page, Verification, VerificationError, VerificationStatus,
};

/// `POST /verifications`. Missing data is a result (`RESOLVE_ERRORS`), not an error.
pub(super) async fn create(
    State(app): State<App>,
    JsonObject(body): JsonObject,
) -> Result<Json<Verification>, GridError> {
    let mut faults = Faults::default();
    let fields = Fields::of_body(&body);
    fields.require(&["customerId"], &mut faults);
    let id = fields.text("customerId", Form::Text(None), &mut faults).unwrap_or_default();
    faults.into_result()?;
    let mut store = app.store();
    let (now, decided_at) = (app.clock.tick(), app.clock.tick());
    store.submit(&id, now, decided_at).map(Json)
}

/// `GET /verifications/{id}`.
pub(super) async fn get(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Verification>, GridError> {
    app.store().verifications.get(&id).cloned().map(Json).ok_or_else(|| GridError::not_found("Verification"))
}

/// `GET /verifications`.
pub(super) async fn list(State(app): State<App>, params: Params) -> Result<Json<Page<Verification>>, GridError> {
    let mut faults = Faults::default();
    let request = params.page("verifications", &["customerId", "verificationStatus"], &mut faults);
    let status = params.one_of("verificationStatus", VerificationStatus::KNOWN, &mut faults);
    faults.into_result()?;
    let store = app.store();
    let matches =
        |verification: &Verification| status.is_none_or(|status| verification.verification_status.as_str() == status);
    Ok(Json(match params.get("customerId") {
        Some(id) => {
            let rows = store.verifications.group(id).filter(|(_, row)| matches(row));
            page(rows, &request, Verification::clone)
        }
        None => {
            let rows = store.verifications.iter().filter(|(_, row)| matches(row));
            page(rows, &request, Verification::clone)
        }
    }))
}

/// Whether somebody still looks at a verification.
pub(super) fn is_under_review(status: &VerificationStatus) -> bool {
    matches!(status, VerificationStatus::PendingManualReview | VerificationStatus::InProgress)
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
        // Whoever is on hold submits again what was asked for.
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

    /// Adds a verification.
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
}

fn blocked_or(errors: &[VerificationError], status: VerificationStatus) -> VerificationStatus {
    if errors.is_empty() { status } else { VerificationStatus::ResolveErrors }
}

/// Why somebody was rejected.
pub(super) fn rejection(id: &str) -> VerificationError {
    error(id, "APPLICANT_REJECTED", "The applicant was rejected")
}
