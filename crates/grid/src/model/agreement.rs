//! The agreements that customers accept, and what is recorded of it.

use serde::{Deserialize, Serialize};

use super::any::{Rows, UnreadableRow};
use super::complete::Complete;
use super::field::rows;
use super::object::object;
use super::time::Time;

object! {
    /// Evidence that a customer accepted one agreement (OpenAPI `AgreementConsent`).
    pub struct AgreementConsent {
        /// Which agreement, such as `LIGHTSPARK_END_USER_TERMS`.
        pub r#type: Option<String> [shown],
        /// When it was accepted.
        pub accepted_at: Option<Time>,
        /// The address of the device used to accept it.
        pub ip_address: Option<String>,
        /// The version that was accepted, such as `2025-10-13`.
        pub terms_version: Option<String> [shown],
        /// `CHECKBOX` or `CLICK_TO_ACCEPT`.
        pub acceptance_method: Option<String>,
    }
}

object! {
    /// An agreement that Grid supports, in its current version (OpenAPI `AgreementDocument`).
    #[derive(Debug)]
    pub struct Agreement {
        /// What it is, such as `LIGHTSPARK_END_USER_TERMS`.
        pub r#type: String [essential],
        /// Its current version.
        pub version: String,
        /// Where its text is hosted.
        pub url: String,
    }
}

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
