//! What the sandbox decides by the last characters of a name or number, when somebody complete is submitted.

use super::super::cast;
use super::super::control::Act;
use super::super::expect::{count, is, items, present};
use super::super::release::Release;
use super::super::script::{Abandoned, Script};
use crate::pb;
use tonic::Code;

/// A kind of decision: what is said of it, the end of the name or number, and what comes of it.
struct Kind {
    about: &'static str,
    suffix: &'static str,
    verification: pb::VerificationStatus,
    status: pb::KycStatus,
}

const KINDS: [Kind; 2] = [
    Kind {
        about: "002: rejected.",
        suffix: cast::REJECTED,
        verification: pb::VerificationStatus::Rejected,
        status: pb::KycStatus::Rejected,
    },
    Kind {
        about: "Anything else: approved.",
        suffix: "417",
        verification: pb::VerificationStatus::Approved,
        status: pb::KycStatus::Approved,
    },
];

pub(super) async fn play(script: &mut Script) -> Result<(), Abandoned> {
    let about = "Before September 2026 the sandbox decided otherwise, as the next flow shows.";
    if script.leaves_out_before(Release::September, about, &[]) {
        return Ok(());
    }
    for kind in &KINDS {
        person(script, kind).await?;
    }
    for kind in &KINDS {
        business(script, kind).await?;
    }
    Ok(())
}

/// Submitted by the API, with everything that is asked for.
async fn person(script: &mut Script, kind: &Kind) -> Result<(), Abandoned> {
    let Kind { about, suffix, verification, status } = kind;
    let person = cast::person(&format!("Dana Decided {suffix}"));
    let created = script
        .call(
            "A person is UNVERIFIED at first…",
            cast::create_person(script.unique(&format!("dana-{suffix}")), person),
            [is("customer.kyc_status", pb::KycStatus::Unverified)],
        )
        .await?;
    let customer_id = created.text("customer.id")?;
    let submit = pb::SubmitVerificationRequest { customer_id: customer_id.clone() };
    script
        .call(
            "…and stays so while something is missing, whatever the name.",
            submit.clone(),
            [
                is("verification.verification_status", pb::VerificationStatus::ResolveErrors),
                items("verification.errors[].type", ["MISSING_IDENTITY_DOCUMENT"]),
            ],
        )
        .await?;
    let passport = cast::passport(&customer_id);
    script.call("What was missing.", passport, [is("document.document_type", "PASSPORT")]).await?;
    script.call(about, submit.clone(), [is("verification.verification_status", *verification)]).await?;
    let asked = pb::GetCustomerRequest { customer_id };
    script.call("The customer follows.", asked, [is("customer.kyc_status", *status)]).await?;
    script.refused("It is decided, so there is nothing to submit.", submit, Code::InvalidArgument, []).await;
    Ok(())
}

/// By the hosted flow, which asks the applicant for everything.
async fn business(script: &mut Script, kind: &Kind) -> Result<(), Abandoned> {
    let Kind { about, suffix, verification, status } = kind;
    let number = format!("BRN-2018-{suffix}");
    let request = cast::create_business(script.unique(&number), cast::company("Decided Ltd", &number));
    let created = script.call("A business.", request, [is("customer.kyc_status", pb::KycStatus::Unverified)]).await?;
    let customer_id = created.text("customer.id")?;
    let owner = cast::create_owner(&customer_id, &["UBO", "DIRECTOR"], 100, ("Oscar", "Owner 002"));
    script
        .call(
            "Its owner's last name ends in 002.",
            owner,
            [is("beneficial_owner.kyc_status", pb::KycStatus::Unverified)],
        )
        .await?;
    let link = pb::CreateKycLinkRequest { customer_id: customer_id.clone(), ..pb::CreateKycLinkRequest::default() };
    let link = script.call("The link to its hosted flow.", link, [present("kyc_link.kyc_url")]).await?;
    let finish = Act::FinishHostedFlow { kyc_url: link.text("kyc_link.kyc_url")?, decision: "submit" };
    script.act("Somebody who acts for it finishes.", finish, []).await?;
    let verifications = pb::ListVerificationsRequest { customer_id: Some(customer_id.clone()), ..Default::default() };
    let errors: &[&str] = match status {
        pb::KycStatus::Rejected => &["APPLICANT_REJECTED"],
        _ => &[],
    };
    script
        .call(
            about,
            verifications,
            [
                items("verifications[].verification_status", [*verification]),
                items("verifications[0].errors[].type", errors.iter().copied()),
            ],
        )
        .await?;
    script
        .call(
            "The owner was resolved in the same moment, by the own last name.",
            pb::GetCustomerRequest { customer_id },
            [
                is("customer.kyc_status", *status),
                count("customer.business.beneficial_owners", 1),
                is("customer.business.beneficial_owners[0].kyc_status", pb::KycStatus::Rejected),
            ],
        )
        .await?;
    Ok(())
}
