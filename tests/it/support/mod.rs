//! What several subjects' tests share.

pub mod log;
pub mod upstream;
