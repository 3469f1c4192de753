//! The hosted link: Grid collects, the applicant finishes, a reviewer decides.

use super::super::cast::{self, some};
use super::super::control::Act;
use super::super::expect::{absent, count, is, is_not, present};
use super::super::release::Release;
use super::super::script::{Abandoned, Script};
use crate::pb;

/// Where the applicant comes back to.
const REDIRECT: &str = "https://yourapp.example/onboarding-complete";

pub(super) async fn play(script: &mut Script) -> Result<(), Abandoned> {
    a_person(script).await?;
    a_business(script).await
}

async fn a_person(script: &mut Script) -> Result<(), Abandoned> {
    // Whose names end so are UNVERIFIED at first, and under review when they have finished.
    let suffix = match script.release() {
        Release::August => cast::POOR,
        Release::September => cast::VALIDATED,
    };
    let jane = pb::IndividualInput { full_name: Some(format!("Jane Doe {suffix}")), ..pb::IndividualInput::default() };
    let created = script
        .call(
            "Create the customer with what is known already: it fills in the hosted form.",
            pb::CreateCustomerRequest {
                platform_customer_id: Some(script.unique("9f84e0c2a72c4fa")),
                region: some("US"),
                currencies: vec!["USD".to_owned(), "USDC".to_owned()],
                email: some("jane.doe@example.com"),
                details: Some(pb::create_customer_request::Details::Individual(jane)),
                ..pb::CreateCustomerRequest::default()
            },
            [
                is("customer.kyc_status", pb::KycStatus::Unverified),
                is("customer.currencies", ["USD", "USDC"]),
                present("customer.uma_address"),
                absent("customer.contact_verification"),
            ],
        )
        .await?;
    let customer_id = created.text("customer.id")?;

    let with_id = pb::CreateKycLinkRequest {
        customer_id: customer_id.clone(),
        redirect_uri: some(REDIRECT),
        request_id: Some(uuid::Uuid::new_v4().to_string()),
    };
    let link = script
        .call(
            "Create a link. The request id makes the call safe to repeat.",
            with_id.clone(),
            [
                present("kyc_link.kyc_url"),
                present("kyc_link.expires_at"),
                is("kyc_link.provider", "SUMSUB"),
                present("kyc_link.token"),
            ],
        )
        .await?;
    let kyc_url = link.text("kyc_link.kyc_url")?;
    script
        .call(
            "The answer was lost? The same request id answers the same link.",
            with_id,
            [is("kyc_link.kyc_url", &kyc_url)],
        )
        .await?;
    script
        .call(
            "Without one, each call makes another link. The first one stays valid.",
            pb::CreateKycLinkRequest {
                customer_id: customer_id.clone(),
                redirect_uri: some(REDIRECT),
                request_id: None,
            },
            [is_not("kyc_link.kyc_url", &kyc_url)],
        )
        .await?;
    status(script, "A link is not a submission: nothing has changed.", &customer_id, pb::KycStatus::Unverified).await?;

    let finish = Act::FinishHostedFlow { kyc_url, decision: "submit" };
    script.act("The applicant opens the link and finishes.", finish.clone(), []).await?;
    script.act_refused("The link works once.", finish, 410, []).await;
    status(script, "Finished is not approved: the customer is under review.", &customer_id, pb::KycStatus::Pending)
        .await?;
    let approve = Act::Decide { id: customer_id.clone(), status: "APPROVED" };
    script.act("A reviewer approves.", approve, [is("kycStatus", "APPROVED")]).await?;
    status(script, "Now the customer can transact.", &customer_id, pb::KycStatus::Approved).await?;
    script
        .call(
            "The hosted flow was a verification like any other.",
            pb::ListVerificationsRequest { customer_id: Some(customer_id), ..pb::ListVerificationsRequest::default() },
            [
                count("verifications", 1),
                is("verifications[0].verification_status", pb::VerificationStatus::Approved),
                absent("next_page_token"),
            ],
        )
        .await?;
    Ok(())
}

async fn a_business(script: &mut Script) -> Result<(), Abandoned> {
    let acme = cast::create_business(script.unique("acme-hosted"), cast::company("Acme Hosted Inc.", "5523041"));
    let created = script
        .call("A business goes the same way.", acme, [is("customer.kyc_status", pb::KycStatus::Unverified)])
        .await?;
    let customer_id = created.text("customer.id")?;
    let link = script
        .call(
            "Its link leads to KYB.",
            pb::CreateKycLinkRequest { customer_id: customer_id.clone(), ..pb::CreateKycLinkRequest::default() },
            [present("kyc_link.kyc_url")],
        )
        .await?;
    let finish = Act::FinishHostedFlow { kyc_url: link.text("kyc_link.kyc_url")?, decision: "submit" };
    script.act("Somebody who acts for the business finishes.", finish, []).await?;
    let about = "Its registration number ends in none of the sandbox's suffixes, so it is approved at once.";
    status(script, about, &customer_id, pb::KycStatus::Approved).await
}

async fn status(script: &mut Script, about: &str, customer_id: &str, status: pb::KycStatus) -> Result<(), Abandoned> {
    let request = pb::GetCustomerRequest { customer_id: customer_id.to_owned() };
    script.call(about, request, [is("customer.kyc_status", status)]).await.map(|_| ())
}
