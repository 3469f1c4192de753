//! The event log: one suite that every kind of log passes, and what is particular to each.

mod place;
mod seen;
mod sqlite;
mod suite;
