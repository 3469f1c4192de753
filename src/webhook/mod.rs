//! The webhook door: what Grid tells of its own accord comes in here.

mod field_names;
pub mod keys;
mod loose;
pub mod parse;
pub mod signature;
#[cfg(test)]
mod testing;

pub use keys::PublicKeys;
