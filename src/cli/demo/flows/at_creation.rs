//! What the sandbox decides with the rules that it had until September 2026.

use super::super::cast;
use super::super::control::Act;
use super::super::expect::{is, items};
use super::super::release::Release;
use super::super::script::{Abandoned, Script};
use crate::pb;
use tonic::Code;

pub(super) async fn play(script: &mut Script) -> Result<(), Abandoned> {
    if script.release() == Release::August {
        return as_before(script).await;
    }
    let on = Act::SetApproveAtCreation(true);
    script.act("For this flow the old rules apply.", on, [is("approveAtCreation", true)]).await?;
    let ended = as_before(script).await;
    let off = Act::SetApproveAtCreation(false);
    script.act("From here on the new ones apply again.", off, [is("approveAtCreation", false)]).await?;
    ended
}

async fn as_before(script: &mut Script) -> Result<(), Abandoned> {
    for (about, name, status) in [
        ("002: rejected at creation.", format!("Rita Rejected {}", cast::REJECTED), pb::KycStatus::Rejected),
        ("Anything else: approved at creation.", "Jane Doe".to_owned(), pb::KycStatus::Approved),
    ] {
        let request = cast::create_person(script.unique(&name.to_lowercase().replace(' ', "-")), cast::person(&name));
        let created = script.call(about, request, [is("customer.kyc_status", status)]).await?;
        let submit = pb::SubmitVerificationRequest { customer_id: created.text("customer.id")? };
        script.refused("It is decided, so there is nothing to submit.", submit, Code::InvalidArgument, []).await;
    }
    for (about, number, verification) in [
        ("002: rejected when it is submitted.", "BRN-1918-002", pb::VerificationStatus::Rejected),
        ("Anything else: approved when it is submitted.", "BRN-1918-417", pb::VerificationStatus::Approved),
    ] {
        business(script, about, number, verification).await?;
    }
    Ok(())
}

async fn business(
    script: &mut Script,
    about: &str,
    number: &str,
    verification: pb::VerificationStatus,
) -> Result<(), Abandoned> {
    let request = cast::create_business(script.unique(number), cast::company("Decided Before Ltd", number));
    let about_it = "A business is UNVERIFIED at first.";
    let created = script.call(about_it, request, [is("customer.kyc_status", pb::KycStatus::Unverified)]).await?;
    let submit = pb::SubmitVerificationRequest { customer_id: created.text("customer.id")? };
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
    Ok(())
}
