//! gridgate: Grid's customer onboarding (KYC and KYB) behind one gRPC API.
//!
//! This is the service. Crates of their own have what knows nothing of it, and are here under their short names:
//! [`grid`] is Grid's REST API: its JSON and the client that speaks to it. [`pb`] is the gRPC API, generated from the
//! protos. [`rpc`] answers it by calling Grid. [`kyc`] is what happened: the event log, and the rule by which it is
//! written. [`webhook`] is where Grid tells of it. [`sandbox`] is a local Grid, for development and tests; a build
//! can leave it out. [`config`] is what an operator sets, [`telemetry`] what they see. [`transport`] accepts connections,
//! [`identity`] says who may call. [`server`] is where all of them are put together, and [`cli`] the commands that do so.

pub mod cli;
pub mod config;
pub mod identity;
pub mod pb;
pub mod rpc;
#[cfg(not(feature = "sandbox"))]
#[path = "no_sandbox.rs"]
pub mod sandbox;
pub mod server;
mod statuses;
pub mod telemetry;
pub mod webhook;

pub use gridgate_grid as grid;
use gridgate_io::{backoff, http_client, metrics, pem, small_file, throttle};
pub use gridgate_kyc as kyc;
#[cfg(feature = "sandbox")]
pub use gridgate_sandbox as sandbox;
pub use gridgate_transport as transport;
