//! The `gridgate` program.
fn main() {}
