//! Customers: types that contradict each other, times that are none, masks that name nothing, halves of a signature.

use prost_reflect::{DynamicMessage, Value as Field};
use serde_json::{Value, json};

use super::{mask, refused, set, text, time};
use crate::support::api::Rpc;
use crate::support::samples;
use crate::support::stage::Stage;

fn request(rpc: &Rpc, json: Value) -> DynamicMessage {
    DynamicMessage::deserialize(rpc.request(), json).unwrap()
}

/// An update of this customer.
fn update(customer: Value) -> DynamicMessage {
    let rpc = Rpc::named("UpdateCustomer");
    request(rpc, json!({ "customerId": samples::CUSTOMER, "customerType": 1, "customer": customer }))
}

#[tokio::test]
async fn a_type_that_is_missing_or_contradicted_is_named() {
    let stage = Stage::start().await;
    let create = Rpc::named("CreateCustomer");
    for (asked, said) in [
        (json!({}), "is required where details does not say it"),
        (json!({ "email": "a@b.example" }), "is required where details does not say it"),
        (json!({ "customerType": 1, "business": {} }), "contradicts details"),
        (json!({ "customerType": 2, "individual": { "fullName": "A B" } }), "contradicts details"),
        (json!({ "customerType": 3 }), "is not a value of this enum"),
        (json!({ "customerType": -1, "individual": {} }), "is not a value of this enum"),
    ] {
        assert_eq!(refused(&stage, create, vec![request(create, asked)], &["customer_type"]).await, [said]);
    }
    let update = Rpc::named("UpdateCustomer");
    for (asked, said) in [
        (json!({}), "is required where customer.details does not say it"),
        (json!({ "customer": { "email": "a@b.example" } }), "is required where customer.details does not say it"),
        (json!({ "customerType": 1, "customer": { "business": {} } }), "contradicts customer.details"),
        (json!({ "customerType": 9, "customer": { "individual": {} } }), "is not a value of this enum"),
    ] {
        let mut message = request(update, asked);
        set(&mut message, "customer_id", text(samples::CUSTOMER));
        assert_eq!(refused(&stage, update, vec![message], &["customer_type"]).await, [said]);
    }
}

#[tokio::test]
async fn a_time_that_is_none_is_named() {
    let stage = Stage::start().await;
    for bad in [time(i64::MAX, 0), time(-62_135_596_801, 0), time(253_402_300_800, 0), time(0, -1), time(0, i32::MAX)] {
        let create = Rpc::named("CreateCustomer");
        let mut message = request(create, json!({ "customerType": 1 }));
        set(&mut message, "end_user_terms_consent.accepted_at", bad.clone());
        refused(&stage, create, vec![message], &["end_user_terms_consent.accepted_at"]).await;
        let mut message = update(json!({}));
        set(&mut message, "customer.end_user_terms_consent.accepted_at", bad);
        let path = "customer.end_user_terms_consent.accepted_at";
        refused(&stage, Rpc::named("UpdateCustomer"), vec![message], &[path]).await;
    }
}

#[tokio::test]
async fn a_mask_that_names_nothing_is_named() {
    let stage = Stage::start().await;
    let customer = json!({ "email": "a@b.example", "address": { "city": "Oulu" }, "individual": { "edd": {} } });
    let bad_of_a_customer = [
        "",
        "*",
        ".",
        "email.",
        ".email",
        "nothing",
        "phoneNumber",
        "phone_number",
        "email.x",
        "address.line1",
        "address..city",
        "address.city.x",
        "individual.full_name",
        "individual.edd.pep_status",
        "business",
        "currencies.x",
        "customer_type",
        "customer.email",
        "individual",
        "individual.edd",
        "individual.edd.*",
        "end_user_terms_consent.accepted_at.nanos",
        "agreement_consents.type",
        "agreement_consents[0]",
        "kyc_status",
        "details",
        "business.business_info.countries_of_operation",
    ];
    for path in bad_of_a_customer {
        let mut message = update(customer.clone());
        set(&mut message, "update_mask", mask(&["email", path]));
        let said = refused(&stage, Rpc::named("UpdateCustomer"), vec![message], &["update_mask"]).await;
        assert!(said[0].contains(&format!("{path:?}")), "{path}: {said:?}");
    }
    let mut message = update(customer);
    set(&mut message, "update_mask", mask(&["nothing", "email", "address.line1"]));
    refused(&stage, Rpc::named("UpdateCustomer"), vec![message], &["update_mask", "update_mask"]).await;

    let rpc = Rpc::named("UpdateBeneficialOwner");
    for path in [
        "",
        "*",
        "ownership_percentage",
        "personal_info",
        "personalInfo.firstName",
        "personal_info.last_name",
        "personal_info.address",
        "personal_info.first_name.x",
        "roles.x",
        "roles[0]",
        "kyc_status",
        "customer_id",
    ] {
        let owner = json!({ "personalInfo": { "address": {} } });
        let mut message = request(rpc, json!({ "beneficialOwnerId": samples::OWNER, "beneficialOwner": owner }));
        set(&mut message, "update_mask", mask(&[path]));
        refused(&stage, rpc, vec![message], &["update_mask"]).await;
    }
}

#[tokio::test]
async fn a_mask_into_what_only_the_other_type_has_is_named() {
    const NAME: &str = "individual.full_name";
    const FUNDS: &str = "individual.edd.source_of_funds_categories";
    const NAME_OF_COMPANY: &str = "business.business_info.legal_name";
    const COUNTRIES: &str = "business.business_info.countries_of_operation";
    let stage = Stage::start().await;
    let rpc = Rpc::named("UpdateCustomer");
    let person = || json!({ "email": "a@b.example", "individual": { "fullName": "A B" } });
    let company = || json!({ "email": "a@b.example", "business": { "businessInfo": { "legalName": "A" } } });
    let nobody = || json!({ "email": "a@b.example" });
    for (customer_type, customer, paths, bad) in [
        (1, person(), vec!["email", NAME, COUNTRIES], COUNTRIES),
        (0, person(), vec![COUNTRIES, NAME], COUNTRIES),
        (1, person(), vec![NAME, "business"], "business"),
        (1, person(), vec![NAME, NAME_OF_COMPANY], NAME_OF_COMPANY),
        (2, company(), vec![NAME_OF_COMPANY, NAME], NAME),
        (0, company(), vec![FUNDS, NAME_OF_COMPANY], FUNDS),
        (1, nobody(), vec!["email", COUNTRIES], COUNTRIES),
        (2, nobody(), vec!["email", FUNDS], FUNDS),
        (2, nobody(), vec![COUNTRIES, FUNDS], FUNDS),
    ] {
        let asked = json!({ "customerId": samples::CUSTOMER, "customerType": customer_type, "customer": customer });
        let mut message = request(rpc, asked);
        set(&mut message, "update_mask", mask(&paths));
        let said = refused(&stage, rpc, vec![message], &["update_mask"]).await;
        assert!(said[0].contains(&format!("{bad:?} contradicts ")), "{paths:?}: {said:?}");
    }
}

#[tokio::test]
async fn half_of_a_signed_retry_is_named() {
    let stage = Stage::start().await;
    let rpc = Rpc::named("UpdateCustomer");
    for (challenge, signature, paths) in [
        (Some("Request:1"), None, &["wallet_signature"][..]),
        (None, Some("c2ln"), &["challenge_id"]),
        (Some(""), Some(""), &["challenge_id", "wallet_signature"]),
        (Some("a\nb"), Some("c2ln"), &["challenge_id"]),
        (Some("Request:1"), Some("c\r\nX-Evil: 1"), &["wallet_signature"]),
        (Some("a\u{0}"), None, &["challenge_id", "wallet_signature"]),
    ] {
        let mut message = update(json!({ "email": "a@b.example" }));
        let fields = [("challenge_id", challenge), ("wallet_signature", signature)];
        for (field, value) in fields.into_iter().filter_map(|(field, value)| Some((field, value?))) {
            set(&mut message, field, text(value));
        }
        refused(&stage, rpc, vec![message], paths).await;
    }
}

#[tokio::test]
async fn every_bad_field_is_named_at_once() {
    let stage = Stage::start().await;
    let create = Rpc::named("CreateCustomer");
    let mut message = request(create, json!({ "customerType": 1, "requestId": "no", "business": {} }));
    set(&mut message, "end_user_terms_consent.accepted_at", time(0, -1));
    let paths = ["request_id", "customer_type", "end_user_terms_consent.accepted_at"];
    refused(&stage, create, vec![message], &paths).await;

    let mut message = update(json!({ "business": {} }));
    set(&mut message, "customer_id", text(".."));
    set(&mut message, "customer.end_user_terms_consent.accepted_at", time(0, -1));
    set(&mut message, "update_mask", mask(&["end_user_terms_consent", "nothing"]));
    set(&mut message, "challenge_id", text("Request:1"));
    let paths = [
        "customer_id",
        "customer_type",
        "update_mask",
        "customer.end_user_terms_consent.accepted_at",
        "wallet_signature",
    ];
    refused(&stage, Rpc::named("UpdateCustomer"), vec![message], &paths).await;

    let link = Rpc::named("CreateKycLink");
    let message = request(link, json!({ "customerId": "bulk", "requestId": "no" }));
    refused(&stage, link, vec![message], &["request_id", "customer_id"]).await;

    let owner = Rpc::named("UpdateBeneficialOwner");
    let mut message = request(owner, json!({ "beneficialOwnerId": "a/b" }));
    set(&mut message, "update_mask", mask(&["nothing"]));
    refused(&stage, owner, vec![message], &["beneficial_owner_id", "update_mask"]).await;
}

#[tokio::test]
async fn what_a_field_must_look_like_is_grids_business() {
    let stage = Stage::start().await;
    let rpc = Rpc::named("CreateCustomer");
    stage.on(rpc, crate::support::stage::full_answer(rpc));
    let asked = json!({
        "customerType": 1, "platformCustomerId": "", "region": "nowhere", "currencies": ["", "\u{1f980}"], "email": "none",
        "phoneNumber": "call me", "umaAddress": "?", "address": { "country": "Atlantis" },
        "individual": { "fullName": "", "birthDate": "tomorrow", "identifier": "1", "edd": { "pepStatus": "maybe" } },
    });
    stage.gateway.call(rpc, vec![request(rpc, asked)]).await.unwrap();
    let sent = stage.received().json();
    assert_eq!(
        (&sent["birthDate"], &sent["pepStatus"], &sent["fullName"]),
        (&json!("tomorrow"), &json!("maybe"), &json!(""))
    );
}

#[test]
fn the_times_in_here_are_what_they_seem() {
    let Field::Message(message) = time(7, 8) else { panic!("a message") };
    assert_eq!(super::name(&message), "Timestamp");
    assert_eq!(
        message.transcode_to::<prost_types::Timestamp>().unwrap(),
        prost_types::Timestamp { seconds: 7, nanos: 8 }
    );
}
