//! The `notifyhub` command.

fn main() -> std::process::ExitCode {
    notifyhub::cli::run(notifyhub::Registry::builtin())
}
