//! What kind of platform it is, and the terms and agreements that customers accept.

use super::super::cast::{self, some};
use super::super::expect::{has, is, items, present};
use super::super::release::Release;
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
    let about = "The agreements that have replaced the terms since.";
    if script.leaves_out_before(Release::September, about, &["CustomerService/ListAgreements"]) {
        return Ok(());
    }
    agreements(script).await
}

/// What has replaced the terms since: several agreements, accepted one by one.
async fn agreements(script: &mut Script) -> Result<(), Abandoned> {
    let catalog = script
        .call(
            "Every agreement that Grid supports, in its current version.",
            pb::ListAgreementsRequest {},
            [
                has("agreements[].type", "LIGHTSPARK_END_USER_TERMS"),
                present("agreements[0].version"),
                present("agreements[0].url"),
            ],
        )
        .await?;
    let entry = |index: usize| -> Result<(String, String), Abandoned> {
        Ok((
            catalog.text(&format!("agreements[{index}].type"))?,
            catalog.text(&format!("agreements[{index}].version"))?,
        ))
    };
    let (first, second) = (entry(0)?, entry(1)?);
    let accepted = |(agreement_type, version): &(String, String)| pb::AgreementConsent {
        r#type: some(agreement_type),
        accepted_at: Some(cast::time(1_768_487_400)),
        ip_address: some("203.0.113.7"),
        terms_version: some(version),
        acceptance_method: some("CLICK_TO_ACCEPT"),
    };
    let accepting = |script: &Script, name: &str, consents| pb::CreateCustomerRequest {
        agreement_consents: consents,
        ..cast::create_person(script.unique(name), cast::person("Agnes Agreeing"))
    };
    let request = accepting(script, "agreeing", vec![accepted(&first)]);
    let created = script
        .call(
            "A customer who has accepted one of them: the acceptance is recorded.",
            request,
            [
                is("customer.agreement_consents[].type", [&first.0]),
                is("customer.agreement_consents[0].terms_version", &first.1),
            ],
        )
        .await?;
    let update = pb::UpdateCustomerRequest {
        customer_id: created.text("customer.id")?,
        customer_type: pb::CustomerType::Individual.into(),
        customer: Some(pb::CustomerUpdate {
            agreement_consents: vec![accepted(&first), accepted(&second)],
            ..pb::CustomerUpdate::default()
        }),
        ..pb::UpdateCustomerRequest::default()
    };
    let expected = [is("customer.agreement_consents[].type", [&first.0, &second.0])];
    script.call("Another agreement, accepted later.", update, expected).await?;
    let unknown = (first.0.clone(), "2001-01-01".to_owned());
    let request = accepting(script, "agreeing-to-what", vec![accepted(&unknown)]);
    script
        .refused(
            "Nobody can accept a version that does not exist.",
            request,
            Code::InvalidArgument,
            [
                is("error_info.reason", "END_USER_TERMS_VERSION_NOT_FOUND"),
                items("bad_request.field_violations[].field", ["agreement_consents[0].terms_version"]),
            ],
        )
        .await;
    Ok(())
}
