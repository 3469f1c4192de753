//! Grid as this program sees it: its JSON ([`model`]), the client that speaks to it, and its errors.
//!
//! This module knows nothing of gRPC, of the event log, or of the sandbox.

mod client;
mod config;
mod document_file;
mod error;
mod exchanged;
mod filter;
mod id;
mod metrics;
pub mod model;
mod operation;
mod operations;
pub mod webhook_endpoint;

pub use client::{Call, Client};
pub use config::{BreakerConfig, ClientConfig, ClientSetupError, RetryConfig};
pub use document_file::DocumentFile;
pub use error::{Error, Refusal};
pub use exchanged::{BreakerState, Exchanged, HeldBack, Server};
pub use filter::{CustomerFilter, PageRequest, VerificationFilter};
pub use gridgate_io::metrics::{Metrics, UnknownWords};
pub use id::{InvalidResourceId, ResourceId};
pub use operation::{Operation, OperationKind, Repeatable};
pub use operations::{CreateKey, SignedRetry, UpdateOutcome};
