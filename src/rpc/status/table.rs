//! Which gRPC code an answer of Grid's, or the lack of one, is.

use tonic::Code;

use crate::grid::{Error, OperationKind, Refusal};

/// The gRPC code of an error of the Grid client.
#[must_use]
pub fn code(error: &Error) -> Code {
    match error {
        Error::Answered(refusal) => code_of_refusal(refusal),
        Error::Redirected { .. } => Code::Internal,
        Error::Unreachable { .. } | Error::CircuitOpen { .. } | Error::Saturated { .. } | Error::ReadLost { .. } => {
            Code::Unavailable
        }
        Error::OutcomeUnknown { .. } | Error::Unreadable { .. } => Code::Unknown,
        Error::UploadBrokenOff { .. } => Code::Cancelled,
        Error::DeadlineExceeded { .. } => Code::DeadlineExceeded,
    }
}

/// The gRPC code of an error that Grid answered.
pub(super) fn code_of_refusal(refusal: &Refusal) -> Code {
    let grid_code = refusal.code.as_deref().unwrap_or_default();
    match refusal.status {
        400 | 413 | 422 => Code::InvalidArgument,
        401 => match grid_code {
            "WALLET_SIGNATURE_MISSING"
            | "WALLET_SIGNATURE_MALFORMED"
            | "WALLET_SIGNATURE_BODY_MISMATCH"
            | "REQUEST_ID_MISSING" => Code::InvalidArgument,
            "WALLET_SIGNATURE_INVALID" => Code::PermissionDenied,
            // Our credentials: nothing the caller could mend by authenticating, so never UNAUTHENTICATED.
            _ => Code::Internal,
        },
        403 => match grid_code {
            "USER_NOT_READY" | "CUSTOMER_NOT_VERIFIED" | "END_USER_TERMS_NOT_ACCEPTED" => Code::FailedPrecondition,
            _ => Code::PermissionDenied,
        },
        404 | 410 => Code::NotFound,
        405 | 415 | 500 => Code::Internal,
        409 => match grid_code {
            "UMA_ADDRESS_EXISTS"
            | "EMAIL_OTP_EMAIL_ALREADY_EXISTS"
            | "SMS_OTP_PHONE_NUMBER_ALREADY_EXISTS"
            | "DOCUMENT_ALREADY_EXISTS" => Code::AlreadyExists,
            "EMAIL_OTP_CREDENTIAL_SET_CHANGED" | "SMS_OTP_CREDENTIAL_SET_CHANGED" => Code::Aborted,
            "CONFLICT" if refusal.operation.kind() == OperationKind::Creates => Code::AlreadyExists,
            _ => Code::FailedPrecondition,
        },
        412 | 423 => Code::FailedPrecondition,
        424 => Code::Aborted,
        429 => Code::ResourceExhausted,
        501 => Code::Unimplemented,
        _ => Code::Unknown,
    }
}
