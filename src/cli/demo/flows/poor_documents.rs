//! Documents with a side missing, and documents that cannot be read.

use super::super::cast;
use super::super::control::Act;
use super::super::expect::{is, items};
use super::super::release::Release;
use super::super::script::{Abandoned, Script};
use crate::pb;

pub(super) async fn play(script: &mut Script) -> Result<(), Abandoned> {
    let john = cast::person(&format!("John Blurred {}", cast::POOR));
    let created = script
        .call(
            "A person whose name ends in 003: the sandbox finds the document too poor.",
            cast::create_person(script.unique("john"), john),
            [is("customer.kyc_status", pb::KycStatus::Unverified)],
        )
        .await?;
    let customer_id = created.text("customer.id")?;
    let submit = pb::SubmitVerificationRequest { customer_id: customer_id.clone() };

    let front = script
        .call(
            "The front of a driving licence…",
            cast::drivers_license(&customer_id, pb::DocumentSide::Front),
            [is("document.side", pb::DocumentSide::Front)],
        )
        .await?
        .text("document.id")?;
    script
        .call(
            "…is half a document.",
            submit.clone(),
            [
                is("verification.verification_status", pb::VerificationStatus::ResolveErrors),
                items("verification.errors[].type", ["INCOMPLETE_DOCUMENT"]),
            ],
        )
        .await?;
    script
        .call(
            "The back.",
            cast::drivers_license(&customer_id, pb::DocumentSide::Back),
            [is("document.side", pb::DocumentSide::Back)],
        )
        .await?;
    script
        .call(
            "Complete now, but nobody can read it. The error names the document.",
            submit,
            [
                is("verification.verification_status", pb::VerificationStatus::ResolveErrors),
                items("verification.errors[].type", ["POOR_QUALITY_DOCUMENT"]),
                is("verification.errors[0].resource_id", &front),
            ],
        )
        .await?;
    if script.release() >= Release::September {
        rejected(script, &customer_id).await;
    }
    replaced(script, &customer_id, front).await?;

    let hold = Act::Decide { id: customer_id.clone(), status: "HOLD" };
    script.act("A reviewer wants to know more.", hold, [is("kycStatus", "HOLD")]).await?;
    script
        .call(
            "No webhook tells of HOLD: whoever asks learns it.",
            pb::GetCustomerRequest { customer_id: customer_id.clone() },
            [is("customer.kyc_status", pb::KycStatus::Hold)],
        )
        .await?;
    let reject = Act::Decide { id: customer_id.clone(), status: "REJECTED" };
    script.act("And decides.", reject, [is("kycStatus", "REJECTED")]).await?;
    script
        .call("Rejected.", pb::GetCustomerRequest { customer_id }, [is("customer.kyc_status", pb::KycStatus::Rejected)])
        .await?;
    Ok(())
}

async fn rejected(script: &mut Script, customer_id: &str) {
    let mut screenshot = cast::drivers_license(customer_id, pb::DocumentSide::Front);
    for metadata in screenshot.iter_mut().filter_map(|message| message.metadata.as_mut()) {
        metadata.file_name = cast::some("licence-screenshot.pdf");
    }
    script
        .refused(
            "Some files Grid refuses at first sight. The sandbox goes by the name of the file.",
            screenshot,
            tonic::Code::InvalidArgument,
            [
                is("error_info.reason", "DOCUMENT_REJECTED"),
                items("bad_request.field_violations[].field", ["chunk"]),
                items("field_errors.errors[].message", ["screenshot"]),
            ],
        )
        .await;
}

async fn replaced(script: &mut Script, customer_id: &str, document_id: String) -> Result<(), Abandoned> {
    let metadata = pb::ReplaceDocumentMetadata {
        document_id: document_id.clone(),
        document_type: cast::some("DRIVERS_LICENSE"),
        side: pb::DocumentSide::Front.into(),
        country: cast::some("US"),
        document_number: cast::some("WDL12345678B"),
        issuing_authority: cast::some("Washington State Department of Licensing"),
        file_name: cast::some("sharper.pdf"),
    };
    script
        .call(
            "A better scan takes the place of the first. Small files need one message.",
            vec![pb::ReplaceDocumentRequest { metadata: Some(metadata), chunk: cast::pdf("A better scan") }],
            [
                is("document.id", &document_id),
                is("document.document_holder", customer_id),
                is("document.file_name", "sharper.pdf"),
            ],
        )
        .await?;
    let passport = script
        .call(
            "A passport that nobody asked for…",
            cast::passport(customer_id),
            [is("document.document_type", "PASSPORT")],
        )
        .await?
        .text("document.id")?;
    script
        .call(
            "…is one of three documents now.",
            pb::ListDocumentsRequest {
                document_holder: cast::some(customer_id),
                ..pb::ListDocumentsRequest::default()
            },
            [
                items("documents[].document_type", ["DRIVERS_LICENSE", "DRIVERS_LICENSE", "PASSPORT"]),
                is("total_size", 3),
            ],
        )
        .await?;
    let passport = pb::DeleteDocumentRequest { document_id: passport };
    script.call("It has not been submitted, so it can go.", passport.clone(), []).await?;
    script
        .refused("Gone.", passport, tonic::Code::NotFound, [is("resource_info.resource_type", "gridgate.v1.Document")])
        .await;
    Ok(())
}
