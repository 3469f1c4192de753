//! Grid's error body: `{status, code, message, details}`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::redact::redacted_debug;
use super::serde_as::{lenient_time, null_as_default};

/// An error as Grid answers it. Its words may repeat what was sent, so Debug shows status and code only.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ErrorBody {
    /// The HTTP status again.
    pub status: Option<u16>,
    /// Grid's code, such as `INVALID_INPUT`.
    pub code: Option<String>,
    /// The problem in words.
    pub message: Option<String>,
    /// What else Grid says; its shape varies by code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<ErrorDetails>,
}
redacted_debug!(ErrorBody { status, code });

/// The parts of `details` that mean something here.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ErrorDetails {
    /// Every bad field at once.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// With 423: when to come back.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient_time")]
    pub locked_until: Option<Timestamp>,
}
redacted_debug!(ErrorDetails { locked_until });

/// One bad field.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FieldError {
    /// Dot-notation path of the field, in Grid's names.
    #[serde(deserialize_with = "null_as_default")]
    pub field: String,
    /// The problem in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What a good value looks like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub constraint: Option<FieldConstraint>,
}
redacted_debug!(FieldError { field });

/// What a good value of a field looks like. Grid may add to it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FieldConstraint {
    /// A named format, such as `email` or `iso3166-1-alpha-2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// A regular expression (JavaScript's).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Allowed values.
    #[serde(rename = "enum", deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
    /// Least length in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_length: Option<i64>,
    /// Greatest length in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_length: Option<i64>,
}
