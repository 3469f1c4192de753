//! The webhook endpoint: receives what Grid sends.
//!
//! A webhook is read within limits, its signature is checked over the bytes as they came ([`signature`]), and only then
//! is it looked into ([`parse`]). What it says about KYC is handed to the event log, and acknowledged once it is durable;
//! what is not about KYC is passed on ([`relay`]) or answered so that nothing is approved by accident. [`Endpoint`]
//! puts this behind a port that is open to the internet.
//!
//! This module knows the event log ([`crate::kyc`]) and Grid's vocabulary ([`crate::grid::model`]); it calls neither Grid
//! nor any caller, and knows nothing of the gRPC API. It logs ids, types and times, never what a body says.

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
