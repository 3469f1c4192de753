//! Verification of a customer's email address and phone number.

use serde::{Deserialize, Serialize};

use super::open_enum::open_enum;
use super::redact::redacted_debug;
use super::serde_as::lenient;

open_enum! {
    /// State of one channel.
    ContactVerificationStatus {
        /// Required, not done.
        Pending = "PENDING",
        /// Confirmed.
        Verified = "VERIFIED",
    }
}

/// Which channels have to be verified, and how far each is. A channel that is absent is not required.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContactVerification {
    /// The email address.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub email: Option<ContactVerificationStatus>,
    /// The phone number.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub phone: Option<ContactVerificationStatus>,
}

/// The body of the two confirm calls.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContactVerificationConfirm {
    /// The one-time code the customer received.
    pub code: String,
}
redacted_debug!(ContactVerificationConfirm {});
