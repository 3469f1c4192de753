//! What kind of platform it is, and the terms that customers accept.

use super::super::cast::{self, some};
use super::super::expect::{has, is, present};
use super::super::script::{Abandoned, Script};
use crate::pb;
use tonic::Code;

pub(super) async fn play(script: &mut Script) -> Result<(), Abandoned> {
    script
        .call(
            "What kind of platform is this, and which fields of a customer does each currency need?",
            pb::GetPlatformConfigRequest {},
            [
                is("platform_config.is_regulated_financial_institution", false),
                has("platform_config.supported_currencies[].currency_code", "USD"),
                present("platform_config.supported_currencies[].provider_required_customer_fields"),
            ],
        )
        .await?;
    let terms = script
        .call(
            "The terms in force, to show to the customer.",
            pb::GetEndUserTermsRequest {},
            [present("end_user_terms.version"), present("end_user_terms.url")],
        )
        .await?;
    let version = terms.text("end_user_terms.version")?;

    let accepting = |script: &Script, name: &str, version: &str| pb::CreateCustomerRequest {
        end_user_terms_consent: Some(pb::EndUserTermsConsent {
            accepted_at: Some(cast::time(1_768_487_400)),
            ip_address: some("203.0.113.7"),
            terms_version: some(version),
            acceptance_method: some("CHECKBOX"),
        }),
        ..cast::create_person(script.unique(name), cast::person("Ada Accepting"))
    };
    let request = accepting(script, "accepting", &version);
    script
        .call(
            "A customer who has ticked the box: the acceptance is recorded.",
            request,
            [
                is("customer.end_user_terms_consent.terms_version", &version),
                is("customer.end_user_terms_consent.acceptance_method", "CHECKBOX"),
            ],
        )
        .await?;
    let request = accepting(script, "accepting-what", "V0");
    script
        .refused(
            "Nobody can accept a version that does not exist.",
            request,
            Code::InvalidArgument,
            [
                is("error_info.domain", "grid.lightspark.com"),
                is("error_info.reason", "END_USER_TERMS_VERSION_NOT_FOUND"),
            ],
        )
        .await;
    Ok(())
}
