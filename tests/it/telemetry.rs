//! What an operator sees: metrics, traces, log lines, and what is shipped to look at them with.

pub mod collector;
mod documents;
mod freshness;
mod labels;
mod logs;
pub mod metrics;
pub mod scene;
mod shipped;
mod traces;
mod variables;
