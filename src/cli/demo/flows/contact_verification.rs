//! Email address and phone number are verified first, where the region asks for it.

use super::super::cast::{self, some};
use super::super::expect::{absent, is, items, present};
use super::super::script::{Abandoned, Script};
use crate::pb;
use tonic::Code;

/// What the sandbox "sends".
const CODE: &str = "123456";
/// What it does not.
const WRONG_CODE: &str = "000000";

pub(super) async fn play(script: &mut Script) -> Result<(), Abandoned> {
    let erika = pb::CreateCustomerRequest {
        region: some("DE"),
        address: None,
        ..cast::create_person(script.unique("erika"), cast::person("Erika Mustermann 003"))
    };
    script
        .refused(
            "Without email address and phone number there is nothing to verify: both are required here.",
            erika.clone(),
            Code::InvalidArgument,
            [items("bad_request.field_violations[].field", ["email", "phone_number"])],
        )
        .await;
    let reachable =
        pb::CreateCustomerRequest { email: some("erika@example.com"), phone_number: some("+4930901820"), ..erika };
    let created = script
        .call(
            "With both, the customer says what is still to be verified.",
            reachable,
            [
                is("customer.contact_verification.email_status", pb::ContactVerificationStatus::Pending),
                is("customer.contact_verification.phone_status", pb::ContactVerificationStatus::Pending),
            ],
        )
        .await?;
    let customer_id = created.text("customer.id")?;
    let link = pb::CreateKycLinkRequest { customer_id: customer_id.clone(), ..pb::CreateKycLinkRequest::default() };
    script.refused("No link before that.", link.clone(), Code::FailedPrecondition, []).await;

    email(script, &customer_id).await?;
    script.refused("One of two is not enough.", link.clone(), Code::FailedPrecondition, []).await;
    phone(script, &customer_id).await?;
    script.call("Now there is a link.", link, [present("kyc_link.kyc_url")]).await?;

    let elsewhere = cast::create_person(script.unique("not-in-the-eu"), cast::person("Norman Nowhere"));
    let created = script
        .call("Elsewhere nothing has to be verified…", elsewhere, [absent("customer.contact_verification")])
        .await?;
    script
        .refused(
            "…and so it cannot be.",
            pb::SendEmailVerificationRequest { customer_id: created.text("customer.id")? },
            Code::FailedPrecondition,
            [],
        )
        .await;
    Ok(())
}

async fn email(script: &mut Script, customer_id: &str) -> Result<(), Abandoned> {
    let send = pb::SendEmailVerificationRequest { customer_id: customer_id.to_owned() };
    let confirm =
        |code: &str| pb::ConfirmEmailVerificationRequest { customer_id: customer_id.to_owned(), code: code.to_owned() };
    script.call("Send a code to the email address.", send.clone(), []).await?;
    script
        .refused(
            "A wrong code.",
            confirm(WRONG_CODE),
            Code::InvalidArgument,
            [items("bad_request.field_violations[].field", ["code"])],
        )
        .await;
    script
        .call(
            "The right one. Grid answers the base fields only: no status means that none is said, not that it changed.",
            confirm(CODE),
            [
                is("customer.contact_verification.email_status", pb::ContactVerificationStatus::Verified),
                is("customer.contact_verification.phone_status", pb::ContactVerificationStatus::Pending),
                absent("customer.kyc_status"),
            ],
        )
        .await?;
    script.refused("Verified is verified.", send, Code::FailedPrecondition, []).await;
    Ok(())
}

async fn phone(script: &mut Script, customer_id: &str) -> Result<(), Abandoned> {
    let send = pb::SendPhoneVerificationRequest { customer_id: customer_id.to_owned() };
    let confirm =
        |code: &str| pb::ConfirmPhoneVerificationRequest { customer_id: customer_id.to_owned(), code: code.to_owned() };
    script.call("Send a code to the phone.", send.clone(), []).await?;
    script.call("It did not arrive? Send it again.", send, []).await?;
    script
        .refused(
            "A wrong code.",
            confirm(WRONG_CODE),
            Code::InvalidArgument,
            [items("bad_request.field_violations[].field", ["code"])],
        )
        .await;
    script
        .call(
            "The right one.",
            confirm(CODE),
            [
                is("customer.contact_verification.email_status", pb::ContactVerificationStatus::Verified),
                is("customer.contact_verification.phone_status", pb::ContactVerificationStatus::Verified),
            ],
        )
        .await?;
    Ok(())
}
