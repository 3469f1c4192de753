//! Which gRPC code an answer of Grid's, or the lack of one, is.

use tonic::Code;

use crate::grid::{Error, Operation, Refusal};

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
            "CONFLICT" if is_create(refusal.operation) => Code::AlreadyExists,
            _ => Code::FailedPrecondition,
        },
        412 | 423 => Code::FailedPrecondition,
        424 => Code::Aborted,
        429 => Code::ResourceExhausted,
        501 => Code::Unimplemented,
        _ => Code::Unknown,
    }
}

/// Whether the call makes a resource, so that a conflict means that one like it is there already.
///
/// CreateKycLink is none of them: its 409 says that contact verification has to come first.
fn is_create(operation: Operation) -> bool {
    match operation {
        Operation::CreateCustomer | Operation::CreateBeneficialOwner => true,
        Operation::GetCustomer
        | Operation::ListCustomers
        | Operation::UpdateCustomer
        | Operation::UpdateCustomerSigned
        | Operation::DeleteCustomer
        | Operation::CreateKycLink
        | Operation::SendEmailVerification
        | Operation::ConfirmEmailVerification
        | Operation::SendPhoneVerification
        | Operation::ConfirmPhoneVerification
        | Operation::ImportCustomers
        | Operation::GetImportJob
        | Operation::ListAgreements
        | Operation::GetEndUserTerms
        | Operation::GetBeneficialOwner
        | Operation::ListBeneficialOwners
        | Operation::UpdateBeneficialOwner
        | Operation::DeleteBeneficialOwner
        | Operation::UploadDocument
        | Operation::ReplaceDocument
        | Operation::GetDocument
        | Operation::ListDocuments
        | Operation::DeleteDocument
        | Operation::SubmitVerification
        | Operation::GetVerification
        | Operation::ListVerifications
        | Operation::GetPlatformConfig
        | Operation::UpdatePlatformConfig
        | Operation::SendTestWebhook => false,
    }
}
