//! Decisions as they happen: asked for, listened to, and picked up where one left off.

use super::super::cast;
use super::super::control::Act;
use super::super::expect::{has, is, items, present};
use super::super::script::{Abandoned, Script};
use super::super::watch::Until;
use crate::pb;
use crate::pb::watch_kyc_status_request::Start;
use tonic::Code;

/// The applicant finishes; a name that ends in 001 waits for a reviewer.
async fn under_review(script: &mut Script, customer_id: &str) -> Result<(), Abandoned> {
    let link = pb::CreateKycLinkRequest { customer_id: customer_id.to_owned(), ..Default::default() };
    let link = script.call("A link for her…", link, [present("kyc_link.kyc_url")]).await?;
    let finish = Act::FinishHostedFlow { kyc_url: link.text("kyc_link.kyc_url")?, decision: "submit" };
    script.act("…which she opens and finishes.", finish, []).await?;
    let asked = pb::GetCustomerRequest { customer_id: customer_id.to_owned() };
    script
        .call("001: now a reviewer has to decide.", asked, [is("customer.kyc_status", pb::KycStatus::Pending)])
        .await?;
    Ok(())
}

/// No items.
const NOTHING: [&str; 0] = [];

pub(super) async fn play(script: &mut Script) -> Result<(), Abandoned> {
    let person = cast::person(&format!("Olive Observed {}", cast::VALIDATED));
    let request = cast::create_person(script.unique("olive"), person);
    let status = script.release().at_creation(pb::KycStatus::Pending);
    let created = script.call("A customer.", request, [is("customer.kyc_status", status)]).await?;
    let customer_id = created.text("customer.id")?;
    if status == pb::KycStatus::Unverified {
        under_review(script, &customer_id).await?;
    }
    script
        .call_until(
            "What gridgate knows, without a call to Grid as a rule: made to be asked before every transaction.",
            pb::GetKycStatusRequest { customer_id: customer_id.clone(), ..Default::default() },
            is("customer.status", pb::KycStatus::Pending),
            [present("confirmed_at"), present("resume_token")],
        )
        .await?;

    let watched = pb::WatchKycStatusRequest {
        customer_ids: vec![customer_id.clone()],
        kinds: vec![pb::KycEventKind::CustomerStatus.into()],
        with_snapshot: true,
        ..Default::default()
    };
    let synced = script
        .watch(
            "A stream that begins with what is so now. Then comes synced, and then what happens.",
            watched.clone(),
            Until::Comes("synced"),
            [is("responses[0].snapshot_entry.customer.status", pb::KycStatus::Pending), present("resume_token")],
        )
        .await?;
    let place = synced.text("resume_token")?;

    let decide = Act::Decide { id: customer_id.clone(), status: "APPROVED" };
    script.act("Nobody listens while a reviewer approves.", decide, []).await?;
    let resumed = pb::WatchKycStatusRequest { start: Some(Start::ResumeToken(place.clone())), ..watched.clone() };
    let decided = script
        .watch(
            "With the token of the last response a stream goes on where that one ended: nothing is missed, and nothing \
             comes twice.",
            resumed,
            Until::Comes("status_change"),
            [
                items("responses[].snapshot_entry", NOTHING),
                items("responses[].status_change.previous_status", [pb::KycStatus::Pending]),
                items("responses[].status_change.status", [pb::KycStatus::Approved]),
                items("responses[].status_change.is_decision", [true]),
            ],
        )
        .await?;
    let at_least = decided.text("resume_token")?;

    script
        .watch(
            "Until everyone who is watched is decided: then gridgate ends the stream itself.",
            pb::WatchKycStatusRequest { until_decided: true, ..watched },
            Until::Ends,
            [
                is("responses[0].snapshot_entry.customer.status", pb::KycStatus::Approved),
                has("responses[].going_away.reason", pb::GoingAwayReason::Decided),
            ],
        )
        .await?;
    script
        .call(
            "Whoever is given the token of a decision gets an answer that contains it, at any replica.",
            pb::GetKycStatusRequest { customer_id: customer_id.clone(), at_least, ..Default::default() },
            [is("customer.status", pb::KycStatus::Approved), is("customer.is_decision", true)],
        )
        .await?;
    script
        .call(
            "Everything that was recorded of a customer, in the order in which it was.",
            pb::ListKycEventsRequest { customer_ids: vec![customer_id], ..Default::default() },
            [has("events[].status_change.status", pb::KycStatus::Approved)],
        )
        .await?;
    let foreign = pb::ListKycEventsRequest { page_token: "elsewhere".to_owned(), ..Default::default() };
    let refused = [is("error_info.domain", "gridgate")];
    script.refused("A token that gridgate did not give out.", foreign, Code::InvalidArgument, refused).await;
    Ok(())
}
