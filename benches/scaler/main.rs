//! How well the law of the pool's size holds, beside a rule of one more and one less and a pool that never changes.
//!
//! ```text
//! cargo bench --bench scaler                  five seeds, medians
//! cargo bench --bench scaler -- --seeds 20
//! ```
//!
//! A simulation in virtual time without I/O: fifteen minutes of each load in well under a second. The law is the engine's
//! own, with the default configuration but for the pool's largest size; workers and tasks are models.

#![expect(clippy::print_stdout, reason = "a bench prints")]

#[path = "../common/figures.rs"]
mod figures;
mod goals;
mod load;
mod pool;
mod sizing;
mod worker;

use figures::{Figure, median, report};
use load::Load;
use pool::{Measured, simulate};
use sizing::Sizing;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// What came of one load with one way of sizing, once per seed.
struct Case {
    load: Load,
    sizing: &'static str,
    runs: Vec<Measured>,
}

fn main() -> Result<(), AnyError> {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let seeds = arguments.iter().skip_while(|argument| *argument != "--seeds").nth(1);
    let seeds: u64 = seeds.map_or(Ok(5), |seeds| seeds.parse())?;
    let mut cases: Vec<Case> = Vec::new();
    for load in Load::ALL {
        let mut of_load = Sizing::NAMES.map(|sizing| Case { load, sizing, runs: Vec::new() });
        for seed in 1..=seeds {
            let tasks = load.tasks(seed);
            for case in &mut of_load {
                case.runs.push(simulate(&tasks, Sizing::named(case.sizing)?));
            }
        }
        cases.extend(of_load);
    }
    println!("{seeds} seeds, medians; {} s each", load::LASTS_S);
    report("scaler", &cases.iter().flat_map(figures_of).collect::<Vec<_>>())?;
    goals::check(&cases);
    Ok(())
}

fn figures_of(case: &Case) -> [Figure; 5] {
    let name = format!("{}/{}", case.load.name(), case.sizing);
    let figure = |metric, unit, value: fn(&Measured) -> f64| Figure {
        case: name.clone(),
        metric,
        value: median(case.runs.iter().map(value)),
        unit,
    };
    [
        figure("changes", "1", |run| run.changes as f64),
        figure("reversals", "1", |run| run.reversals as f64),
        figure("p99_wait_ms", "ms", |run| run.p99_wait_ms),
        figure("worker_seconds", "s", |run| run.worker_seconds),
        figure("workers_at_most", "1", |run| run.workers_at_most as f64),
    ]
}
