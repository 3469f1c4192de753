//! Bulk import of customers from CSV.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::open_enum::open_enum;
use super::serde_as::{complete, count, lenient, list, or_default, text};
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

/// What `POST /customers/bulk/csv` answers (202).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImportJobAccepted {
    /// The job's id.
    #[serde(deserialize_with = "or_default")]
    pub job_id: String,
    /// `PENDING` or `PROCESSING`.
    #[serde(deserialize_with = "or_default")]
    pub status: ImportJobStatus,
}
complete!(ImportJobAccepted, job_id = "jobId");

/// An import job as Grid answers it, and as the `BULK_UPLOAD.*` webhooks carry it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImportJob {
    /// The job's id.
    #[serde(deserialize_with = "or_default")]
    pub id: String,
    /// How far it is.
    #[serde(deserialize_with = "or_default")]
    pub status: ImportJobStatus,
    /// Counts of rows.
    #[serde(deserialize_with = "or_default")]
    pub progress: ImportProgress,
    /// The rows that failed.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "list")]
    pub errors: Vec<ImportError>,
    /// When the job ended.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub completed_at: Option<Time>,
}
complete!(ImportJob, id = "id");

/// Counts of an import job's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImportProgress {
    /// Rows in the file.
    #[serde(deserialize_with = "count")]
    pub total: u64,
    /// Rows looked at so far.
    #[serde(deserialize_with = "count")]
    pub processed: u64,
    /// Rows that became customers.
    #[serde(deserialize_with = "count")]
    pub successful: u64,
    /// Rows that did not.
    #[serde(deserialize_with = "count")]
    pub failed: u64,
}

/// Why one row failed. Grid's schema has code and message flat, its webhook example has them under `error`;
/// both are read, the flat form is written.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
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
complete!(ImportError);

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ImportErrorJson {
    #[serde(deserialize_with = "text")]
    correlation_id: Option<String>,
    #[serde(deserialize_with = "text")]
    code: Option<String>,
    #[serde(deserialize_with = "lenient")]
    message: Option<String>,
    #[serde(deserialize_with = "or_default")]
    details: Map<String, Value>,
    #[serde(deserialize_with = "nested")]
    error: Option<NestedError>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NestedError {
    #[serde(deserialize_with = "text")]
    code: Option<String>,
    #[serde(deserialize_with = "lenient")]
    message: Option<String>,
    #[serde(deserialize_with = "or_default")]
    details: Map<String, Value>,
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
            details: if details.is_empty() { nested_details } else { details },
        }
    }
}
