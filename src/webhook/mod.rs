//! The webhook endpoint: receives what Grid sends.
//!
//! The endpoint reads a webhook within limits, verifies the signature over the raw bytes ([`signature`]), and only then
//! parses it ([`parse`]). It records a KYC webhook in the event log and acknowledges it once it is durable. It relays other
//! webhooks ([`relay`]), or answers them so that no payment is approved by accident. [`Endpoint`] serves this on a port that
//! is open to the internet.
//!
//! This module knows the event log ([`crate::kyc`]) and Grid's vocabulary ([`crate::grid::model`]); it calls neither Grid
//! nor any caller, and knows nothing of the gRPC API. It logs ids, types and times, never a body.

mod body;
mod config;
mod connections;
mod counters;
mod endpoint;
mod field_names;
pub mod keys;
mod loose;
mod metrics;
pub mod outcome;
pub mod parse;
mod receive;
pub mod relay;
pub mod signature;
#[cfg(test)]
mod testing;

pub use config::{EndpointConfig, EndpointPath, InvalidEndpointPath, Limits};
pub use counters::{Counters, Snapshot};
pub use endpoint::Endpoint;
pub use keys::PublicKeys;
pub use outcome::Outcome;
pub use relay::{Relay, RelayConfig};
