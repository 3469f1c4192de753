//! Documents: what goes beside the file, and what Grid answers.

use serde::{Deserialize, Serialize};

use super::open_enum::open_enum;
use super::redact::redacted_debug;
use super::serde_as::{complete, lenient, or_default};
use super::time::Time;

open_enum! {
    /// Which side of a two-sided document a file shows.
    DocumentSide {
        /// The front.
        Front = "FRONT",
        /// The back.
        Back = "BACK",
    }
}

/// A document as Grid answers it. The file itself never comes back.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Document {
    /// Grid's id.
    #[serde(deserialize_with = "or_default")]
    pub id: String,
    /// The customer or beneficial owner it belongs to.
    #[serde(deserialize_with = "or_default")]
    pub document_holder: String,
    /// Type, such as `PASSPORT`.
    #[serde(deserialize_with = "or_default")]
    pub document_type: String,
    /// Side of a two-sided document.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub side: Option<DocumentSide>,
    /// Country that issued it.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub country: Option<String>,
    /// Its number.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub document_number: Option<String>,
    /// Who issued it.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub issuing_authority: Option<String>,
    /// Name of the file that was uploaded.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub file_name: Option<String>,
    /// When it was uploaded.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub created_at: Option<Time>,
    /// When it was last changed.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub updated_at: Option<Time>,
}
redacted_debug!(Document { id, document_holder, document_type, updated_at });
complete!(Document, id = "id");

/// The fields sent beside a file in `POST /documents` and `PUT /documents/{id}` (multipart): only what is present.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct DocumentFields {
    /// `documentHolder`: the customer or beneficial owner. Upload only.
    pub document_holder: Option<String>,
    /// `documentType`.
    pub document_type: Option<String>,
    /// `side`.
    pub side: Option<DocumentSide>,
    /// `country`.
    pub country: Option<String>,
    /// `documentNumber`.
    pub document_number: Option<String>,
    /// `issuingAuthority`.
    pub issuing_authority: Option<String>,
}
redacted_debug!(DocumentFields { document_holder, document_type });
