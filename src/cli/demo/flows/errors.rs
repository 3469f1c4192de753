//! Errors: their codes, reasons and details.

use super::super::cast::{self, some};
use super::super::expect::{has, is, items, present};
use super::super::script::{Abandoned, Script};
use crate::pb;
use bytes::Bytes;
use tonic::Code;

pub(super) async fn play(script: &mut Script) -> Result<(), Abandoned> {
    bad_fields(script).await;
    never_right(script).await;
    conflicts(script).await?;
    not_there(script).await
}

/// What Grid refuses.
async fn bad_fields(script: &mut Script) {
    let nonsense = pb::IndividualInput {
        birth_date: some("2999-01-01"),
        identifier: some("12-34"),
        country_of_issuance: some("CA"),
        ..cast::person("Nora Nonsense")
    };
    let customer = pb::CreateCustomerRequest {
        currencies: vec!["USD".to_owned(), "GOLD".to_owned()],
        ..cast::create_person(script.unique("nora"), nonsense)
    };
    let bad = ["currencies[1]", "individual.birth_date", "individual.identifier", "individual.country_of_issuance"];
    script
        .refused(
            "Every bad field at once, by its path in this API, with what Grid says of it.",
            customer.clone(),
            Code::InvalidArgument,
            [
                is("error_info.domain", "grid.lightspark.com"),
                present("error_info.reason"),
                items("bad_request.field_violations[].field", bad),
                items("field_errors.errors[].field", bad),
                has("field_errors.errors[].grid_field", "birthDate"),
            ],
        )
        .await;
    let about = "The same for what breaks a format.";
    if !script.leaves_out_invalid(about) {
        let malformed = pb::CreateCustomerRequest {
            email: some("nora at example.com"),
            phone_number: some("call me"),
            currencies: Vec::new(),
            details: None,
            customer_type: pb::CustomerType::Individual.into(),
            address: Some(pb::Address { country: some("Oz"), postal_code: None, ..cast::home() }),
            ..customer
        };
        script
            .refused(
                about,
                malformed,
                Code::InvalidArgument,
                [items(
                    "bad_request.field_violations[].field",
                    ["email", "phone_number", "address.country", "address.postal_code"],
                )],
            )
            .await;
    }
    let about = "A business without what makes it one.";
    if !script.leaves_out_invalid(about) {
        let request = cast::create_business(script.unique("empty"), pb::BusinessInfo::default());
        let missing =
            ["legal_name", "country", "tax_id", "incorporated_on"].map(|name| format!("business.business_info.{name}"));
        script
            .refused(about, request, Code::InvalidArgument, [items("bad_request.field_violations[].field", missing)])
            .await;
    }
}

/// What gridgate refuses, without asking Grid.
async fn never_right(script: &mut Script) {
    let locally = |field: &str| {
        [
            is("error_info.domain", "gridgate"),
            is("error_info.reason", "INVALID_REQUEST"),
            items("bad_request.field_violations[].field", [field]),
        ]
    };
    script
        .refused(
            "What can never be right is not sent to Grid: an id that would lead elsewhere…",
            pb::GetCustomerRequest { customer_id: "../config".to_owned() },
            Code::InvalidArgument,
            locally("customer_id"),
        )
        .await;
    let not_a_uuid = pb::CreateKycLinkRequest {
        customer_id: cast::NOBODY.to_owned(),
        request_id: some("42"),
        ..pb::CreateKycLinkRequest::default()
    };
    script.refused("…a request id that is no UUID…", not_a_uuid, Code::InvalidArgument, locally("request_id")).await;
    let backwards = pb::ListDocumentsRequest { page_size: -1, ..pb::ListDocumentsRequest::default() };
    script.refused("…a negative page size…", backwards, Code::InvalidArgument, locally("page_size")).await;
    let mut gif = cast::passport(cast::NOBODY);
    gif.truncate(1);
    gif.iter_mut().for_each(|message| message.chunk = Bytes::from_static(b"GIF89a"));
    script.refused("…and a file that is no PDF, JPEG or PNG.", gif, Code::InvalidArgument, locally("chunk")).await;
}

async fn conflicts(script: &mut Script) -> Result<(), Abandoned> {
    let twice = cast::create_person(script.unique("twice"), cast::person("Tina Twice"));
    let created =
        script.call("The platform's own id belongs to one customer…", twice.clone(), [present("customer.id")]).await?;
    script
        .refused(
            "…and to no other. The error says whose it is.",
            twice,
            Code::AlreadyExists,
            [
                is("error_info.domain", "grid.lightspark.com"),
                is("error_info.reason", "CONFLICT"),
                is("resource_info.resource_name", created.text("customer.id")?),
            ],
        )
        .await;
    let request_id = uuid::Uuid::new_v4().to_string();
    let unnamed = pb::CreateCustomerRequest {
        request_id: Some(request_id.clone()),
        platform_customer_id: None,
        ..cast::create_person(String::new(), cast::person("Rhea Repeated"))
    };
    let first = script
        .call(
            "Without one, the request id takes its place…",
            unnamed.clone(),
            [is("customer.platform_customer_id", &request_id)],
        )
        .await?;
    script
        .call(
            "…so the same call again makes no second customer, and answers the first.",
            unnamed.clone(),
            [is("customer.id", first.text("customer.id")?)],
        )
        .await?;
    let another = pb::create_customer_request::Details::Individual(cast::person("Otto Other"));
    script
        .refused(
            "For somebody else the request id is taken.",
            pb::CreateCustomerRequest { details: Some(another), ..unnamed },
            Code::AlreadyExists,
            [is("error_info.reason", "CONFLICT")],
        )
        .await;
    Ok(())
}

async fn not_there(script: &mut Script) -> Result<(), Abandoned> {
    script
        .refused(
            "Nobody by that id. The details say what was not found.",
            pb::GetCustomerRequest { customer_id: cast::NOBODY.to_owned() },
            Code::NotFound,
            [
                is("resource_info.resource_type", "gridgate.v1.Customer"),
                is("resource_info.resource_name", cast::NOBODY),
            ],
        )
        .await;
    let gone = cast::create_person(script.unique("gone"), cast::person("Gordon Gone"));
    let customer_id = script.call("Somebody…", gone, [present("customer.id")]).await?.text("customer.id")?;
    let delete = pb::DeleteCustomerRequest { customer_id: customer_id.clone() };
    script.call("…who leaves.", delete.clone(), [is("customer.is_deleted", true)]).await?;
    script
        .refused("Twice is once too often.", delete, Code::NotFound, [is("error_info.reason", "CUSTOMER_DELETED")])
        .await;
    script
        .call(
            "Who was deleted can still be read.",
            pb::GetCustomerRequest { customer_id },
            [is("customer.is_deleted", true)],
        )
        .await?;
    Ok(())
}
