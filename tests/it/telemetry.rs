//! What an operator sees: metrics, traces, log lines, and what is shipped to look at them with.

pub mod collector;
mod documents;
mod logs;
mod metrics;
pub mod scene;
mod shipped;
mod traces;
