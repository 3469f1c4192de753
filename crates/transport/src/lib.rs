//! Connections: how they are accepted, secured, limited and ended, on every port alike.
//!
//! hyper implements HTTP and rustls TLS. This crate adds what their servers lack: every connection's task has an owner
//! that can wait for it and end it; the number of connections, their age and every wait are bounded; certificates are
//! reloaded when their files change; and an old connection receives a GOAWAY before it is closed.
//!
//! This crate knows HTTP and TLS, and nothing else of gridgate: callers pass a port's limits as plain values.

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
