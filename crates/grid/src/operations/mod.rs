//! One async method of [`Client`](super::Client) per operation of Grid's API, a file per resource.
//!
//! They say what to send and how to read the answer. How often it is sent, and what a failure means, is the client's.

mod beneficial_owners;
mod contact;
mod create_customer;
mod created_customer;
mod customers;
mod documents;
mod import;
mod platform;
mod verifications;

pub use create_customer::CreateKey;
pub use customers::{SignedRetry, UpdateOutcome};
