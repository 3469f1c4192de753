//! gridgate: Grid's customer onboarding (KYC and KYB) behind one gRPC API.
//!
//! [`grid`] is Grid's REST API: its JSON and the client that speaks to it.
//! [`kyc`] is what is known of every status, as a log of events, and how it came to be known.

pub mod grid;
pub mod kyc;
