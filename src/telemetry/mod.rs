//! What an operator sees of a running gridgate: metrics, traces and log lines.
//!
//! [`exposition`] writes metrics as the text that Prometheus reads. [`traces`] sends spans by OTLP,
//! [`context`] takes the W3C trace context in and hands it on, [`deliveries`] links what was delivered to the webhook it
//! came from, and [`logs`] writes lines.
//!
//! It knows no other room. No personal data passes here: labels and attributes
//! are names from fixed lists, ids, positions, statuses and times.

mod collector_tls;
mod config;
pub mod context;
pub mod deliveries;
pub mod exposition;
pub mod logs;
mod otlp;
pub mod process;
mod setup_error;
pub mod traces;
mod variables;

pub use crate::metrics::Metrics;
pub use config::{LogConfig, LogFormat, OtelVariables, OtlpProtocol, TracesChoice, TracesConfig, log_filter};
pub use logs::{LogLevels, init};
pub use traces::{TraceNotes, Traces};
