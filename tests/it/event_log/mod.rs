//! The event log: one suite that every kind of log passes, and what is particular to each.

mod access;
pub mod client;
mod closing;
mod copying;
pub mod jetstream;
mod model;
pub mod place;
#[cfg(target_os = "linux")]
mod power_loss;
pub mod seen;
mod sqlite;
pub mod suite;
