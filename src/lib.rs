//! gridgate: Grid's customer onboarding (KYC and KYB) behind one gRPC API.
//!
//! [`grid`] is Grid's REST API: its JSON and the client that speaks to it.
//! [`sandbox`] is a local Grid that behaves like the real one, for development and tests.

pub mod grid;
pub mod sandbox;
