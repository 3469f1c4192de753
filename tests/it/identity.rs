//! Who may call: credentials of every kind, the policy and its reload, limits, audit lines.

mod audit;
mod commands;
mod document;
mod expiry;
mod pki;
mod rate;
mod reload;
pub mod rig;
mod shares;
mod start;
mod table;
mod watch_limits;
