//! The event log: one suite that every kind of log passes, and what is particular to each.

mod access;
pub mod client;
mod closing;
mod copying;
mod damage;
#[cfg(target_os = "linux")]
mod full_disk;
pub mod jetstream;
mod locking;
mod model;
#[cfg(target_os = "linux")]
mod power_loss;
mod refusing;
pub mod seen;
mod sqlite;
pub mod suite;
mod wrong_clock;
