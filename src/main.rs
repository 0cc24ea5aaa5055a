//! The `notifyhub` command.

/// Much of the engine's work is small allocations that come and go in groups, which this allocator is good at:
/// `benches/throughput` shows how much. The library leaves the choice to whoever uses it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    notifyhub::cli::run(notifyhub::Registry::builtin())
}
