//! Changing a customer: masks, lists, and what cannot be changed.

use super::super::cast::{self, some};
use super::super::expect::{absent, is, items};
use super::super::script::{Abandoned, Script};
use crate::pb;
use tonic::Code;

pub(super) async fn play(script: &mut Script) -> Result<(), Abandoned> {
    let created = script
        .call(
            "Somebody to change.",
            pb::CreateCustomerRequest {
                currencies: vec!["USD".to_owned()],
                email: some("una@example.com"),
                ..cast::create_person(script.unique("una"), cast::person("Una Updated"))
            },
            [is("customer.currencies", ["USD"])],
        )
        .await?;
    let customer_id = created.text("customer.id")?;
    let update = |customer: pb::CustomerUpdate, paths: &[&str]| {
        let paths: Vec<_> = paths.iter().map(|path| (*path).to_owned()).collect();
        pb::UpdateCustomerRequest {
            customer_id: customer_id.clone(),
            customer_type: pb::CustomerType::Individual.into(),
            customer: Some(customer),
            update_mask: (!paths.is_empty()).then_some(prost_types::FieldMask { paths }),
            ..pb::UpdateCustomerRequest::default()
        }
    };
    let moved = pb::Address { line1: some("1 Pike Place"), city: some("Seattle"), ..cast::home() };
    script
        .call(
            "Without a mask: what is populated changes.",
            update(
                pb::CustomerUpdate {
                    currencies: vec!["USD".to_owned(), "USDC".to_owned()],
                    address: Some(moved),
                    ..pb::CustomerUpdate::default()
                },
                &[],
            ),
            [
                is("customer.currencies", ["USD", "USDC"]),
                is("customer.address.line1", "1 Pike Place"),
                is("customer.email", "una@example.com"),
            ],
        )
        .await?;
    let individual = pb::IndividualInput {
        full_name: some("Somebody Else"),
        edd: Some(pb::CustomerEdd {
            source_of_funds_categories: vec!["SALARY".to_owned()],
            pep_status: some("NONE"),
            ..pb::CustomerEdd::default()
        }),
        ..pb::IndividualInput::default()
    };
    script
        .call(
            "With a mask: of what is populated only this changes.",
            update(
                pb::CustomerUpdate {
                    email: some("not.named@example.com"),
                    details: Some(pb::customer_update::Details::Individual(individual)),
                    ..pb::CustomerUpdate::default()
                },
                &["individual.edd"],
            ),
            [
                is("customer.individual.edd.source_of_funds_categories", ["SALARY"]),
                is("customer.individual.edd.pep_status", "NONE"),
                is("customer.individual.full_name", "Una Updated"),
                is("customer.email", "una@example.com"),
            ],
        )
        .await?;
    script
        .call(
            "A list that is named and empty is emptied.",
            update(pb::CustomerUpdate::default(), &["currencies"]),
            [absent("customer.currencies"), is("customer.individual.edd.pep_status", "NONE")],
        )
        .await?;
    refused(script, &update).await
}

async fn refused(
    script: &mut Script,
    update: &impl Fn(pb::CustomerUpdate, &[&str]) -> pb::UpdateCustomerRequest,
) -> Result<(), Abandoned> {
    script
        .refused(
            "Grid cannot clear a field, and gridgate does not pretend that it can.",
            update(pb::CustomerUpdate::default(), &["email", "nickname"]),
            Code::InvalidArgument,
            [is("error_info.domain", "gridgate"), is("error_info.reason", "INVALID_REQUEST")],
        )
        .await;
    let both = pb::CustomerUpdate {
        email: some("una.new@example.com"),
        phone_number: some("+12065550143"),
        ..pb::CustomerUpdate::default()
    };
    script
        .refused(
            "Email address and phone number change one at a time.",
            update(both, &[]),
            Code::InvalidArgument,
            [items("bad_request.field_violations[].field", ["customer.email", "customer.phone_number"])],
        )
        .await;
    let taken = format!("${}@uma.example", script.unique("taken"));
    let holder = pb::CreateCustomerRequest {
        uma_address: some(&taken),
        ..cast::create_person(script.unique("holder"), cast::person("Hanna Holder"))
    };
    script.call("Somebody takes a UMA address.", holder, [is("customer.uma_address", &taken)]).await?;
    script
        .refused(
            "Nobody else can have it.",
            update(pb::CustomerUpdate { uma_address: Some(taken), ..pb::CustomerUpdate::default() }, &[]),
            Code::AlreadyExists,
            [is("error_info.domain", "grid.lightspark.com"), is("error_info.reason", "UMA_ADDRESS_EXISTS")],
        )
        .await;
    Ok(())
}
