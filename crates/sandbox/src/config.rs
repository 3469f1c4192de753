//! What a sandbox is started with.

use std::time::Duration;

use secrecy::SecretString;

use super::faults::{Fault, WebhookFaults};

/// The path that Grid's own paths are below, as in `https://api.lightspark.com/grid/2025-10-13`.
pub const BASE_PATH: &str = "/grid/2025-10-13";

/// How a [`Sandbox`](super::Sandbox) behaves.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// The user of HTTP Basic.
    pub client_id: String,
    /// The password of HTTP Basic.
    pub client_secret: SecretString,
    /// Whether the platform verifies its customers itself: they are then created `APPROVED`. The control API can
    /// change it later.
    pub regulated: bool,
    /// Whether errors are written as Grid did until September 2026, `{status, code, message, details}`. The control API
    /// can change it later.
    pub old_error_bodies: bool,
    /// Whether individuals are decided when they are created, by the end of their names, as Grid's own sandbox did until
    /// September 2026. The control API can change it later.
    pub approve_at_creation: bool,
    /// Scheme, host and port under which the applicant's browser reaches this sandbox, without a path: the start of
    /// every `kycUrl`. Absent: the address that the sandbox listens on.
    pub public_base_url: Option<String>,
    /// The platform's UMA domain, the right side of generated UMA addresses.
    pub uma_domain: String,
    /// Where webhooks are sent. The control API can change it later.
    pub webhook_endpoint: Option<String>,
    /// The faults to inject into webhooks. The control API can change them later.
    pub webhook_faults: WebhookFaults,
    /// The faults to inject into responses. The control API can change them later.
    pub faults: Vec<Fault>,
    /// How long a link to the hosted verification can be used.
    pub kyc_link_lifetime: Duration,
    /// How long the challenge of a signed update can be answered.
    pub challenge_lifetime: Duration,
    /// How much the sandbox holds.
    pub limits: Limits,
}

impl SandboxConfig {
    /// A sandbox with these credentials: unregulated, and every other setting as Grid's own sandbox has it.
    #[must_use]
    pub fn new(client_id: impl Into<String>, client_secret: SecretString) -> Self {
        Self {
            client_id: client_id.into(),
            client_secret,
            regulated: false,
            old_error_bodies: false,
            approve_at_creation: false,
            public_base_url: None,
            uma_domain: "sandbox.uma.localhost".to_owned(),
            webhook_endpoint: None,
            webhook_faults: WebhookFaults::default(),
            faults: Vec::new(),
            kyc_link_lifetime: Duration::from_secs(24 * 60 * 60),
            challenge_lifetime: Duration::from_secs(5 * 60),
            limits: Limits::default(),
        }
    }
}

/// Bounds of what a sandbox holds, so that one that runs for weeks does not grow without end.
///
/// What would exceed a bound is refused with a 500 `INTERNAL_ERROR` that says so; only the request log, used and
/// expired links, old idempotency keys and old import jobs make room by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Customers, deleted ones included.
    pub customers: usize,
    /// Beneficial owners of one business.
    pub owners_per_customer: usize,
    /// Documents of all holders together.
    pub documents: usize,
    /// Bytes of all documents together.
    pub document_bytes: usize,
    /// Verifications of all customers together.
    pub verifications: usize,
    /// Links to the hosted verification. Beyond it, the oldest go.
    pub kyc_links: usize,
    /// Import jobs. Beyond it, the oldest finished ones go.
    pub import_jobs: usize,
    /// Requests that the control API shows. Beyond it, the oldest go.
    pub requests: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            customers: 100_000,
            owners_per_customer: 100,
            documents: 20_000,
            document_bytes: 256 * 1024 * 1024,
            verifications: 200_000,
            kyc_links: 20_000,
            import_jobs: 500,
            requests: 1_000,
        }
    }
}
