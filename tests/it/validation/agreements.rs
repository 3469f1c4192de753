//! Consents: of two kinds one, and not more of them than there are agreements.

use prost_reflect::DynamicMessage;
use serde_json::{Value, json};

use super::{mask, refused, set, text, time};
use crate::support::api::Rpc;
use crate::support::samples;
use crate::support::stage::{Stage, full_answer};

const BOTH: &str = "can't be sent together with";

fn create(fields: Value) -> DynamicMessage {
    let mut message = DynamicMessage::deserialize(Rpc::named("CreateCustomer").request(), fields).unwrap();
    set(&mut message, "customer_type", prost_reflect::Value::EnumNumber(1));
    message
}

fn update(customer: Value, paths: &[&str]) -> DynamicMessage {
    let asked = json!({ "customerId": samples::CUSTOMER, "customerType": 1, "customer": customer });
    let mut message = DynamicMessage::deserialize(Rpc::named("UpdateCustomer").request(), asked).unwrap();
    if !paths.is_empty() {
        set(&mut message, "update_mask", mask(paths));
    }
    message
}

fn both() -> Value {
    json!({
        "agreementConsents": [{ "type": "LEAD_PRIVACY_POLICY", "termsVersion": "2026-04-10" }],
        "endUserTermsConsent": { "termsVersion": "V1" },
    })
}

#[tokio::test]
async fn both_kinds_of_consent_in_one_request_are_named() {
    let stage = Stage::start().await;
    let paths = ["agreement_consents", "end_user_terms_consent"];
    let said = refused(&stage, Rpc::named("CreateCustomer"), vec![create(both())], &paths).await;
    assert!(said.iter().all(|said| said.contains(BOTH)), "{said:?}");

    let paths = ["customer.agreement_consents", "customer.end_user_terms_consent"];
    let rpc = Rpc::named("UpdateCustomer");
    let masked = ["email", "agreement_consents", "end_user_terms_consent.terms_version"];
    for message in [
        update(both(), &[]),
        update(both(), &["end_user_terms_consent", "agreement_consents"]),
        update(json!({ "email": "a@b.example", "endUserTermsConsent": { "termsVersion": "V1" } }), &masked),
    ] {
        let said = refused(&stage, rpc, vec![message], &paths).await;
        assert!(said.iter().all(|said| said.contains(BOTH)), "{said:?}");
    }
}

#[tokio::test]
async fn of_both_kinds_a_mask_can_choose_one() {
    let stage = Stage::start().await;
    let rpc = Rpc::named("UpdateCustomer");
    stage.on(rpc, full_answer(rpc));
    for (path, field) in
        [("agreement_consents", "agreementConsents"), ("end_user_terms_consent", "endUserTermsConsent")]
    {
        stage.gateway.call(rpc, vec![update(both(), &[path])]).await.unwrap();
        assert_eq!(stage.received().json(), json!({ "customerType": "INDIVIDUAL", field: both()[field] }));
    }
}

#[tokio::test]
async fn more_consents_than_there_are_agreements_are_named() {
    let stage = Stage::start().await;
    let consents =
        |number: usize| json!({ "agreementConsents": vec![json!({ "type": "LEAD_PRIVACY_POLICY" }); number] });
    let said = refused(&stage, Rpc::named("CreateCustomer"), vec![create(consents(8))], &["agreement_consents"]).await;
    assert_eq!(said, ["must have at most 7 entries"]);
    let rpc = Rpc::named("UpdateCustomer");
    refused(&stage, rpc, vec![update(consents(500), &[])], &["customer.agreement_consents"]).await;
    stage.on(rpc, full_answer(rpc));
    stage.gateway.call(rpc, vec![update(consents(7), &[])]).await.unwrap();
    assert_eq!(stage.received().json()["agreementConsents"].as_array().unwrap().len(), 7);
}

#[tokio::test]
async fn a_time_of_acceptance_that_is_none_is_named_by_its_place() {
    let stage = Stage::start().await;
    let two = || json!({ "agreementConsents": [{ "type": "LEAD_PRIVACY_POLICY" }, { "type": "LEAD_E_SIGN_CONSENT" }] });
    let spoil = |message: &mut DynamicMessage| {
        let list = message.get_field_by_name_mut("agreement_consents").unwrap().as_list_mut().unwrap();
        list[1].as_message_mut().unwrap().set_field_by_name("accepted_at", time(0, -1));
    };
    let mut message = create(two());
    spoil(&mut message);
    set(&mut message, "request_id", text("no"));
    let paths = ["request_id", "agreement_consents[1].accepted_at"];
    refused(&stage, Rpc::named("CreateCustomer"), vec![message], &paths).await;

    let mut message = update(two(), &[]);
    spoil(message.get_field_by_name_mut("customer").unwrap().as_message_mut().unwrap());
    refused(&stage, Rpc::named("UpdateCustomer"), vec![message], &["customer.agreement_consents[1].accepted_at"]).await;
}
