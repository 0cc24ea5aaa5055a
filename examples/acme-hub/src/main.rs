//! The example binary.
fn main() {}
