//! Connections: how they are accepted, secured, limited and ended, on every port alike.
//!
//! hyper does the HTTP and rustls the TLS. What is here is what servers made of them do not offer: every connection's
//! task has an owner that can wait for it and end it; their number, their age and every wait have a bound; certificates
//! are read again when they change; and an old connection is told to go before it is closed.
//!
//! This module knows HTTP and TLS, and none of the other rooms: what a port may take up is handed in as plain values.

mod accept;
mod answering;
mod connection;
mod counters;
mod guarded;
mod linger;
mod metrics;
mod peer;
mod port;
mod priority;
mod runtimes;
mod tls;
mod unread;

pub use answering::end_answer_at;
pub use counters::{Counters, Snapshot};
pub use metrics::register_metrics;
pub use peer::{ConnectionInfo, Peer};
pub use port::{Http1, Http2, Limits, Overflow, Port, Protocol};
pub use priority::ConnectionPriority;
pub use runtimes::{Lanes, Runtimes};
pub use tls::{ClientCertificates, ClientFiles, ReloadCounts, Reloader, Tls, TlsError, TlsFiles};
pub use unread::RequestBody;
