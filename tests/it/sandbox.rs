//! The sandbox, from outside: real requests to a real port, one sandbox per test.

mod agreements;
mod contact;
mod control;
mod creation;
mod documents;
mod faults;
mod harness;
mod imports;
mod lengths;
mod links;
mod lists;
mod owners;
mod platform;
mod protocol;
mod settings;
mod updates;
mod verifications;
mod webhooks;
