//! The client of Grid's API against a scripted upstream: what goes out, how often, and what each failure means.

mod connections;
mod create_customer;
mod logs;
mod refusals;
mod repetitions;
mod requests;

use std::time::Duration;

use gridgate::grid::model::{
    BeneficialOwnerInput, CustomerInput, DocumentFields, KycLinkRequest, PlatformConfigInput, VerificationRequest,
};
use gridgate::grid::{
    BreakerConfig, Call, Client, ClientConfig, CreateKey, CustomerFilter, DocumentFile, Error, Operation, PageRequest,
    ResourceId, RetryConfig, SignedRetry,
};
use reqwest::header::HeaderValue;
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(30);

/// Quick repetitions, and limits that get in nobody's way.
fn config(base_url: String) -> ClientConfig {
    ClientConfig {
        retry: RetryConfig {
            max_attempts: 4,
            base_delay: Duration::from_millis(2),
            max_delay: Duration::from_millis(10),
            budget_per_second: 1000,
            budget_share: 1.0,
        },
        breaker: BreakerConfig { failures: 1000, open_for: LONG },
        ..ClientConfig::new(base_url, "client-id", "client-secret".to_owned().into())
    }
}

fn client(base_url: String) -> Client {
    Client::new(config(base_url)).expect("a client")
}

/// A call with all the time in the world.
fn call() -> Call {
    within(LONG)
}

fn within(limit: Duration) -> Call {
    Call::until(Instant::now() + limit)
}

fn id(text: &str) -> ResourceId {
    ResourceId::parse(text).expect("an id")
}

fn customer_json() -> Value {
    json!({
        "id": "Customer:1", "platformCustomerId": "user-1", "customerType": "INDIVIDUAL", "kycStatus": "PENDING",
        "fullName": "Ada Byron", "createdAt": "2026-01-02T03:04:05Z", "updatedAt": "2026-01-02T03:04:05Z",
    })
}

fn customer_input() -> CustomerInput {
    serde_json::from_value(json!({ "customerType": "INDIVIDUAL", "fullName": "Ada Byron" })).expect("an input")
}

fn document_file() -> DocumentFile {
    let content = b"%PDF-1.4 \x00\xff\r\n--".to_vec().into();
    DocumentFile { file_name: "passport.pdf".to_owned(), media_type: "application/pdf", content }
}

fn document_fields() -> DocumentFields {
    DocumentFields {
        document_holder: Some("Customer:1".to_owned()),
        document_type: Some("PASSPORT".to_owned()),
        side: None,
        country: Some("DE".to_owned()),
        document_number: Some("C01X00T47".to_owned()),
        issuing_authority: None,
    }
}

fn signed() -> SignedRetry {
    SignedRetry {
        challenge_id: HeaderValue::from_static("Request:1"),
        wallet_signature: HeaderValue::from_static("c3RhbXA"),
    }
}

const FIRST_PAGE: PageRequest = PageRequest { limit: 20, cursor: None };

/// Carries out any operation with some input, and forgets what it answered.
async fn perform(client: &Client, call: &Call, operation: Operation) -> Result<(), Error> {
    let (one, key) = (id("Customer:1"), Uuid::nil());
    match operation {
        Operation::CreateCustomer => {
            client.create_customer(call, customer_input(), CreateKey::Generated).await.map(drop)
        }
        Operation::GetCustomer => client.get_customer(call, &one).await.map(drop),
        Operation::ListCustomers => {
            client.list_customers(call, &CustomerFilter::default(), &FIRST_PAGE).await.map(drop)
        }
        Operation::UpdateCustomer => client.update_customer(call, &one, &customer_input(), None).await.map(drop),
        Operation::UpdateCustomerSigned => {
            client.update_customer(call, &one, &customer_input(), Some(signed())).await.map(drop)
        }
        Operation::DeleteCustomer => client.delete_customer(call, &one).await.map(drop),
        Operation::CreateKycLink => client.create_kyc_link(call, &one, &KycLinkRequest::default(), key).await.map(drop),
        Operation::SendEmailVerification => client.send_email_verification(call, &one).await,
        Operation::ConfirmEmailVerification => {
            client.confirm_email_verification(call, &one, &Default::default()).await.map(drop)
        }
        Operation::SendPhoneVerification => client.send_phone_verification(call, &one).await,
        Operation::ConfirmPhoneVerification => {
            client.confirm_phone_verification(call, &one, &Default::default()).await.map(drop)
        }
        Operation::ImportCustomers => {
            let rows = ["umaAddress,platformCustomerId\n", "$a@b,1\n"];
            let rows = rows.map(|row| Ok::<_, std::convert::Infallible>(row.into()));
            client.import_customers(call, futures_util::stream::iter(rows)).await.map(drop)
        }
        Operation::GetImportJob => client.get_import_job(call, &one).await.map(drop),
        Operation::ListAgreements => client.list_agreements(call).await.map(drop),
        Operation::GetEndUserTerms => client.get_end_user_terms(call).await.map(drop),
        Operation::CreateBeneficialOwner => {
            client.create_beneficial_owner(call, &BeneficialOwnerInput::default()).await.map(drop)
        }
        Operation::GetBeneficialOwner => client.get_beneficial_owner(call, &one).await.map(drop),
        Operation::ListBeneficialOwners => client.list_beneficial_owners(call, &one, &FIRST_PAGE).await.map(drop),
        Operation::UpdateBeneficialOwner => {
            client.update_beneficial_owner(call, &one, &BeneficialOwnerInput::default()).await.map(drop)
        }
        Operation::DeleteBeneficialOwner => client.delete_beneficial_owner(call, &one).await,
        Operation::UploadDocument => client.upload_document(call, document_fields(), document_file()).await.map(drop),
        Operation::ReplaceDocument => {
            client.replace_document(call, &one, document_fields(), document_file()).await.map(drop)
        }
        Operation::GetDocument => client.get_document(call, &one).await.map(drop),
        Operation::ListDocuments => client.list_documents(call, None, &FIRST_PAGE).await.map(drop),
        Operation::DeleteDocument => client.delete_document(call, &one).await,
        Operation::SubmitVerification => {
            let request = VerificationRequest { customer_id: "Customer:1".to_owned() };
            client.submit_verification(call, &request).await.map(drop)
        }
        Operation::GetVerification => client.get_verification(call, &one).await.map(drop),
        Operation::ListVerifications => {
            client.list_verifications(call, &Default::default(), &FIRST_PAGE).await.map(drop)
        }
        Operation::GetPlatformConfig => client.get_platform_config(call).await.map(drop),
        Operation::UpdatePlatformConfig => {
            client.update_platform_config(call, &PlatformConfigInput::default()).await.map(drop)
        }
        Operation::SendTestWebhook => client.send_test_webhook(call).await.map(drop),
    }
}

/// The path an operation of [`perform`] goes to.
fn path_of(operation: Operation) -> String {
    operation.path_template().replace("{id}", "Customer:1")
}

/// An answer that every operation can read.
fn any_success() -> Value {
    let mut answer = customer_json();
    for (name, value) in [
        ("status", json!("PENDING")),
        ("jobId", json!("Job:1")),
        ("kycUrl", json!("https://verify.example/1")),
        ("version", json!("V1")),
        ("verificationStatus", json!("IN_PROGRESS")),
        ("kycUrl", json!("https://kyc.example/onboard/1")),
        ("version", json!("V1")),
        ("url", json!("https://terms.example/v1")),
        ("data", json!([])),
    ] {
        answer[name] = value;
    }
    answer
}

fn operations(wanted: impl Fn(Operation) -> bool) -> impl Iterator<Item = Operation> {
    Operation::ALL.iter().copied().filter(move |operation| wanted(*operation))
}
