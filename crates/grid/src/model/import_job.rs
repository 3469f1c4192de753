//! Bulk import of customers from CSV.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::complete::Complete;
use super::field::{self, lenient, text};
use super::object::object;
use super::open_enum::open_enum;
use super::time::Time;

open_enum! {
    /// How far an import job is.
    ImportJobStatus {
        /// Not begun.
        Pending = "PENDING",
        /// Under way.
        Processing = "PROCESSING",
        /// Done; single rows may have failed.
        Completed = "COMPLETED",
        /// The file as a whole could not be imported.
        Failed = "FAILED",
    }
}

object! {
    /// What `POST /customers/bulk/csv` answers (202).
    #[derive(Debug)]
    pub struct ImportJobAccepted {
        /// The job's id.
        pub job_id: String [essential],
        /// `PENDING` or `PROCESSING`.
        pub status: ImportJobStatus,
    }
}

object! {
    /// An import job as Grid answers it, and as the `BULK_UPLOAD.*` webhooks carry it.
    #[derive(Debug)]
    pub struct ImportJob {
        /// The job's id.
        pub id: String [essential],
        /// How far it is.
        pub status: ImportJobStatus,
        /// Counts of rows.
        pub progress: Option<ImportProgress>,
        /// The rows that failed.
        pub errors: Option<Vec<ImportError>>,
        /// When the job ended.
        pub completed_at: Option<Time>,
    }
}

object! {
    /// Counts of an import job's rows.
    #[derive(Debug)]
    pub struct ImportProgress {
        /// Rows in the file.
        pub total: u64,
        /// Rows looked at so far.
        pub processed: u64,
        /// Rows that became customers.
        pub successful: u64,
        /// Rows that did not.
        pub failed: u64,
    }
}

/// Why one row failed. Grid's schema has code and message flat, its webhook example has them under `error`;
/// both are read, the flat form is written.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, from = "ImportErrorJson")]
pub struct ImportError {
    /// The row's platform customer id, or its number.
    pub correlation_id: String,
    /// Grid's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The problem in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Whatever else Grid says of it.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub details: Map<String, Value>,
}

super::redact::redacted_debug!(ImportError { correlation_id, code });

impl Complete for ImportError {}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ImportErrorJson {
    #[serde(deserialize_with = "text")]
    correlation_id: Option<String>,
    #[serde(deserialize_with = "text")]
    code: Option<String>,
    #[serde(deserialize_with = "field::Value::read")]
    message: Option<String>,
    #[serde(deserialize_with = "field::Value::read")]
    details: Option<Map<String, Value>>,
    #[serde(deserialize_with = "nested")]
    error: Option<NestedError>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NestedError {
    #[serde(deserialize_with = "text")]
    code: Option<String>,
    #[serde(deserialize_with = "field::Value::read")]
    message: Option<String>,
    #[serde(deserialize_with = "field::Value::read")]
    details: Option<Map<String, Value>>,
}

/// Reads what is under `error`; a text is the message.
fn nested<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NestedError>, D::Error> {
    let json = Box::<RawValue>::deserialize(deserializer)?;
    match serde_json::from_str::<String>(json.get()) {
        Ok(text) => Ok(Some(NestedError { message: Some(text), ..NestedError::default() })),
        Err(_) => lenient(&mut serde_json::Deserializer::from_str(json.get())).map_err(serde::de::Error::custom),
    }
}

impl From<ImportErrorJson> for ImportError {
    fn from(json: ImportErrorJson) -> Self {
        let ImportErrorJson { correlation_id, code, message, details, error } = json;
        let NestedError { code: nested_code, message: nested_message, details: nested_details } =
            error.unwrap_or_default();
        Self {
            correlation_id: correlation_id.unwrap_or_default(),
            code: code.or(nested_code),
            message: message.or(nested_message),
            details: details.filter(|details| !details.is_empty()).or(nested_details).unwrap_or_default(),
        }
    }
}
