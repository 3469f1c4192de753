//! What kind of platform it is, and the terms and agreements that customers accept.

use super::super::cast::{self, some};
use super::super::expect::{has, is, items, present};
use super::super::release::Release;
use super::super::script::{Abandoned, Script};
use crate::pb;
use prost_types::value::Kind;
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
        return branding(script).await;
    }
    agreements(script).await?;
    branding(script).await
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

/// What only a policy that names it lets the demo do: change the platform itself.
async fn branding(script: &mut Script) -> Result<(), Abandoned> {
    let about =
        "The name in the emails of embedded wallets: a field that the API does not name is passed on as Grid has it.";
    if script.leaves_out_before(Release::September, about, &["PlatformService/UpdatePlatformConfig"]) {
        return Ok(());
    }
    let text = |text: &str| prost_types::Value { kind: Some(Kind::StringValue(text.to_owned())) };
    let fields = |name: &str, value| prost_types::Struct { fields: [(name.to_owned(), value)].into() };
    let wallet = prost_types::Value { kind: Some(Kind::StructValue(fields("appName", text("Acme Wallet")))) };
    let config = pb::PlatformConfigUpdate {
        other_fields: Some(fields("embeddedWalletConfig", wallet)),
        ..pb::PlatformConfigUpdate::default()
    };
    let update = |config, path: &str| pb::UpdatePlatformConfigRequest {
        platform_config: Some(config),
        update_mask: Some(prost_types::FieldMask { paths: vec![path.to_owned()] }),
    };
    script
        .call(
            about,
            update(config, "other_fields"),
            [
                present("platform_config.other_fields"),
                has("platform_config.supported_currencies[].currency_code", "USD"),
            ],
        )
        .await?;
    let config = pb::PlatformConfigUpdate {
        webhook_endpoint: some("http://hooks.example.com/webhooks/grid"),
        ..pb::PlatformConfigUpdate::default()
    };
    script
        .refused(
            "Webhooks hold personal data: they go nowhere in the clear. Grid is not even asked.",
            update(config, "webhook_endpoint"),
            Code::InvalidArgument,
            [is("error_info.domain", "gridgate"), is("error_info.reason", "INVALID_REQUEST")],
        )
        .await;
    Ok(())
}
