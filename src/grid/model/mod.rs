//! Grid's JSON as serde types, a file per resource; field names follow Grid's OpenAPI (`2025-10-13`).
//!
//! Three rules hold everywhere here, because Grid may add fields and enum values at any time:
//! unknown fields are ignored, a word outside a known vocabulary is kept as [`Other`](CustomerType::Other)
//! and never fails a message, and a field Grid left out (or sent as `null`) is simply absent. Only what makes an answer
//! that answer has to be there: the id of a resource, the rows of a list, the address of a link.
//! Types that carry personal data have a [`Debug`](std::fmt::Debug) that names ids and statuses only.

mod agreement;
mod beneficial_owner;
mod business;
mod contact;
mod customer;
mod document;
mod error;
mod import_job;
mod kyc_link;
mod open_enum;
mod platform;
mod redact;
mod serde_as;
mod verification;
mod webhook;

pub use agreement::{Agreement, AgreementConsent, Agreements};
pub use beneficial_owner::{BeneficialOwner, BeneficialOwnerInput, PersonalInfo};
pub use business::BusinessInfo;
pub use contact::{ContactVerification, ContactVerificationConfirm, ContactVerificationStatus};
pub use customer::{
    Address, Customer, CustomerInput, CustomerType, EndUserTerms, EndUserTermsConsent, KycStatus,
    SignedRequestChallenge,
};
pub use document::{Document, DocumentFields, DocumentSide};
pub use error::{ErrorBody, ErrorDetails, FieldConstraint, FieldError};
pub use import_job::{ImportError, ImportJob, ImportJobAccepted, ImportJobStatus, ImportProgress};
pub use kyc_link::{KycLink, KycLinkRequest};
pub(super) use open_enum::counting_unknown_words;
pub use platform::{
    CounterpartyField, OtherFields, PlatformConfig, PlatformConfigInput, PlatformCurrency, PlatformCurrencyInput,
};
pub use verification::{Verification, VerificationError, VerificationRequest, VerificationStatus};
pub use webhook::{TestWebhookResult, Webhook};

use serde::{Deserialize, Serialize};

/// One page of a list answer (`data`, `hasMore`, `nextCursor`, `totalCount`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "T: Deserialize<'de>"))]
pub struct Page<T> {
    /// The rows of this page.
    #[serde(deserialize_with = "serde_as::null_as_default")]
    pub data: Vec<T>,
    /// Whether another page follows.
    #[serde(default, deserialize_with = "serde_as::null_as_default")]
    pub has_more: bool,
    /// Where the next page starts; present when `has_more`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// How many rows match in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_count: Option<u64>,
}

/// Without the cursor: it is opaque, and nobody knows what is in it.
impl<T: std::fmt::Debug> std::fmt::Debug for Page<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { data, has_more, next_cursor: _, total_count } = self;
        f.debug_struct("Page")
            .field("data", data)
            .field("has_more", has_more)
            .field("total_count", total_count)
            .finish_non_exhaustive()
    }
}
