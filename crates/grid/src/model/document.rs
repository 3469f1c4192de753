//! Documents: what goes beside the file, and what Grid answers.

use super::object::object;
use super::open_enum::open_enum;
use super::redact::redacted_debug;
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

object! {
    /// A document as Grid answers it. The file itself never comes back.
    pub struct Document {
        /// Grid's id.
        pub id: String [id],
        /// The customer or beneficial owner it belongs to.
        pub document_holder: String [shown],
        /// Type, such as `PASSPORT`.
        pub document_type: String [shown],
        /// Side of a two-sided document.
        pub side: Option<DocumentSide>,
        /// Country that issued it.
        pub country: Option<String>,
        /// Its number.
        pub document_number: Option<String>,
        /// Who issued it.
        pub issuing_authority: Option<String>,
        /// Name of the file that was uploaded.
        pub file_name: Option<String>,
        /// When it was uploaded.
        pub created_at: Option<Time>,
        /// When it was last changed.
        pub updated_at: Option<Time>,
    }
}

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
