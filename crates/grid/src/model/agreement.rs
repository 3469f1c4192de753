//! The agreements that customers accept, and what is recorded of it.

use serde::{Deserialize, Serialize};

use super::any::{Rows, UnreadableRow};
use super::redact::redacted_debug;
use super::serde_as::{Complete, complete, lenient, or_default, rows};
use super::time::Time;

/// Evidence that a customer accepted one agreement (OpenAPI `AgreementConsent`).
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AgreementConsent {
    /// Which agreement, such as `LIGHTSPARK_END_USER_TERMS`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub agreement_type: Option<String>,
    /// When it was accepted.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub accepted_at: Option<Time>,
    /// The address of the device used to accept it.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub ip_address: Option<String>,
    /// The version that was accepted, such as `2025-10-13`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub terms_version: Option<String>,
    /// `CHECKBOX` or `CLICK_TO_ACCEPT`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub acceptance_method: Option<String>,
}
redacted_debug!(AgreementConsent { agreement_type, terms_version });
complete!(AgreementConsent);

/// An agreement that Grid supports, in its current version (OpenAPI `AgreementDocument`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Agreement {
    /// What it is, such as `LIGHTSPARK_END_USER_TERMS`.
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub agreement_type: String,
    /// Its current version.
    #[serde(deserialize_with = "or_default")]
    pub version: String,
    /// Where its text is hosted.
    #[serde(deserialize_with = "or_default")]
    pub url: String,
}
complete!(Agreement, agreement_type = "type");

/// The catalog: every agreement that Grid supports (OpenAPI `AgreementDocumentListResponse`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "AgreementsJson")]
pub struct Agreements {
    /// One entry for each type; always there in an answer that could be read.
    pub data: Option<Vec<Agreement>>,
    /// Entries that could not be read.
    #[serde(skip)]
    pub unreadable_rows: Vec<UnreadableRow>,
}

impl Complete for Agreements {
    fn missing(&self) -> Option<&'static str> {
        self.data.is_none().then_some("data")
    }
}

#[derive(Deserialize)]
struct AgreementsJson {
    #[serde(default, deserialize_with = "rows")]
    data: Option<Rows<Agreement>>,
}

impl From<AgreementsJson> for Agreements {
    fn from(json: AgreementsJson) -> Self {
        let (data, unreadable_rows) = json.data.map(|Rows { rows, unreadable }| (rows, unreadable)).unzip();
        Self { data, unreadable_rows: unreadable_rows.unwrap_or_default() }
    }
}
