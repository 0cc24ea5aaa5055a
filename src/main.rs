//! The `notifyhub` command.
fn main() {}
