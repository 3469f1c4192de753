//! `POST /customers/{id}/kyc-link`: single-use links to the hosted verification.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::body::OptionalJsonObject;
use super::error::GridError;
use super::fields::{Faults, Fields};
use super::formats::Form;
use super::hosted::HOSTED_PATH;
use super::shared::App;
use super::state::{LinkRow, Replay, Store};
use super::transitions::is_contact_verified;
use gridgate_grid::model::{FieldConstraint, KycLink};

const MAX_KEY: usize = 255;

/// `POST /customers/{id}/kyc-link`.
pub(super) async fn create(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    OptionalJsonObject(body): OptionalJsonObject,
) -> Result<(StatusCode, Json<KycLink>), GridError> {
    let mut faults = Faults::default();
    let redirect_uri = Fields::of_body(&body).text("redirectUri", Form::WebAddress, &mut faults);
    let key = headers.get("idempotency-key").map(|value| value.to_str().unwrap_or_default().trim());
    if key.is_some_and(|key| key.is_empty() || key.len() > MAX_KEY) {
        let message = format!("must have 1 to {MAX_KEY} visible ASCII characters");
        let max_length = i64::try_from(MAX_KEY).ok();
        let constraint = FieldConstraint { min_length: Some(1), max_length, ..FieldConstraint::default() };
        faults.add_coded("INVALID_INPUT", "Idempotency-Key", message, Some(constraint));
    }
    faults.into_result()?;

    let mut store = app.store();
    if let Some(replay) = key.and_then(|key| store.replays.get(key)) {
        if replay.customer_id != id {
            return Err(GridError::bad_field("Idempotency-Key", "was used for another customer"));
        }
        return Ok((StatusCode::CREATED, Json(replay.answer.clone())));
    }
    let customer = &store.active_customer(&id)?.customer;
    if !is_contact_verified(customer) {
        return Err(GridError::conflict("The customer's email and phone have to be VERIFIED first"));
    }
    let expires_at = app.clock.now().saturating_add(app.config.kyc_link_lifetime).unwrap_or(Timestamp::MAX);
    let token = uuid::Uuid::new_v4().simple().to_string();
    let answer = KycLink {
        kyc_url: url(app.public_base(), &token, redirect_uri.as_deref()),
        expires_at: Some(expires_at.into()),
        provider: "SUMSUB".to_owned(),
        token: Some(format!("_act-sbx-{}", uuid::Uuid::new_v4().simple())),
    };
    remember(&mut store, LinkRow { token, customer_id: id.clone(), redirect_uri, expires_at, used: false });
    if let Some(key) = key {
        let replay = Replay { key: key.to_owned(), customer_id: id, answer: answer.clone() };
        store.replays.insert(key.to_owned(), String::new(), replay);
    }
    Ok((StatusCode::CREATED, Json(answer)))
}

/// The URL of a link, with the `redirectUri` embedded as Grid does it.
fn url(base: &str, token: &str, redirect_uri: Option<&str>) -> String {
    let redirect = redirect_uri.map(|uri| format!("?redirectUri={}", utf8_percent_encode(uri, NON_ALPHANUMERIC)));
    format!("{base}{HOSTED_PATH}/{token}{}", redirect.unwrap_or_default())
}

/// Keeps a link. Beyond the limit, the oldest links and idempotency keys go.
fn remember(store: &mut Store, link: LinkRow) {
    let limit = store.limits().kyc_links;
    while store.links.len() >= limit.max(1) {
        let Some((token, customer_id)) =
            store.links.iter().next().map(|(_, link)| (link.token.clone(), link.customer_id.clone()))
        else {
            break;
        };
        store.links.remove(&token, &customer_id);
    }
    while store.replays.len() >= limit.max(1) {
        let Some(key) = store.replays.iter().next().map(|(_, replay)| replay.key.clone()) else { break };
        store.replays.remove(&key, "");
    }
    store.links.insert(link.token.clone(), link.customer_id.clone(), link);
}
