//! Many replicas over one NATS: every change once and in order everywhere, whatever dies meanwhile.

mod chaos;
mod command;
pub mod grid;
mod lost_answers;
mod own_tables;
mod races;
mod replica;
mod watcher;
