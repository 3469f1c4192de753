//! Every RPC that the demo can call, with the generated clients: a request says by its type which one it is for.

use super::access::Calls;
use super::reflect::Reflection;
use super::tree::Tree;
use crate::pb;
use crate::pb::beneficial_owner_service_client::BeneficialOwnerServiceClient;
use crate::pb::customer_service_client::CustomerServiceClient;
use crate::pb::document_service_client::DocumentServiceClient;
use crate::pb::kyc_event_service_client::KycEventServiceClient;
use crate::pb::platform_service_client::PlatformServiceClient;
use crate::pb::verification_service_client::VerificationServiceClient;
use std::time::Duration;
use tonic::{Request, Status};

/// The deadline that each call brings.
const DEADLINE: Duration = Duration::from_secs(30);

/// A request, or the requests of a stream, and how to send them.
pub(super) trait Rpc {
    /// The service's name, without its package.
    const SERVICE: &'static str;
    /// The method's name.
    const METHOD: &'static str;
    /// What is answered.
    type Response: prost::Message;

    /// The request as a tree.
    fn shown(&self, reflection: &Reflection) -> Tree;

    /// Calls, and waits for the answer.
    async fn call(self, channel: Calls) -> Result<Self::Response, Status>;
}

fn with_deadline<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(DEADLINE);
    request
}

macro_rules! unary {
    ($service:ident, $client:ident: $($method:ident = $call:ident($request:ident) -> $response:ident;)+) => {$(
        impl Rpc for pb::$request {
            const SERVICE: &'static str = stringify!($service);
            const METHOD: &'static str = stringify!($method);
            type Response = pb::$response;

            fn shown(&self, reflection: &Reflection) -> Tree {
                reflection.request(Self::SERVICE, Self::METHOD, self)
            }

            async fn call(self, channel: Calls) -> Result<Self::Response, Status> {
                $client::new(channel).$call(with_deadline(self)).await.map(tonic::Response::into_inner)
            }
        }
    )+};
}

macro_rules! client_streaming {
    ($service:ident, $client:ident: $($method:ident = $call:ident($request:ident) -> $response:ident;)+) => {$(
        impl Rpc for Vec<pb::$request> {
            const SERVICE: &'static str = stringify!($service);
            const METHOD: &'static str = stringify!($method);
            type Response = pb::$response;

            fn shown(&self, reflection: &Reflection) -> Tree {
                let messages = self.iter().map(|message| reflection.request(Self::SERVICE, Self::METHOD, message));
                Tree::List(messages.collect())
            }

            async fn call(self, channel: Calls) -> Result<Self::Response, Status> {
                let messages = with_deadline(tokio_stream::iter(self));
                $client::new(channel).$call(messages).await.map(tonic::Response::into_inner)
            }
        }
    )+};
}

unary! { CustomerService, CustomerServiceClient:
    CreateCustomer = create_customer(CreateCustomerRequest) -> CreateCustomerResponse;
    GetCustomer = get_customer(GetCustomerRequest) -> GetCustomerResponse;
    ListCustomers = list_customers(ListCustomersRequest) -> ListCustomersResponse;
    UpdateCustomer = update_customer(UpdateCustomerRequest) -> UpdateCustomerResponse;
    DeleteCustomer = delete_customer(DeleteCustomerRequest) -> DeleteCustomerResponse;
    CreateKycLink = create_kyc_link(CreateKycLinkRequest) -> CreateKycLinkResponse;
    SendEmailVerification = send_email_verification(SendEmailVerificationRequest) -> SendEmailVerificationResponse;
    ConfirmEmailVerification =
        confirm_email_verification(ConfirmEmailVerificationRequest) -> ConfirmEmailVerificationResponse;
    SendPhoneVerification = send_phone_verification(SendPhoneVerificationRequest) -> SendPhoneVerificationResponse;
    ConfirmPhoneVerification =
        confirm_phone_verification(ConfirmPhoneVerificationRequest) -> ConfirmPhoneVerificationResponse;
    GetImportJob = get_import_job(GetImportJobRequest) -> GetImportJobResponse;
    ListAgreements = list_agreements(ListAgreementsRequest) -> ListAgreementsResponse;
    GetEndUserTerms = get_end_user_terms(GetEndUserTermsRequest) -> GetEndUserTermsResponse;
}

client_streaming! { CustomerService, CustomerServiceClient:
    ImportCustomers = import_customers(ImportCustomersRequest) -> ImportCustomersResponse;
}

unary! { BeneficialOwnerService, BeneficialOwnerServiceClient:
    CreateBeneficialOwner = create_beneficial_owner(CreateBeneficialOwnerRequest) -> CreateBeneficialOwnerResponse;
    GetBeneficialOwner = get_beneficial_owner(GetBeneficialOwnerRequest) -> GetBeneficialOwnerResponse;
    ListBeneficialOwners = list_beneficial_owners(ListBeneficialOwnersRequest) -> ListBeneficialOwnersResponse;
    UpdateBeneficialOwner = update_beneficial_owner(UpdateBeneficialOwnerRequest) -> UpdateBeneficialOwnerResponse;
    DeleteBeneficialOwner = delete_beneficial_owner(DeleteBeneficialOwnerRequest) -> DeleteBeneficialOwnerResponse;
}

client_streaming! { DocumentService, DocumentServiceClient:
    UploadDocument = upload_document(UploadDocumentRequest) -> UploadDocumentResponse;
    ReplaceDocument = replace_document(ReplaceDocumentRequest) -> ReplaceDocumentResponse;
}

unary! { DocumentService, DocumentServiceClient:
    GetDocument = get_document(GetDocumentRequest) -> GetDocumentResponse;
    ListDocuments = list_documents(ListDocumentsRequest) -> ListDocumentsResponse;
    DeleteDocument = delete_document(DeleteDocumentRequest) -> DeleteDocumentResponse;
}

unary! { VerificationService, VerificationServiceClient:
    SubmitVerification = submit_verification(SubmitVerificationRequest) -> SubmitVerificationResponse;
    GetVerification = get_verification(GetVerificationRequest) -> GetVerificationResponse;
    ListVerifications = list_verifications(ListVerificationsRequest) -> ListVerificationsResponse;
}

unary! { PlatformService, PlatformServiceClient:
    GetPlatformConfig = get_platform_config(GetPlatformConfigRequest) -> GetPlatformConfigResponse;
    UpdatePlatformConfig = update_platform_config(UpdatePlatformConfigRequest) -> UpdatePlatformConfigResponse;
}

unary! { KycEventService, KycEventServiceClient:
    GetKycStatus = get_kyc_status(GetKycStatusRequest) -> GetKycStatusResponse;
    ListKycEvents = list_kyc_events(ListKycEventsRequest) -> ListKycEventsResponse;
}
