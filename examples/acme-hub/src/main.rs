//! notifyhub with Acme Pager in it: the whole command, its own platform included.

fn main() -> std::process::ExitCode {
    notifyhub::cli::run(notifyhub::Registry::builtin().with::<acme_platform::AcmePager>())
}
