//! Every customer's KYC, KYB and verification status, and how it came to be known.
//!
//! Whatever learns a status (a webhook, an answer of Grid's, the resolver, the reconciler) makes an
//! [`Observation`](event::Observation) and records it in the [`EventLog`](log::EventLog). The log decides by the rule of
//! [`record`] what it means, makes it durable, and only then has the [`hub`] wake watchers. The log holds no personal data: ids,
//! kinds, statuses, times, error types and field paths.
//!
//! This crate knows neither Grid's client and JSON, nor the gRPC API, nor webhooks: it asks Grid through a trait of its own,
//! [`source::CustomerSource`].

pub mod ask;
pub mod clock;
pub mod event;
pub mod head;
pub mod hub;
pub mod id;
mod lease;
pub mod log;
pub mod lookup;
pub mod metrics;
pub mod quarantine;
pub mod reconcile;
pub mod record;
pub mod resolve;
pub mod response_observer;
pub mod source;
pub mod status;
pub mod token;
