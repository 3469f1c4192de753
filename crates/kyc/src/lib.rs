//! What is known of every customer's KYC, KYB and verification status, and how it came to be known.
//!
//! Everything that learns a status (a webhook, an answer of Grid, the resolver, the reconciler) makes an
//! [`Observation`](event::Observation) and hands it to the [`EventLog`](log::EventLog), which decides by the one rule
//! of [`record`] what it means, keeps it durably, and only then lets the [`hub`] wake whoever watches.
//! What is kept holds no personal data: ids, kinds, statuses, times, error types and field paths.
//!
//! This module knows neither Grid's client and JSON, nor the gRPC API, nor the webhook door: it asks Grid through its
//! own trait, [`source::CustomerSource`], and speaks its own small vocabulary.

pub mod ask;
pub mod clock;
mod duty;
pub mod event;
pub mod head;
pub mod hub;
pub mod id;
pub mod log;
pub mod lookup;
pub mod quarantine;
pub mod reconcile;
pub mod record;
pub mod resolve;
pub mod source;
pub mod status;
pub mod token;
pub mod trace;
pub mod witness;
