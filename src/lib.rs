//! gridgate: Grid's customer onboarding (KYC and KYB) behind one gRPC API.
//!
//! [`grid`] is Grid's REST API: its JSON and the client that speaks to it. [`pb`] is the gRPC API, generated from the
//! protos. [`rpc`] answers it by calling Grid. [`kyc`] is what happened: the event log, and the rule by which it is
//! written. [`webhook`] is where Grid tells of it. [`sandbox`] is a local Grid, for development and tests. [`config`] is
//! what an operator sets, [`telemetry`] what they see. [`transport`] accepts connections, [`identity`] says who may call.
//! [`server`] is where all of them are put together, and [`cli`] the commands that do so.

pub mod cli;
pub mod config;
pub mod grid;
mod http_client;
pub mod identity;
pub mod kyc;
pub mod pb;
mod pem;
pub mod rpc;
pub mod sandbox;
pub mod server;
mod small_file;
pub mod telemetry;
mod throttle;
pub mod transport;
pub mod webhook;
