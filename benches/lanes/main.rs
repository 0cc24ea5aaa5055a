//! What lanes do with platforms that are dead, limited, crowded or too slow for what is asked of them.
//!
//! ```text
//! cargo bench --bench lanes                     all cases, about six minutes
//! cargo bench --bench lanes -- --only knee      one of dead, rate, knee, overload
//! ```
//!
//! Platforms are webhooks; their far end is a scripted sink on real sockets, on a thread of its own in this process, with the
//! same two cores. Nothing is told to the engine about the sinks.
//!
//! | case | what is measured |
//! |---|---|
//! | `one-dead-of-100` | what the other 99 platforms feel of one that never answers |
//! | `one-slow-of-100` | the same of one that is a hundred times as slow |
//! | `learned-rate/R` | what gets through a limit of R requests a second, and what is refused, after a minute |
//! | `latency-knee` | what gets done where latency rises with concurrency, beside a bare loop at the best concurrency |
//! | `overload` | three times as much as can be done, for a minute |

#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a bench measures real time and prints")]

mod dead;
#[path = "../common/figures.rs"]
mod figures;
mod hub;
mod knee;
#[path = "../common/machine.rs"]
#[expect(dead_code, reason = "nothing is pinned here")]
mod machine;
mod overload;
mod rate;
mod sink;

use figures::{Figure, report};

/// The allocator the command ships with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), AnyError> {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let only = arguments.iter().skip_while(|argument| *argument != "--only").nth(1);
    let wanted = |case: &str| only.is_none_or(|only| only == case);
    println!("{}", machine::describe());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut figures = Vec::new();
    if wanted("dead") {
        figures.extend(runtime.block_on(dead::run())?);
    }
    if wanted("rate") {
        figures.extend(runtime.block_on(rate::run())?);
    }
    if wanted("knee") {
        figures.extend(runtime.block_on(knee::run())?);
    }
    if wanted("overload") {
        figures.extend(runtime.block_on(overload::run())?);
    }
    report("lanes", &figures)?;
    Ok(())
}
