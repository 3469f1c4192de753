//! Verifications: a customer submitted for review, and what stands in the way.

use super::object::object;
use super::open_enum::open_enum;
use super::time::Time;

open_enum! {
    /// How far a verification is (OpenAPI `VerificationStatus`).
    VerificationStatus {
        /// Something is missing or wrong; `errors` says what. A result, not a failure.
        ResolveErrors = "RESOLVE_ERRORS",
        /// Complete; a person reviews it.
        PendingManualReview = "PENDING_MANUAL_REVIEW",
        /// Complete; being verified.
        InProgress = "IN_PROGRESS",
        /// Decided.
        Approved = "APPROVED",
        /// Decided.
        Rejected = "REJECTED",
        /// Complete; not yet submitted.
        ReadyForVerification = "READY_FOR_VERIFICATION",
    }
}

object! {
    /// The body of `POST /verifications`.
    #[derive(Debug)]
    pub struct VerificationRequest {
        /// The customer to verify.
        pub customer_id: String,
    }
}

object! {
    /// A verification as Grid answers it.
    #[derive(Debug)]
    pub struct Verification {
        /// Grid's id.
        pub id: String [essential],
        /// The customer being verified.
        pub customer_id: String,
        /// How far it is.
        pub verification_status: VerificationStatus,
        /// What stands in the way.
        pub errors: Vec<VerificationError>,
        /// When it was created.
        pub created_at: Option<Time>,
        /// When it was last updated.
        pub updated_at: Option<Time>,
    }
}

object! {
    /// One thing that stands in the way of a verification.
    pub struct VerificationError {
        /// The customer, beneficial owner or document that has the problem.
        pub resource_id: String [shown],
        /// Type, such as `MISSING_FIELD`.
        pub r#type: String [shown],
        /// Path of the field, for `MISSING_FIELD` and `INVALID_FIELD`, in Grid's notation.
        pub field: Option<String> [shown],
        /// Any one of these document types would do.
        pub accepted_document_types: Option<Vec<String>> [shown],
        /// The problem in words.
        pub reason: String,
    }
}
