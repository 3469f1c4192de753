//! Links to the hosted verification.

use serde::{Deserialize, Serialize};

use super::redact::redacted_debug;
use super::serde_as::{complete, lenient, or_default};
use super::time::Time;

/// The body of `POST /customers/{id}/kyc-link`.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KycLinkRequest {
    /// Where the applicant is sent afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
}
redacted_debug!(KycLinkRequest {});

/// A single-use link. Whoever has it can play the applicant, so Debug shows neither link nor token.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KycLink {
    /// Where to send the applicant.
    #[serde(deserialize_with = "or_default")]
    pub kyc_url: String,
    /// When the link ends.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub expires_at: Option<Time>,
    /// Who verifies, such as `SUMSUB`.
    #[serde(deserialize_with = "or_default")]
    pub provider: String,
    /// For embedding the provider's SDK instead, where it has one.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub token: Option<String>,
}
redacted_debug!(KycLink { expires_at, provider });
complete!(KycLink, kyc_url = "kycUrl");
