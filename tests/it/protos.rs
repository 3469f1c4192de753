//! What the protos say beside names and numbers, and `gridgate proto export`, which writes them.

mod export;
mod options;
mod required;
