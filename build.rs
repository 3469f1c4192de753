//! Compiles the protos.

fn main() {}
