//! Lists: filters and pages.

use super::super::cast::{self, some};
use super::super::expect::{absent, count, is, items, present};
use super::super::script::{Abandoned, Answer, Script};
use crate::pb;
use tonic::Code;

/// Three customers, oldest first.
struct Three {
    ids: [String; 3],
    /// When the first was created: what is older is not of this flow.
    since: prost_types::Timestamp,
    platform_id: String,
}

pub(super) async fn play(script: &mut Script) -> Result<(), Abandoned> {
    let three = three(script).await?;
    pages(script, &three).await?;
    filters(script, &three).await?;
    changed_and_deleted(script, &three).await
}

async fn three(script: &mut Script) -> Result<Three, Abandoned> {
    let platform_id = script.unique("list-mexico");
    let mexico = pb::CreateCustomerRequest {
        region: some("MX"),
        currencies: vec!["MXN".to_owned()],
        ..cast::create_person(platform_id.clone(), cast::person("María Mexicana"))
    };
    let usa = pb::CreateCustomerRequest {
        region: some("US"),
        currencies: vec!["USD".to_owned()],
        ..cast::create_person(script.unique("list-usa"), cast::person("Usher Usa"))
    };
    let acme = cast::create_business(script.unique("list-acme"), cast::company("Acme Listed", "5523041"));
    let first = script.call("A person in Mexico…", mexico, [is("customer.currencies", ["MXN"])]).await?;
    let second = script.call("…one in the United States…", usa, [is("customer.region", "US")]).await?;
    let third = script.call("…and a business.", acme, [absent("customer.region")]).await?;
    let id = |answer: &Answer| answer.text("customer.id");
    let since: jiff::Timestamp = first.text("customer.created_at")?.parse().map_err(|_| Abandoned)?;
    let since = prost_types::Timestamp { seconds: since.as_second(), nanos: since.subsec_nanosecond() };
    Ok(Three { ids: [id(&first)?, id(&second)?, id(&third)?], since, platform_id })
}

async fn pages(script: &mut Script, three: &Three) -> Result<(), Abandoned> {
    let [first, second, third] = &three.ids;
    let page = |page_token: String| pb::ListCustomersRequest {
        page_size: 2,
        page_token,
        created_after: Some(three.since),
        ..pb::ListCustomersRequest::default()
    };
    let token = script
        .call(
            "The first page. \"After\" includes the moment itself.",
            page(String::new()),
            [items("customers[].id", [first, second]), present("next_page_token"), is("total_size", 3)],
        )
        .await?
        .text("next_page_token")?;
    script
        .call("The second and last.", page(token), [items("customers[].id", [third]), absent("next_page_token")])
        .await?;
    script
        .refused(
            "A token that nobody gave out.",
            page("page-2".to_owned()),
            Code::InvalidArgument,
            [items("bad_request.field_violations[].field", ["page_token"])],
        )
        .await;
    Ok(())
}

async fn filters(script: &mut Script, three: &Three) -> Result<(), Abandoned> {
    let [mexico, usa, acme] = &three.ids;
    let since = pb::ListCustomersRequest { created_after: Some(three.since), ..pb::ListCustomersRequest::default() };
    for (about, request, ids) in [
        (
            "Businesses only.",
            pb::ListCustomersRequest { customer_type: pb::CustomerType::Business.into(), ..since.clone() },
            [acme],
        ),
        ("Those of a region.", pb::ListCustomersRequest { region: some("MX"), ..since.clone() }, [mexico]),
        (
            "Persons in the United States who hold dollars: every filter has to match.",
            pb::ListCustomersRequest {
                customer_type: pb::CustomerType::Individual.into(),
                region: some("US"),
                currency: some("USD"),
                ..since.clone()
            },
            [usa],
        ),
        (
            "The one with the platform's own id.",
            pb::ListCustomersRequest {
                platform_customer_id: Some(three.platform_id.clone()),
                ..pb::ListCustomersRequest::default()
            },
            [mexico],
        ),
    ] {
        script.call(about, request, [items("customers[].id", ids)]).await?;
    }
    Ok(())
}

async fn changed_and_deleted(script: &mut Script, three: &Three) -> Result<(), Abandoned> {
    let [mexico, usa, _] = &three.ids;
    let deleted = script
        .call(
            "The customer in Mexico is deleted.",
            pb::DeleteCustomerRequest { customer_id: mexico.clone() },
            [is("customer.is_deleted", true)],
        )
        .await?;
    let by_platform_id = pb::ListCustomersRequest {
        platform_customer_id: Some(three.platform_id.clone()),
        ..pb::ListCustomersRequest::default()
    };
    script.call("Lists leave out who is deleted…", by_platform_id.clone(), [count("customers", 0)]).await?;
    script
        .call(
            "…unless asked for.",
            pb::ListCustomersRequest { include_deleted: Some(true), ..by_platform_id },
            [items("customers[].id", [mexico]), is("customers[0].is_deleted", true)],
        )
        .await?;
    let changed = pb::IndividualInput { full_name: some("Usher Changed"), ..pb::IndividualInput::default() };
    script
        .call(
            "Another one changes.",
            pb::UpdateCustomerRequest {
                customer_id: usa.clone(),
                customer: Some(pb::CustomerUpdate {
                    details: Some(pb::customer_update::Details::Individual(changed)),
                    ..pb::CustomerUpdate::default()
                }),
                ..pb::UpdateCustomerRequest::default()
            },
            [is("customer.individual.full_name", "Usher Changed")],
        )
        .await?;
    let since: jiff::Timestamp = deleted.text("customer.updated_at")?.parse().map_err(|_| Abandoned)?;
    let since = prost_types::Timestamp { seconds: since.as_second(), nanos: since.subsec_nanosecond() };
    script
        .call(
            "What has changed since the deletion.",
            pb::ListCustomersRequest { updated_after: Some(since), ..pb::ListCustomersRequest::default() },
            [items("customers[].id", [usa])],
        )
        .await?;
    Ok(())
}
