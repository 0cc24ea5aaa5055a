//! The `notifyhub` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    notifyhub::cli::run(notifyhub::Registry::builtin())
}
