//! A person by the API: what is missing is collected piece by piece, and a reviewer decides.

use super::super::cast::{self, some};
use super::super::control::Act;
use super::super::expect::{absent, count, is, items, present};
use super::super::script::{Abandoned, Script};
use crate::pb;
use tonic::Code;

pub(super) async fn play(script: &mut Script) -> Result<(), Abandoned> {
    let name = format!("Jane Doe {}", cast::VALIDATED);
    let known =
        pb::IndividualInput { full_name: Some(name), birth_date: some("1992-03-25"), ..pb::IndividualInput::default() };
    let status = script.release().at_creation(pb::KycStatus::Pending);
    let created = script
        .call(
            "Create the customer with what the first form asked for. The name ends in 001: a reviewer will decide.",
            cast::create_person(script.unique("jane"), known),
            [is("customer.kyc_status", status)],
        )
        .await?;
    let customer_id = created.text("customer.id")?;
    let submit = pb::SubmitVerificationRequest { customer_id: customer_id.clone() };

    script
        .call(
            "Submit. That data is missing is an answer, not an error: each thing has an entry.",
            submit.clone(),
            [
                is("verification.verification_status", pb::VerificationStatus::ResolveErrors),
                items(
                    "verification.errors[].type",
                    ["MISSING_FIELD", "MISSING_FIELD", "MISSING_FIELD", "MISSING_IDENTITY_DOCUMENT"],
                ),
                items(
                    "verification.errors[].field",
                    ["customer.nationality", "customer.idType", "customer.identifier"],
                ),
            ],
        )
        .await?;
    let rest = pb::IndividualInput {
        nationality: some("US"),
        id_type: some("SSN"),
        identifier: some("123-45-6789"),
        ..pb::IndividualInput::default()
    };
    let update = pb::CustomerUpdate {
        details: Some(pb::customer_update::Details::Individual(rest)),
        ..pb::CustomerUpdate::default()
    };
    script
        .call(
            "Add the fields. Without a mask, the populated ones change; the identification number never comes back.",
            pb::UpdateCustomerRequest {
                customer_id: customer_id.clone(),
                customer: Some(update),
                ..pb::UpdateCustomerRequest::default()
            },
            [
                is("customer.individual.nationality", "US"),
                is("customer.individual.birth_date", "1992-03-25"),
                absent("customer.individual.identifier"),
            ],
        )
        .await?;
    script
        .call(
            "Submit again. One thing is left, and the answer says what would do.",
            submit.clone(),
            [
                is("verification.verification_status", pb::VerificationStatus::ResolveErrors),
                items("verification.errors[].type", ["MISSING_IDENTITY_DOCUMENT"]),
                items("verification.errors[0].accepted_document_types", ["PASSPORT", "DRIVERS_LICENSE", "NATIONAL_ID"]),
                is("verification.errors[0].resource_id", &customer_id),
            ],
        )
        .await?;
    let document = with_a_passport(script, &customer_id).await?;
    let verification = under_review(script, &customer_id, submit.clone(), document).await?;
    decided(script, customer_id, submit, verification).await
}

async fn with_a_passport(script: &mut Script, customer_id: &str) -> Result<String, Abandoned> {
    let uploaded = script
        .call(
            "Upload a passport: metadata in the first message, the file in as many as it takes.",
            cast::passport(customer_id),
            [
                is("document.document_holder", customer_id),
                is("document.document_type", "PASSPORT"),
                is("document.file_name", "passport.pdf"),
            ],
        )
        .await?;
    let document_id = uploaded.text("document.id")?;
    script
        .call(
            "What is known of it; the file itself never comes back.",
            pb::GetDocumentRequest { document_id: document_id.clone() },
            [is("document.id", &document_id), is("document.country", "US")],
        )
        .await?;
    Ok(document_id)
}

async fn under_review(
    script: &mut Script,
    customer_id: &str,
    submit: pb::SubmitVerificationRequest,
    document_id: String,
) -> Result<String, Abandoned> {
    let status = script.release().under_review();
    let submitted = script
        .call(
            "Submit for the third time: complete, so a person looks at it.",
            submit,
            [is("verification.verification_status", status), count("verification.errors", 0)],
        )
        .await?;
    script
        .refused(
            "What has been submitted cannot be taken back.",
            pb::DeleteDocumentRequest { document_id },
            Code::FailedPrecondition,
            [is("resource_info.resource_type", "gridgate.v1.Document")],
        )
        .await;
    script
        .call(
            "Meanwhile the customer is PENDING.",
            pb::GetCustomerRequest { customer_id: customer_id.to_owned() },
            [is("customer.kyc_status", pb::KycStatus::Pending)],
        )
        .await?;
    submitted.text("verification.id")
}

async fn decided(
    script: &mut Script,
    customer_id: String,
    submit: pb::SubmitVerificationRequest,
    verification_id: String,
) -> Result<(), Abandoned> {
    let approve = Act::Decide { id: verification_id.clone(), status: "APPROVED" };
    script.act("A reviewer approves the verification.", approve, [is("verificationStatus", "APPROVED")]).await?;
    script
        .call(
            "The verification is decided…",
            pb::GetVerificationRequest { verification_id },
            [
                is("verification.verification_status", pb::VerificationStatus::Approved),
                present("verification.updated_at"),
            ],
        )
        .await?;
    script
        .call(
            "…and so is the customer.",
            pb::GetCustomerRequest { customer_id },
            [is("customer.kyc_status", pb::KycStatus::Approved)],
        )
        .await?;
    script.refused("A decision is not submitted again.", submit, Code::InvalidArgument, []).await;
    Ok(())
}
