//! What the service, the sandbox and the client of Grid all need from the outside: files that operators write, PEM, HTTP
//! clients for one address, a registry of metrics; and waits between attempts, and fewer log lines.
//!
//! This crate knows nothing of Grid or of gridgate.

pub mod backoff;
pub mod http_client;
pub mod metrics;
pub mod pem;
pub mod small_file;
pub mod throttle;
