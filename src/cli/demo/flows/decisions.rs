//! What the sandbox decides by the last characters of a name or number.

use super::super::cast;
use super::super::expect::{count, is, items};
use super::super::script::{Abandoned, Script};
use crate::pb;
use tonic::Code;

pub(super) async fn play(script: &mut Script) -> Result<(), Abandoned> {
    for (about, name, status) in [
        ("002: rejected at creation.", format!("Rita Rejected {}", cast::REJECTED), pb::KycStatus::Rejected),
        ("Anything else: approved at creation.", "Jane Doe".to_owned(), pb::KycStatus::Approved),
    ] {
        let request = cast::create_person(script.unique(&name.to_lowercase().replace(' ', "-")), cast::person(&name));
        let created = script.call(about, request, [is("customer.kyc_status", status)]).await?;
        let submit = pb::SubmitVerificationRequest { customer_id: created.text("customer.id")? };
        script.refused("It is decided, so there is nothing to submit.", submit, Code::InvalidArgument, []).await;
    }
    business(
        script,
        ("002: rejected when it is submitted.", "BRN-2018-002"),
        pb::VerificationStatus::Rejected,
        pb::KycStatus::Rejected,
    )
    .await?;
    business(
        script,
        ("Anything else: approved when it is submitted, and its owners with it.", "BRN-2018-417"),
        pb::VerificationStatus::Approved,
        pb::KycStatus::Approved,
    )
    .await
}

async fn business(
    script: &mut Script,
    (about, number): (&str, &str),
    verification: pb::VerificationStatus,
    status: pb::KycStatus,
) -> Result<(), Abandoned> {
    let request = cast::create_business(script.unique(number), cast::company("Decided Ltd", number));
    let created = script
        .call(
            "A business is always UNVERIFIED at first.",
            request,
            [is("customer.kyc_status", pb::KycStatus::Unverified)],
        )
        .await?;
    let customer_id = created.text("customer.id")?;
    let owner = cast::create_owner(&customer_id, &["UBO", "DIRECTOR"], 100, ("Oscar", "Owner 002"));
    script
        .call(
            "Its owner's last name ends in 002.",
            owner,
            [is("beneficial_owner.kyc_status", pb::KycStatus::Unverified)],
        )
        .await?;
    let submit = pb::SubmitVerificationRequest { customer_id: customer_id.clone() };
    let errors: &[&str] = match verification {
        pb::VerificationStatus::Rejected => &["APPLICANT_REJECTED"],
        _ => &[],
    };
    script
        .call(
            about,
            submit,
            [
                is("verification.verification_status", verification),
                items("verification.errors[].type", errors.iter().copied()),
            ],
        )
        .await?;
    script
        .call(
            "The owner was resolved in the same moment, by the own last name.",
            pb::GetCustomerRequest { customer_id },
            [
                is("customer.kyc_status", status),
                count("customer.business.beneficial_owners", 1),
                is("customer.business.beneficial_owners[0].kyc_status", pb::KycStatus::Rejected),
            ],
        )
        .await?;
    Ok(())
}
