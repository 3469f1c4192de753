//! A local Grid: the onboarding part of Grid's REST API (`2025-10-13`), which behaves like Grid's own sandbox.
//!
//! What is created is there afterwards, and statuses follow from what is done: the decisions by suffix, the rules of
//! what a complete customer is, conflicts, deletion and expiry are Grid's. Nothing is kept on disk.
//!
//! Grid's paths are below [`BASE_PATH`] and need HTTP Basic. This module knows Grid's JSON
//! ([`grid::model`](crate::grid::model)) and nothing of gRPC, of the event log or of the client that calls it.

mod auth;
mod body;
mod clock;
mod config;
mod customer_input;
mod customer_record;
mod customers;
mod decisions;
mod error;
mod fields;
mod formats;
mod ids;
mod outbox;
mod pagination;
mod platform;
mod query;
mod shared;
mod state;
mod table;
mod transitions;
mod vocabulary;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;

pub use config::{Limits, SandboxConfig};
use error::GridError;
use shared::Shared;

/// The path that Grid's own paths are below, as in `https://api.lightspark.com/grid/2025-10-13`.
pub const BASE_PATH: &str = "/grid/2025-10-13";

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

    /// Every path that the sandbox answers.
    pub fn router(&self) -> Router {
        let app = Arc::clone(&self.shared);
        let grid = Router::new()
            .route("/config", get(platform::get_config))
            .route("/customers", get(customers::list).post(customers::create))
            .route("/customers/end-user-terms", get(platform::get_end_user_terms))
            .route("/customers/{customer_id}", get(customers::get).delete(customers::delete))
            .fallback(async || GridError::not_found("Path"))
            .method_not_allowed_fallback(async || GridError::method_not_allowed())
            .layer(axum::middleware::from_fn_with_state(Arc::clone(&app), auth::require_credentials))
            .with_state(app);
        Router::new().nest(BASE_PATH, grid).fallback(async || GridError::not_found("Path"))
    }

    /// Answers requests on this listener until `shutdown` resolves, then finishes those under way.
    ///
    /// # Errors
    /// When the listener can't be used.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), SandboxError> {
        let address = listener.local_addr().map_err(SandboxError::Listener)?;
        self.shared.listens_at(format!("http://{address}"));
        axum::serve(listener, self.router()).with_graceful_shutdown(shutdown).await.map_err(SandboxError::Listener)
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").finish_non_exhaustive()
    }
}
