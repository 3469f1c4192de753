//! Grid's errors: a status, one of the codes that Grid's OpenAPI lists for it, and every bad field at once.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use gridgate_grid::model::{ErrorBody, ErrorDetails, FieldError};

/// An error as Grid answers it (OpenAPI `Error400` to `Error501`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status} {code}")]
pub(super) struct GridError {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    message: String,
    fields: Vec<FieldError>,
    precheck_errors: Vec<String>,
}

impl GridError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), fields: Vec::new(), precheck_errors: Vec::new() }
    }

    /// 400 with the bad fields in `details.errors[]`.
    pub(super) fn bad_fields(code: &'static str, fields: Vec<FieldError>) -> Self {
        let message = match fields.as_slice() {
            [only] => format!("{}: {}", only.field, only.message.as_deref().unwrap_or("is invalid")),
            many => format!("{} fields are invalid", many.len()),
        };
        Self { fields, ..Self::new(StatusCode::BAD_REQUEST, code, message) }
    }

    pub(super) fn bad_field(field: &str, message: &str) -> Self {
        let error = FieldError { field: field.to_owned(), message: Some(message.to_owned()), constraint: None };
        Self::bad_fields("INVALID_INPUT", vec![error])
    }

    /// 400 `INVALID_INPUT` about the request as a whole.
    pub(super) fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "INVALID_INPUT", message)
    }

    /// 400 with another of the codes listed for it.
    pub(super) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(super) fn invalid_format(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "INVALID_REQUEST_FORMAT", message)
    }

    pub(super) fn unauthorized(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, message)
    }

    pub(super) fn customer_not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "USER_NOT_FOUND", "Customer not found")
    }

    pub(super) fn job_not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "BULK_UPLOAD_JOB_NOT_FOUND", "Bulk upload job not found")
    }

    /// 404 for anything else, named in the message.
    pub(super) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "REFERENCE_NOT_FOUND", format!("{what} not found"))
    }

    pub(super) fn method_not_allowed() -> Self {
        let message = "The HTTP method is not supported for this endpoint";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message)
    }

    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::conflict_code("CONFLICT", message)
    }

    pub(super) fn conflict_code(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    pub(super) fn customer_deleted() -> Self {
        Self::new(StatusCode::GONE, "CUSTOMER_DELETED", "Customer has been permanently deleted")
    }

    /// 422: a document that is refused at once, with what is wrong with its file.
    pub(super) fn document_rejected(precheck_errors: Vec<String>) -> Self {
        let rejected = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "DOCUMENT_REJECTED", "The document was rejected");
        Self { precheck_errors, ..rejected }
    }

    pub(super) fn credential_sync_failed() -> Self {
        let message = "Failed to update one or more tied EMAIL_OTP credentials";
        Self::new(StatusCode::FAILED_DEPENDENCY, "EMAIL_OTP_CREDENTIAL_SYNC_FAILED", message)
    }

    /// 500: the sandbox holds as much as it is allowed to.
    pub(super) fn full(what: &str, limit: usize) -> Self {
        let message = format!("The sandbox is full: it holds at most {limit} {what}; reset it or raise the limit");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", message)
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn body(self) -> ErrorBody {
        let Self { status: _, code, message, fields, precheck_errors } = self;
        let details = ErrorDetails { errors: fields, ..ErrorDetails::default() };
        ErrorBody { code: Some(code.to_owned()), reason: Some(message), precheck_errors, details }
    }
}

impl IntoResponse for GridError {
    fn into_response(self) -> Response {
        answer(self.status, self.body())
    }
}

/// An error's response, which remembers what its body says.
pub(super) fn answer(status: StatusCode, body: ErrorBody) -> Response {
    let mut response = (status, Json(&body)).into_response();
    response.extensions_mut().insert(body);
    response
}
