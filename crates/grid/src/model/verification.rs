//! Verifications: a customer submitted for review, and what stands in the way.

use serde::{Deserialize, Serialize};

use super::open_enum::open_enum;
use super::redact::redacted_debug;
use super::serde_as::{complete, lenient, list, maybe_list, or_default};
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

/// The body of `POST /verifications`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VerificationRequest {
    /// The customer to verify.
    pub customer_id: String,
}

/// A verification as Grid answers it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Verification {
    /// Grid's id.
    #[serde(deserialize_with = "or_default")]
    pub id: String,
    /// The customer being verified.
    #[serde(deserialize_with = "or_default")]
    pub customer_id: String,
    /// How far it is.
    #[serde(deserialize_with = "or_default")]
    pub verification_status: VerificationStatus,
    /// What stands in the way.
    #[serde(deserialize_with = "list")]
    pub errors: Vec<VerificationError>,
    /// When it was created.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub created_at: Option<Time>,
    /// When it was last updated.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub updated_at: Option<Time>,
}
complete!(Verification, id = "id");

/// One thing that stands in the way of a verification.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VerificationError {
    /// The customer, beneficial owner or document that has the problem.
    #[serde(deserialize_with = "or_default")]
    pub resource_id: String,
    /// Type, such as `MISSING_FIELD`.
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub error_type: String,
    /// Path of the field, for `MISSING_FIELD` and `INVALID_FIELD`, in Grid's notation.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub field: Option<String>,
    /// Any one of these document types would do.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "maybe_list")]
    pub accepted_document_types: Option<Vec<String>>,
    /// The problem in words.
    #[serde(deserialize_with = "or_default")]
    pub reason: String,
}
redacted_debug!(VerificationError { resource_id, error_type, field, accepted_document_types });
complete!(VerificationError);
