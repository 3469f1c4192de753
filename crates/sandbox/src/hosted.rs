//! The page behind a `kycUrl`: a person plays the applicant, and says how the review ends.
//!
//! It works without scripts, loads nothing, and a link can be used once.

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;

use super::hosted_page::{self, Applicant, Ending};
use super::shared::App;
use super::state::Store;
use super::submission::Decision;
use gridgate_grid::model::{CustomerType, KycStatus};

/// The path that the hosted pages are below.
pub(super) const HOSTED_PATH: &str = "/onboard";

#[derive(Deserialize)]
pub(super) struct Answer {
    decision: Decision,
}

/// Why a link leads nowhere.
enum Closed {
    Unknown,
    Used,
    Expired,
    Deleted,
}

/// `GET /onboard/{token}`.
pub(super) async fn show(State(app): State<App>, Path(token): Path<String>) -> Response {
    let store = app.store();
    match find(&store, &token, app.clock.now()) {
        Ok(applicant) => hosted_page::start(&applicant),
        Err(closed) => refuse(&closed),
    }
}

/// `POST /onboard/{token}` with `decision=submit|approve|reject|hold`.
pub(super) async fn finish(
    State(app): State<App>,
    Path(token): Path<String>,
    answer: Result<Form<Answer>, FormRejection>,
) -> Response {
    let mut store = app.store();
    let now = app.clock.tick();
    let applicant = match find(&store, &token, now) {
        Ok(applicant) => applicant,
        Err(closed) => return refuse(&closed),
    };
    let Ok(Form(Answer { decision })) = answer else {
        let text = "Choose one of the buttons of the page: submit, approve, reject or hold.";
        return hosted_page::message(StatusCode::BAD_REQUEST, "That was no answer", text);
    };
    // The review begins before it ends, by Grid's times too: who hears of both can tell which is the later.
    let decided_at = app.clock.tick();
    if let Err(error) = store.finish_hosted(&applicant.customer_id, decision, now, decided_at) {
        return hosted_page::message(error.status, "The verification could not be finished", error.message());
    }
    let redirect_uri = store.links.get_mut(&token).and_then(|link| {
        link.used = true;
        link.redirect_uri.clone()
    });
    let status = store.customer(&applicant.customer_id).ok().and_then(|row| row.customer.status().cloned());
    let ending = Ending { status: status.unwrap_or(KycStatus::Pending), redirect_uri };
    hosted_page::done(&applicant, &ending)
}

fn find(store: &Store, token: &str, now: Timestamp) -> Result<Applicant, Closed> {
    let link = store.links.get(token).ok_or(Closed::Unknown)?;
    if link.used {
        return Err(Closed::Used);
    }
    if link.expires_at <= now {
        return Err(Closed::Expired);
    }
    let customer = &store.active_customer(&link.customer_id).map_err(|_| Closed::Deleted)?.customer;
    let business = customer.customer_type == CustomerType::Business;
    let name = if business {
        customer.business_info.as_ref().and_then(|info| info.legal_name.clone())
    } else {
        customer.individual.full_name.clone()
    };
    Ok(Applicant {
        customer_id: customer.id.clone(),
        platform_customer_id: customer.platform_customer_id.clone(),
        business,
        name,
        status: customer.status().cloned().unwrap_or(KycStatus::Unverified),
    })
}

fn refuse(closed: &Closed) -> Response {
    let (status, title, text) = match closed {
        Closed::Unknown => (StatusCode::NOT_FOUND, "No such link", "This verification link does not exist."),
        Closed::Used => {
            (StatusCode::GONE, "This link has been used", "A verification link works once. Ask for a new one.")
        }
        Closed::Expired => (StatusCode::GONE, "This link has expired", "Ask for a new verification link."),
        Closed::Deleted => (StatusCode::GONE, "This link has ended", "The customer it was made for has been deleted."),
    };
    hosted_page::message(status, title, text)
}
