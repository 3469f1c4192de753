#![allow(missing_docs)]
// Clippy's exemption for tests covers test functions, not what they share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod asking;
mod config;
mod deadline;
mod demo;
mod event_log;
mod grid_client;
mod program;
mod readme;
mod sandbox;
mod server;
mod support;
mod watch;
