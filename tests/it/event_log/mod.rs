//! The event log: one suite that every kind of log passes, and what is particular to each.

pub mod place;
pub mod seen;
mod sqlite;
pub mod suite;
