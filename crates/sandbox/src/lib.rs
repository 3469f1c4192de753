//! A local Grid: the onboarding part of Grid's REST API (`2025-10-13`), which behaves like Grid's own sandbox.
//!
//! It keeps what requests create, in memory only, and follows Grid's rules: decisions by suffix, when a customer is
//! complete, conflicts, deletion and expiry.
//!
//! Three doors share one listener:
//!
//! - Grid's own paths, below [`BASE_PATH`], need HTTP Basic. Each resource has a file (`customers`, `owners`, ...)
//!   whose handlers read a body with every fault at once (`fields`, `formats`), take the one lock (`shared`) and change
//!   what is held (`state`). The rules are apart from that: what a suffix decides (`decisions`), what a complete customer
//!   is (`rules`), how statuses move (`transitions`, `submission`).
//! - The hosted verification behind a `kycUrl` (`hosted`), where a person plays the applicant.
//! - The control API, below [`CONTROL_PATH`] (`control`): what only a sandbox can do. It has no credentials.
//!
//! Every status transition goes into an outbox, from where `webhooks` tells the platform of it.
//!
//! Where Grid's documentation leaves something open, the sandbox assumes: a deleted customer can be read, and changing
//! it is 404; a customer without a name or a business without a registration number has no deciding suffix, and is
//! approved when verified; what a verification begins and what it comes to happen before it is answered, one after the
//! other; a document of poor quality leaves the customer's status as it was; the hosted flow counts as complete; each
//! submission is a verification of its own, except while one is under review; owners start `UNVERIFIED`; directors, officers, trustees and partners are control persons too;
//! everybody with 25 % or the role `UBO` is a beneficial owner.
//!
//! This module knows Grid's JSON ([`grid::model`](gridgate_grid::model)) and nothing of gRPC, of the event log or of the
//! client that calls it.

mod agreements;
mod body;
mod clock;
mod config;
mod contact;
mod control;
mod customer_input;
mod customer_record;
mod customer_update;
mod customers;
mod decisions;
mod documents;
mod error;
mod faults;
mod fields;
mod formats;
mod hosted;
mod hosted_page;
mod ids;
mod import_rows;
mod imports;
mod journal;
mod kyc_links;
mod layers;
mod multipart;
mod outbox;
mod owner_input;
mod owners;
mod pagination;
mod platform;
mod query;
mod rules;
mod serve;
mod shared;
mod state;
mod submission;
mod table;
mod transitions;
mod verifications;
mod vocabulary;
mod wallet;
mod webhooks;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tokio::net::TcpListener;

pub use config::{BASE_PATH, Limits, SandboxConfig};
pub use control::CONTROL_PATH;
use error::GridError;
pub use faults::{Fault, HangUp, WebhookFaults};
use shared::{App, Shared};

/// What a multipart body may have beside its file.
const MAX_ENVELOPE: usize = 1024 * 1024;

/// A local Grid. Clones share everything.
#[derive(Clone)]
pub struct Sandbox {
    shared: Arc<Shared>,
}

/// Why a sandbox stopped.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The listener can't be used.
    #[error("the sandbox's listener failed")]
    Listener(#[source] std::io::Error),
    /// The client that sends webhooks can't be made.
    #[error("the sandbox can't send webhooks")]
    WebhookClient(#[source] reqwest::Error),
}

impl Sandbox {
    /// A sandbox that holds nothing yet.
    #[must_use]
    pub fn new(config: SandboxConfig) -> Self {
        Self { shared: Arc::new(Shared::new(config)) }
    }

    /// The base URL of Grid's API on a sandbox that listens at this address.
    #[must_use]
    pub fn base_url(address: SocketAddr) -> String {
        format!("http://{address}{BASE_PATH}")
    }

    /// The public key that webhooks are verified with, as an SPKI PEM: what Grid's dashboard shows. It stays the same
    /// as long as the sandbox lives. Absent only where the system has no randomness to make a key of.
    #[must_use]
    pub fn webhook_public_key_pem(&self) -> Option<String> {
        self.shared.store().webhooks.key.as_ref().map(|key| key.public_pem().to_owned())
    }

    /// Every path that the sandbox answers. Webhooks are sent by [`serve`](Self::serve) only.
    pub fn router(&self) -> Router {
        let app = Arc::clone(&self.shared);
        Router::new()
            .nest(BASE_PATH, grid_router(&app))
            .nest(CONTROL_PATH, control::router())
            .route(&format!("{}/{{token}}", hosted::HOSTED_PATH), get(hosted::show).post(hosted::finish))
            .fallback(async || GridError::not_found("Path"))
            .with_state(app)
    }

    /// Answers requests on this listener until `shutdown` resolves, then finishes those under way within seconds.
    /// A sandbox is served once: import jobs and webhooks end with it.
    ///
    /// # Errors
    /// When the listener can't be used, or no client for webhooks can be made.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), SandboxError> {
        let address = listener.local_addr().map_err(SandboxError::Listener)?;
        self.shared.listens_at(format!("http://{}", serve::reachable(address)));
        self.shared.sender.plain().map_err(SandboxError::WebhookClient)?;
        self.shared.tasks.spawn(webhooks::dispatch::run(Arc::clone(&self.shared)));
        serve::serve(Arc::clone(&self.shared), self.router(), listener, shutdown).await;
        Ok(())
    }
}

/// Grid's own paths.
fn grid_router(app: &App) -> Router<App> {
    let uploads = |bytes| DefaultBodyLimit::max(bytes);
    Router::new()
        .route("/config", get(platform::get_config).patch(platform::update))
        .route("/customers", get(customers::list).post(customers::create))
        .route("/customers/agreements", get(agreements::list))
        .route("/customers/end-user-terms", get(platform::get_end_user_terms))
        .route("/customers/bulk/csv", post(imports::upload).layer(uploads(imports::MAX_CSV_BYTES + MAX_ENVELOPE)))
        .route("/customers/bulk/jobs/{job_id}", get(imports::get_job))
        .route("/customers/{customer_id}", get(customers::get).patch(customer_update::update).delete(customers::delete))
        .route("/customers/{customer_id}/kyc-link", post(kyc_links::create))
        .route("/customers/{customer_id}/verify-email", post(contact::send_email))
        .route("/customers/{customer_id}/verify-email/confirm", post(contact::confirm_email))
        .route("/customers/{customer_id}/verify-phone", post(contact::send_phone))
        .route("/customers/{customer_id}/verify-phone/confirm", post(contact::confirm_phone))
        .route("/beneficial-owners", get(owners::list).post(owners::create))
        .route("/beneficial-owners/{owner_id}", get(owners::get).patch(owners::update).delete(owners::delete))
        .route("/documents", get(documents::list).post(documents::upload).layer(uploads(documents::MAX_UPLOAD_BYTES)))
        .route(
            "/documents/{document_id}",
            get(documents::get)
                .put(documents::replace)
                .delete(documents::delete)
                .layer(uploads(documents::MAX_UPLOAD_BYTES)),
        )
        .route("/verifications", get(verifications::list).post(verifications::create))
        .route("/verifications/{verification_id}", get(verifications::get))
        .route("/webhooks/test", post(webhooks::dispatch::test))
        .fallback(async || GridError::not_found("Path"))
        .method_not_allowed_fallback(async || GridError::method_not_allowed())
        .layer(from_fn_with_state(Arc::clone(app), layers::require_credentials))
        .layer(from_fn_with_state(Arc::clone(app), layers::inject_faults))
        .layer(from_fn_with_state(Arc::clone(app), layers::write_as_configured))
        .layer(from_fn_with_state(Arc::clone(app), layers::record))
        .layer(from_fn_with_state(Arc::clone(app), layers::date))
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").finish_non_exhaustive()
    }
}
