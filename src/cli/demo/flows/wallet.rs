//! A change of contact details that the customer's embedded wallet has to sign.

use super::super::cast;
use super::super::control::Act;
use super::super::expect::{absent, is, present};
use super::super::script::{Abandoned, Script};
use crate::pb;
use tonic::Code;

pub(super) async fn play(script: &mut Script) -> Result<(), Abandoned> {
    let [old, new] = ["wanda", "wanda.new"].map(|name| format!("{}@example.com", script.unique(name)));
    let created = script
        .call(
            "A customer…",
            pb::CreateCustomerRequest {
                email: Some(old.clone()),
                ..cast::create_person(script.unique("wanda"), cast::person("Wanda Wallet"))
            },
            [is("customer.email", &old)],
        )
        .await?;
    let customer_id = created.text("customer.id")?;
    let tie = Act::TieWallet { customer_id: customer_id.clone() };
    script.act("…whose embedded wallet signs in by email.", tie, []).await?;

    let update = pb::UpdateCustomerRequest {
        customer_id: customer_id.clone(),
        customer_type: pb::CustomerType::Individual.into(),
        customer: Some(pb::CustomerUpdate { email: Some(new.clone()), ..pb::CustomerUpdate::default() }),
        ..pb::UpdateCustomerRequest::default()
    };
    let challenge = script
        .call(
            "A new email address: the answer is a challenge.",
            update.clone(),
            [
                present("challenge.challenge_id"),
                present("challenge.payload_to_sign"),
                present("challenge.expires_at"),
                absent("customer"),
            ],
        )
        .await?;
    let challenge_id = challenge.text("challenge.challenge_id")?;
    script
        .call(
            "Nothing has changed yet.",
            pb::GetCustomerRequest { customer_id: customer_id.clone() },
            [is("customer.email", &old)],
        )
        .await?;
    let signed_with = |signature: &str| pb::UpdateCustomerRequest {
        challenge_id: Some(challenge_id.clone()),
        wallet_signature: cast::some(signature),
        ..update.clone()
    };
    script
        .refused(
            "Something that is no signature.",
            signed_with("signed, Wanda"),
            Code::InvalidArgument,
            [is("error_info.reason", "WALLET_SIGNATURE_MALFORMED")],
        )
        .await;
    let sign = Act::Sign { customer_id, payload: challenge.text("challenge.payload_to_sign")? };
    let stamp = script.act("The customer's device signs.", sign, [present("stamp")]).await?.text("stamp")?;
    script
        .call(
            "The same request again, with the signature: the change is made.",
            signed_with(&stamp),
            [is("customer.email", &new), absent("challenge")],
        )
        .await?;
    let again = pb::CustomerUpdate { email: Some(old), ..pb::CustomerUpdate::default() };
    script
        .refused(
            "A challenge is answered once.",
            pb::UpdateCustomerRequest { customer: Some(again), ..signed_with(&stamp) },
            Code::PermissionDenied,
            [is("error_info.reason", "WALLET_SIGNATURE_INVALID")],
        )
        .await;
    Ok(())
}
