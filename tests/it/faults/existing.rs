//! Something is there already: ALREADY_EXISTS says what, as far as Grid lets it be known.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::support::api::Rpc;
use crate::support::details::Details;
use crate::support::fake_grid::Reply;
use crate::support::samples;
use crate::support::stage::Stage;

const CUSTOMER: &str = "gridgate.v1.Customer";

fn customer(id: &str) -> Value {
    json!({ "id": id, "platformCustomerId": "user-1", "customerType": "INDIVIDUAL", "umaAddress": "$una@uma.example" })
}

fn listed(rows: &[Value]) -> Reply {
    Reply::json(200, json!({ "data": rows, "hasMore": false, "totalCount": rows.len() }))
}

fn asked() -> Value {
    json!({
        "customerType": "INDIVIDUAL", "fullName": "Una Vik", "platformCustomerId": "user-1", "umaAddress": "$una@uma.example",
    })
}

/// The end of a call that Grid answers like this, with the lists it answers.
async fn refused(stage: &Stage, name: &str, code: &str, list: Reply) -> Status {
    let rpc = Rpc::named(name);
    stage.on(Rpc::named("ListCustomers"), list);
    stage.on(rpc, Reply::json(409, json!({ "code": code, "reason": "there is one" })));
    let sent = if name == "CreateCustomer" { asked() } else { samples::sent_by(name) };
    stage.upstream.forget_requests();
    let status = stage.call(rpc, &sent).await.unwrap_err();
    assert_eq!((status.code(), Details::of(&status).reason.as_str()), (Code::AlreadyExists, code));
    assert_eq!(status.message(), "Grid: there is one");
    status
}

/// Type, name, owner and description of what is there.
#[track_caller]
fn resource(status: &Status) -> [String; 4] {
    let info = status.get_details_resource_info().expect("ResourceInfo");
    [info.resource_type, info.resource_name, info.owner, info.description]
}

#[tokio::test]
async fn the_customer_with_the_platforms_id_is_named() {
    let stage = Stage::start().await;
    let other = json!({ "id": "Customer:9", "platformCustomerId": "user-9", "customerType": "INDIVIDUAL" });
    let status = refused(&stage, "CreateCustomer", "CONFLICT", listed(&[other, customer("Customer:1")])).await;
    assert_eq!(resource(&status)[..2], [CUSTOMER, "Customer:1"]);
    let looked = stage.upstream.requests_to("GET", "/customers");
    assert_eq!((looked.len(), looked[0].query("platformCustomerId")), (1, Some("user-1")));
}

#[tokio::test]
async fn the_customer_with_the_uma_address_is_named() {
    let stage = Stage::start().await;
    let status = refused(&stage, "CreateCustomer", "UMA_ADDRESS_EXISTS", listed(&[customer("Customer:7")])).await;
    assert_eq!(resource(&status)[..2], [CUSTOMER, "Customer:7"]);
    let looked = stage.upstream.requests_to("GET", "/customers");
    assert_eq!((looked.len(), looked[0].query("umaAddress")), (1, Some("$una@uma.example")));

    let mut taken = customer("Customer:7");
    taken["umaAddress"] = samples::sent_by("UpdateCustomer")["umaAddress"].clone();
    let status = refused(&stage, "UpdateCustomer", "UMA_ADDRESS_EXISTS", listed(&[taken])).await;
    assert_eq!(resource(&status)[..2], [CUSTOMER, "Customer:7"], "not the customer that was to be updated");
}

#[tokio::test]
async fn several_customers_are_said_to_be_several() {
    let stage = Stage::start().await;
    let rows = [customer("Customer:1"), customer("Customer:2")];
    let status = refused(&stage, "CreateCustomer", "CONFLICT", listed(&rows)).await;
    assert_eq!(resource(&status), [CUSTOMER, "", "", "2 customers have that platform_customer_id"]);
    assert_eq!(Details::of(&status).metadata["candidates"], "Customer:1,Customer:2");

    let rows: Vec<_> = (0..10).map(|index| customer(&format!("Customer:{index}"))).collect();
    let page = Reply::json(200, json!({ "data": rows, "hasMore": true, "nextCursor": "next", "totalCount": 300 }));
    let status = refused(&stage, "CreateCustomer", "CONFLICT", page).await;
    assert_eq!(resource(&status), [CUSTOMER, "", "", "300 customers have that platform_customer_id"]);
    assert!(status.details().len() <= 4096);
}

#[tokio::test]
async fn one_customer_is_named_only_where_there_can_be_no_other() {
    let stage = Stage::start().await;
    let mut deleted = customer("Customer:2");
    deleted["isDeleted"] = json!(true);
    let status = refused(&stage, "CreateCustomer", "CONFLICT", listed(&[deleted, customer("Customer:1")])).await;
    assert_eq!(resource(&status)[..2], [CUSTOMER, "Customer:1"], "a deleted one is in nobody's way");

    let other = json!({ "id": "Customer:9", "platformCustomerId": "user-9", "customerType": "INDIVIDUAL" });
    let unreadable = json!({ "platformCustomerId": "user-1" });
    for page in [
        json!({ "data": [customer("Customer:1")], "hasMore": true, "nextCursor": "next" }),
        json!({ "data": [customer("Customer:1"), unreadable], "hasMore": false }),
        json!({ "data": [customer("Customer:1"), other], "hasMore": true, "nextCursor": "next", "totalCount": 300 }),
    ] {
        let status = refused(&stage, "CreateCustomer", "CONFLICT", Reply::json(200, page.clone())).await;
        let expected = [CUSTOMER, "", "", "at least one customer has that platform_customer_id"];
        assert_eq!(resource(&status), expected, "{page}");
        assert_eq!(Details::of(&status).metadata["candidates"], "Customer:1");
    }
}

#[tokio::test]
async fn what_can_be_no_id_is_not_passed_on() {
    let stage = Stage::start().await;
    let rows: Vec<_> = (0..10).map(|index| customer(&format!("Customer:{index}{}", "x".repeat(1500)))).collect();
    for rows in [&rows[..], &rows[..1], &[customer("CANARY Jane Doe")]] {
        let status = refused(&stage, "CreateCustomer", "CONFLICT", listed(rows)).await;
        let unknown = "a customer has that platform_customer_id; which one is not known";
        assert_eq!(resource(&status), [CUSTOMER, "", "", unknown]);
        assert!(status.details().len() <= 4096);
    }
}

#[tokio::test]
async fn a_search_that_fails_makes_the_error_no_worse() {
    let stage = Stage::start().await;
    for list in [
        Reply::error(500, "INTERNAL_ERROR", "oops"),
        Reply::empty(503),
        Reply::close(),
        Reply::bytes(200, "text/html", "<html>"),
        listed(&[]),
        Reply::json(200, json!({ "data": 7 })),
    ] {
        let status = refused(&stage, "CreateCustomer", "CONFLICT", list).await;
        let unknown = "a customer has that platform_customer_id; which one is not known";
        assert_eq!(resource(&status), [CUSTOMER, "", "", unknown]);
        assert_eq!(stage.upstream.requests_to("GET", "/customers").len(), 1, "once");
    }
    let began = Instant::now();
    let status = refused(&stage, "CreateCustomer", "CONFLICT", Reply::hang()).await;
    assert_eq!(resource(&status)[..2], [CUSTOMER, ""]);
    assert!(began.elapsed() < Duration::from_secs(10), "it does not wait for long");
}

#[tokio::test]
async fn the_deadline_is_kept_and_leaves_the_error_as_it_is() {
    let stage = Stage::start().await;
    let rpc = Rpc::named("CreateCustomer");
    stage.on(Rpc::named("ListCustomers"), Reply::hang());
    stage.on(rpc, Reply::json(409, json!({ "code": "CONFLICT", "reason": "there is one" })));
    let status = stage.call_within(Duration::from_secs(1), rpc, &asked()).await.unwrap_err();
    assert_eq!((status.code(), Details::of(&status).reason.as_str()), (Code::AlreadyExists, "CONFLICT"));
}

#[tokio::test]
async fn where_grid_does_not_say_whose_it_is_neither_does_gridgate() {
    let stage = Stage::start().await;
    for code in ["EMAIL_OTP_EMAIL_ALREADY_EXISTS", "SMS_OTP_PHONE_NUMBER_ALREADY_EXISTS"] {
        let status = refused(&stage, "UpdateCustomer", code, listed(&[customer("Customer:1")])).await;
        assert_eq!(resource(&status)[..3], [CUSTOMER, "", ""], "not the customer that was to be updated");
        assert!(resource(&status)[3].contains("does not say which"));
        assert!(stage.upstream.requests_to("GET", "/customers").is_empty(), "there is nothing to look for it by");
    }
    let status = refused(&stage, "CreateBeneficialOwner", "CONFLICT", listed(&[])).await;
    assert_eq!(resource(&status)[..3], ["gridgate.v1.BeneficialOwner", "", samples::CUSTOMER]);
    let status = refused(&stage, "UploadDocument", "DOCUMENT_ALREADY_EXISTS", listed(&[])).await;
    assert_eq!(resource(&status)[..3], ["gridgate.v1.Document", "", samples::OWNER]);
}
