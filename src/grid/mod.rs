//! Grid as this program sees it: its JSON ([`model`]), the client that speaks to it, and its errors.
//!
//! This module knows nothing of gRPC, of the event log, or of the sandbox.

pub mod model;
