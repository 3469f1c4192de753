//! Integration tests, one binary; a module per subject.
#![allow(missing_docs)]
// Clippy's exemption for tests covers test functions, not what they share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod answers;
mod asking;
mod bare;
mod browser;
mod canary;
#[cfg(feature = "sandbox")]
mod config;
mod deadline;
#[cfg(feature = "sandbox")]
mod demo;
mod deployment;
mod doctor;
mod envoy;
mod event_log;
mod faults;
mod files;
mod forward_compat;
mod grid_client;
mod identity;
mod kill;
mod platform;
mod program;
mod protos;
mod published;
mod quarantine;
mod readme;
mod reflection;
mod replicas;
mod retention;
#[cfg(feature = "sandbox")]
mod sandbox;
mod server;
mod starting;
mod structure;
mod support;
mod telemetry;
mod tls;
mod transport;
mod validation;
mod watch;
mod webhook;
mod wire_requests;
mod wire_responses;
#[cfg(not(feature = "sandbox"))]
mod without_sandbox;
