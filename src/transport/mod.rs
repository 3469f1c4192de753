//! Connections: how they are accepted, secured, limited and ended, on every port alike.
//!
//! This module knows HTTP and TLS, and none of the other rooms: what a port may take up is handed in as plain values.

mod peer;

pub use peer::Peer;
