//! What the worker pool costs, and what it brings.
//!
//! ```text
//! cargo bench --bench pool                     all cases, about five minutes
//! cargo bench --bench pool -- --only linear    one of status (with stats), scale, monitoring, batch, linear
//! ```
//!
//! | case | what is measured |
//! |---|---|
//! | `status`, `stats` | reading all workers, and all numbers, while they work; beside the same numbers behind a lock |
//! | `scale` | from one worker to a hundred, under load |
//! | `monitoring` | CPU time with everything watched, over that with nothing watched |
//! | `batch` | batches of 10 over batches of 1, where the platform has a native batch call |
//! | `linear` | throughput of 1, 10 and 100 workers against a platform that takes 50 ms |

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench measures real time and prints"
)]

#[path = "../common/figures.rs"]
mod figures;
mod linear;
mod load;
#[path = "../common/machine.rs"]
mod machine;
mod naive;
mod scale;
#[path = "../common/sink.rs"]
mod sink;
mod status;
mod wire;

use figures::{Figure, report};

/// Which core sends where a case has one to itself, and which the sink runs on.
const SENDER_CORE: usize = 0;
const SINK_CORE: usize = 1;

/// The allocator the command ships with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), AnyError> {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let value = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1);
    if arguments.iter().any(|argument| argument == "--sink") {
        return sink::run(SINK_CORE);
    }
    if let (Some(case), Some(url)) = (value("--case"), value("--url")) {
        let count = value("--count").map(|count| count.parse()).transpose()?;
        return wire::measure(case, url, count);
    }
    let only = value("--only");
    let wanted = |case: &str| only.is_none_or(|only| only == case);
    println!("{}", machine::describe());
    let mut figures = Vec::new();
    if wanted("status") {
        figures.extend(status::run()?);
    }
    if wanted("scale") {
        figures.extend(scale::run()?);
    }
    if wanted("linear") {
        figures.extend(linear::run()?);
    }
    if wanted("batch") {
        figures.extend(wire::batch()?);
    }
    if wanted("monitoring") {
        figures.extend(wire::monitoring()?);
    }
    Ok(report("pool", &figures)?)
}

/// The value below which so many of a hundred lie.
fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get((values.len() * percent / 100).min(values.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}
