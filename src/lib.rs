//! gridgate: Grid's customer onboarding (KYC and KYB) behind one gRPC API.
//!
//! [`grid`] is Grid's REST API: its JSON and the client that speaks to it. [`config`] is what an operator sets.

pub mod config;
pub mod grid;
