//! gridgate: Grid's customer onboarding (KYC and KYB) behind one gRPC API.
//!
//! [`grid`] is Grid's REST API: its JSON and the client that speaks to it. [`pb`] is the gRPC API, generated from the
//! protos, and [`rpc`] answers it. [`kyc`] is what is known of every status, as a log of events, and how it came to be
//! known; [`webhook`] is where Grid tells of it. [`config`] is what an operator sets.

pub mod config;
pub mod grid;
pub mod kyc;
pub mod pb;
pub mod rpc;
pub mod webhook;
