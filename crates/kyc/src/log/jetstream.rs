//! The event log on NATS JetStream, for many replicas.
//!
//! One stream holds the truth. A replica decides what an observation means by what it knows, and publishes the event together
//! with the head it leaves behind, on condition that nothing was recorded about that entity meanwhile: only that comparison
//! decides. Every replica follows the stream into tables of its own, from which it reads, and into its own hub.
//! `docs/adr/0004-the-log-on-jetstream.md` says why.

mod buckets;
mod capacity;
mod connect;
mod copying;
mod follow;
mod keyed_lock;
mod message;
mod names;
mod open;
mod options;
mod publish;
mod record;
mod replica;
mod retention;
mod streams;

pub(super) use self::copying::{Target, seal, unseal};
pub use self::open::open;
pub(super) use self::open::open_with_tables;
pub use self::options::{Access, JetStreamOptions, Login, OpenError};
