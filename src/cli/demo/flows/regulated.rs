//! A regulated platform: customers are approved at creation.

use super::super::cast;
use super::super::control::Act;
use super::super::expect::{absent, is};
use super::super::script::{Abandoned, Script};
use crate::pb;
use tonic::Code;

pub(super) async fn play(script: &mut Script) -> Result<(), Abandoned> {
    script
        .act("For this flow the platform is a regulated one.", Act::SetRegulated(true), [is("regulated", true)])
        .await?;
    let ended = as_regulated(script).await;
    let back = "From here on the platform is not regulated any more.";
    script.act(back, Act::SetRegulated(false), [is("regulated", false)]).await?;
    ended
}

async fn as_regulated(script: &mut Script) -> Result<(), Abandoned> {
    script
        .call(
            "The configuration says so.",
            pb::GetPlatformConfigRequest {},
            [is("platform_config.is_regulated_financial_institution", true)],
        )
        .await?;
    // Whoever her name would have verified for real elsewhere is approved here too.
    let jane = cast::create_person(script.unique("customer_12345"), cast::person("Jane Doe 001"));
    let person = script
        .call(
            "A person, directly: APPROVED at creation. The identification number never comes back.",
            jane,
            [
                is("customer.kyc_status", pb::KycStatus::Approved),
                is("customer.customer_type", pb::CustomerType::Individual),
                is("customer.is_deleted", false),
                absent("customer.individual.identifier"),
            ],
        )
        .await?;
    let acme = cast::create_business(script.unique("b87d2e4a9c13f5b"), cast::company("Acme Corporation", "789012345"));
    script
        .call(
            "A business, directly: APPROVED as well. Grid calls it kybStatus; here both are one field.",
            acme,
            [
                is("customer.kyc_status", pb::KycStatus::Approved),
                is("customer.customer_type", pb::CustomerType::Business),
                is("customer.business.business_info.legal_name", "Acme Corporation"),
            ],
        )
        .await?;
    script
        .refused(
            "There is nothing left to verify.",
            pb::SubmitVerificationRequest { customer_id: person.text("customer.id")? },
            Code::InvalidArgument,
            [is("error_info.domain", "grid.lightspark.com")],
        )
        .await;
    Ok(())
}
