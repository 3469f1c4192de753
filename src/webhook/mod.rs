//! The webhook door: what Grid tells of its own accord comes in here.

pub mod keys;
pub mod signature;
#[cfg(test)]
mod testing;

pub use keys::PublicKeys;
