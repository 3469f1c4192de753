//! Grid's JSON as serde types, a file per resource; field names follow Grid's OpenAPI (`2025-10-13`).
//!
//! Three rules hold everywhere here, because Grid may add fields and enum values at any time:
//! unknown fields are ignored, a word outside a known vocabulary is kept as [`Other`](CustomerType::Other)
//! and never fails a message, and a field Grid left out (or sent as `null`, or as another type than documented) is simply
//! absent. An answer requires only its essential field: the id of a resource, the rows of a list, the address
//! of a link. So every field is read as `field` says, and answers are read with [`read`()].
//! Types that carry personal data have a [`Debug`](std::fmt::Debug) that names ids and statuses only.

mod address;
mod agreement;
mod any;
mod beneficial_owner;
mod business;
mod complete;
mod contact;
mod customer;
mod document;
mod error;
mod field;
mod import_job;
mod kyc_link;
mod kyc_status;
mod notes;
mod object;
mod open_enum;
mod page;
mod platform;
mod read;
mod redact;
mod text;
mod time;
mod verification;
mod webhook;

pub use address::Address;
pub use agreement::{Agreement, AgreementConsent, Agreements};
pub use any::UnreadableRow;
pub use beneficial_owner::{BeneficialOwner, BeneficialOwnerInput, PersonalInfo};
pub use business::BusinessInfo;
pub use complete::Complete;
pub use contact::{ContactVerification, ContactVerificationConfirm, ContactVerificationStatus};
pub use customer::{
    Customer, CustomerInput, CustomerType, Edd, EndUserTerms, EndUserTermsConsent, Individual, Profile,
    SignedRequestChallenge,
};
pub use document::{Document, DocumentFields, DocumentSide};
pub use error::{ErrorBody, ErrorDetails, FieldConstraint, FieldError};
pub use field::{LostFields, OtherFields, is_exact};
pub use import_job::{ImportError, ImportJob, ImportJobAccepted, ImportJobStatus, ImportProgress};
pub use kyc_link::{KycLink, KycLinkRequest};
pub use kyc_status::KycStatus;
pub use notes::{Notes, Unreadable, noting};
pub use page::Page;
pub use platform::{CounterpartyField, PlatformConfig, PlatformConfigInput, PlatformCurrency};
pub use read::{Ending, Misread, read};
pub use text::{Mended, decode, mend};
pub use time::{InvalidTime, Time};
pub use verification::{Verification, VerificationError, VerificationRequest, VerificationStatus};
pub use webhook::{TestWebhookResult, Webhook};
