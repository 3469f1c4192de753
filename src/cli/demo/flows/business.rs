//! A business with owners and documents, from nothing but its name to the decision.

use super::super::cast::{self, some};
use super::super::control::Act;
use super::super::expect::{count, is, items, one_of, present};
use super::super::release::Release;
use super::super::script::{Abandoned, Script};
use crate::pb;

/// What proves that a business exists, who controls it, who owns it, and where it is.
const PAPERS: [&str; 4] = ["CERTIFICATE_OF_INCORPORATION", "DIRECTOR_REGISTRY", "SHAREHOLDER_REGISTER", "UTILITY_BILL"];

/// What is said while they are missing.
const PAPERS_MISSING: [&str; 4] = [
    "MISSING_LEGAL_PRESENCE_DOCUMENT",
    "MISSING_CONTROL_STRUCTURE_DOCUMENT",
    "MISSING_OWNERSHIP_STRUCTURE_DOCUMENT",
    "MISSING_PROOF_OF_ADDRESS_DOCUMENT",
];

pub(super) async fn play(script: &mut Script) -> Result<(), Abandoned> {
    let acme = cast::company("Acme Corporation", &format!("BRN-2018-{}", cast::VALIDATED));
    let created = script
        .call(
            "Create the business. Its registration number ends in 001: validated for real.",
            cast::create_business(script.unique("acme"), acme),
            [is("customer.kyc_status", pb::KycStatus::Unverified), count("customer.business.beneficial_owners", 0)],
        )
        .await?;
    let customer_id = created.text("customer.id")?;
    everything_missing(script, &customer_id).await?;
    let (owner, director) = owners(script, &customer_id).await?;
    papers(script, &customer_id, &owner, &director).await?;
    submitted(script, &customer_id, &owner, &director).await
}

async fn everything_missing(script: &mut Script, customer_id: &str) -> Result<(), Abandoned> {
    let mut missing = vec!["MISSING_FIELD", "MISSING_BENEFICIAL_OWNER", "MISSING_CONTROL_PERSON"];
    missing.extend(PAPERS_MISSING);
    script
        .call(
            "Submit. Nearly everything is missing: owners, somebody in control, four kinds of papers, and a field.",
            pb::SubmitVerificationRequest { customer_id: customer_id.to_owned() },
            [
                is("verification.verification_status", pb::VerificationStatus::ResolveErrors),
                items("verification.errors[].type", missing),
                items("verification.errors[].field", ["customer.businessInfo.countriesOfOperation"]),
            ],
        )
        .await?;
    let info = pb::BusinessInfo {
        countries_of_operation: vec!["US".to_owned(), "CA".to_owned()],
        entity_type: some("CORPORATION"),
        ..pb::BusinessInfo::default()
    };
    let business = pb::BusinessInput { business_info: Some(info) };
    script
        .call(
            "Add the field, and the legal form with it.",
            pb::UpdateCustomerRequest {
                customer_id: customer_id.to_owned(),
                customer: Some(pb::CustomerUpdate {
                    details: Some(pb::customer_update::Details::Business(business)),
                    ..pb::CustomerUpdate::default()
                }),
                ..pb::UpdateCustomerRequest::default()
            },
            [
                is("customer.business.business_info.countries_of_operation", ["US", "CA"]),
                is("customer.business.business_info.entity_type", "CORPORATION"),
                is("customer.business.business_info.legal_name", "Acme Corporation"),
            ],
        )
        .await?;
    Ok(())
}

async fn owners(script: &mut Script, customer_id: &str) -> Result<(String, String), Abandoned> {
    let owner = script
        .call(
            "Who owns a quarter or more is a beneficial owner.",
            cast::create_owner(customer_id, &["UBO"], 60, ("Olivia", "Owner")),
            [
                is("beneficial_owner.kyc_status", pb::KycStatus::Unverified),
                is("beneficial_owner.ownership_percentage", 60),
            ],
        )
        .await?
        .text("beneficial_owner.id")?;
    let director = script
        .call(
            "Who directs the business controls it. The last name ends in 001: this one will be looked at.",
            cast::create_owner(customer_id, &["COMPANY_OFFICER"], 0, ("Dora", "Director 001")),
            [is("beneficial_owner.kyc_status", pb::KycStatus::Unverified)],
        )
        .await?
        .text("beneficial_owner.id")?;
    script
        .call(
            "She is a director, and has a middle name. The mask names the two fields that change.",
            pb::UpdateBeneficialOwnerRequest {
                beneficial_owner_id: director.clone(),
                beneficial_owner: Some(pb::BeneficialOwnerUpdate {
                    roles: vec!["DIRECTOR".to_owned(), "CONTROL_PERSON".to_owned()],
                    ownership_percentage: Some(99),
                    personal_info: Some(pb::PersonalInfo { middle_name: some("May"), ..pb::PersonalInfo::default() }),
                }),
                update_mask: Some(prost_types::FieldMask {
                    paths: vec!["roles".to_owned(), "personal_info.middle_name".to_owned()],
                }),
            },
            [
                is("beneficial_owner.roles", ["DIRECTOR", "CONTROL_PERSON"]),
                is("beneficial_owner.personal_info.middle_name", "May"),
                is("beneficial_owner.ownership_percentage", 0),
            ],
        )
        .await?;
    script
        .call(
            "Unlike a person's who is a customer, an owner's identification number comes back.",
            pb::GetBeneficialOwnerRequest { beneficial_owner_id: director.clone() },
            [present("beneficial_owner.personal_info.identifier"), is("beneficial_owner.customer_id", customer_id)],
        )
        .await?;
    mistaken(script, customer_id).await?;
    script
        .call(
            "Both belong to the business.",
            pb::ListBeneficialOwnersRequest {
                customer_id: customer_id.to_owned(),
                ..pb::ListBeneficialOwnersRequest::default()
            },
            [items("beneficial_owners[].id", [&owner, &director]), is("total_size", 2)],
        )
        .await?;
    Ok((owner, director))
}

async fn mistaken(script: &mut Script, customer_id: &str) -> Result<(), Abandoned> {
    let about = "Until the business is submitted, an owner can be taken away again.";
    if script.leaves_out_before(Release::September, about, &["BeneficialOwnerService/DeleteBeneficialOwner"]) {
        return Ok(());
    }
    let somebody = script
        .call(
            "Somebody who has nothing to do with it.",
            cast::create_owner(customer_id, &["DIRECTOR"], 0, ("Stella", "Stranger")),
            [present("beneficial_owner.id")],
        )
        .await?
        .text("beneficial_owner.id")?;
    script.call(about, pb::DeleteBeneficialOwnerRequest { beneficial_owner_id: somebody }, []).await?;
    Ok(())
}

async fn papers(script: &mut Script, customer_id: &str, owner: &str, director: &str) -> Result<(), Abandoned> {
    for (about, kind) in [
        ("The papers: one that the business exists…", PAPERS[0]),
        ("…one that says who controls it…", PAPERS[1]),
        ("…one that says who owns it…", PAPERS[2]),
        ("…and one that proves its address.", PAPERS[3]),
    ] {
        script.call(about, cast::paper(customer_id, kind), [is("document.document_type", kind)]).await?;
    }
    script
        .call(
            "What is left concerns the owners: each entry names the one it is about.",
            pb::SubmitVerificationRequest { customer_id: customer_id.to_owned() },
            [
                is("verification.verification_status", pb::VerificationStatus::ResolveErrors),
                items("verification.errors[].type", ["MISSING_IDENTITY_DOCUMENT", "MISSING_IDENTITY_DOCUMENT"]),
                items("verification.errors[].resource_id", [owner, director]),
            ],
        )
        .await?;
    for (about, holder) in [("The owner's passport…", owner), ("…and the director's.", director)] {
        script.call(about, cast::passport(holder), [is("document.document_holder", holder)]).await?;
    }
    Ok(())
}

async fn submitted(script: &mut Script, customer_id: &str, owner: &str, director: &str) -> Result<(), Abandoned> {
    let under_review = [pb::VerificationStatus::InProgress, pb::VerificationStatus::PendingManualReview];
    let verification_id = script
        .call(
            "Complete.",
            pb::SubmitVerificationRequest { customer_id: customer_id.to_owned() },
            [one_of("verification.verification_status", under_review), count("verification.errors", 0)],
        )
        .await?
        .text("verification.id")?;
    script
        .call(
            "The business is under review, and in the same moment its owners were looked at.",
            pb::GetCustomerRequest { customer_id: customer_id.to_owned() },
            [
                is("customer.kyc_status", pb::KycStatus::Pending),
                items("customer.business.beneficial_owners[].id", [owner, director]),
                items(
                    "customer.business.beneficial_owners[].kyc_status",
                    [pb::KycStatus::Approved, pb::KycStatus::Pending],
                ),
            ],
        )
        .await?;
    let approve = Act::Decide { id: director.to_owned(), status: "APPROVED" };
    script.act("A reviewer looks at the director…", approve, [is("kycStatus", "APPROVED")]).await?;
    let approve = Act::Decide { id: customer_id.to_owned(), status: "APPROVED" };
    script.act("…and at the business.", approve, [is("kybStatus", "APPROVED")]).await?;
    script
        .call(
            "The decision.",
            pb::GetCustomerRequest { customer_id: customer_id.to_owned() },
            [is("customer.kyc_status", pb::KycStatus::Approved)],
        )
        .await?;
    script
        .call(
            "It took three submissions: each is a verification of its own, and one was approved.",
            pb::ListVerificationsRequest {
                customer_id: some(customer_id),
                verification_status: pb::VerificationStatus::Approved.into(),
                ..pb::ListVerificationsRequest::default()
            },
            [items("verifications[].id", [&verification_id]), is("total_size", 1)],
        )
        .await?;
    Ok(())
}
