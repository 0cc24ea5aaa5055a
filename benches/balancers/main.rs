//! What a pick costs, how evenly each strategy shares, and what it makes of one slow worker.
//!
//! ```text
//! cargo bench --bench balancers
//! cargo bench --bench balancers -- --rounds 3
//! ```
//!
//! `pick_ns` is measured on this machine. The other figures are simulated in virtual time: the same on every machine.

#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a bench measures real time and prints")]

#[path = "../common/figures.rs"]
mod figures;
mod pick;
mod simulation;

use figures::{Figure, median, report};
use notifyhub::config::Strategy;
use simulation::{Scenario, Service};

type AnyError = Box<dyn std::error::Error + Send + Sync>;

const WORKERS: [usize; 3] = [2, 10, 100];

/// A pool of eight with the default slots at 60 % of what it can do.
const POOL: Scenario = Scenario { workers: 8, slots: 32, slow_times: 1, load: 0.6, service: Service::Even, tasks: 20_000 };

/// The same with work of uneven length, and the first worker twenty times slower.
///
/// What this does to round robin is bounded by the worker's inbox: it holds `slots` and a few more sends, then it has no
/// room. The fewer slots, the longer what waits in it waits, hence a second figure with fewer. Least connections gives the
/// slow worker as many sends under way as any other. Of one that is ten times slower, the third figure, that is 1.4 % of all
/// sends: a little more than p99 leaves out.
const SLOW_WORKER: Scenario = Scenario { slow_times: 20, service: Service::LogNormal { sigma: 0.8 }, tasks: 200_000, ..POOL };

fn main() -> Result<(), AnyError> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let value = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1);
    let rounds: u64 = value("--rounds").map_or(Ok(5), |rounds| rounds.parse())?;

    let mut figures = Vec::new();
    for strategy in Strategy::ALL {
        for workers in WORKERS {
            let nanoseconds =
                (0..rounds).map(|round| pick::nanoseconds(strategy, workers, round)).collect::<Result<Vec<_>, _>>()?;
            let case = format!("{strategy}/{workers}");
            figures.push(Figure { case, metric: "pick_ns", value: median(nanoseconds), unit: "ns" });
        }
    }
    for strategy in Strategy::ALL {
        let jain =
            (0..rounds).map(|seed| Ok(simulation::run(&POOL, strategy, seed)?.jain())).collect::<Result<Vec<_>, AnyError>>()?;
        figures.push(Figure { case: format!("jain/{strategy}"), metric: "jain", value: median(jain), unit: "1" });
    }
    let cases = [
        ("slow-worker", SLOW_WORKER),
        ("slow-worker-8-slots", Scenario { slots: 8, ..SLOW_WORKER }),
        ("slow-worker-10-times", Scenario { slow_times: 10, ..SLOW_WORKER }),
    ];
    for (name, scenario) in cases {
        let p99 = |strategy, seed| Ok::<_, AnyError>(simulation::run(&scenario, strategy, seed)?.p99());
        for strategy in Strategy::ALL {
            let ratio = |seed| Ok::<_, AnyError>(p99(Strategy::RoundRobin, seed)? / p99(strategy, seed)?);
            let ratios = (0..rounds).map(ratio).collect::<Result<Vec<_>, _>>()?;
            let case = format!("{name}/{strategy}");
            figures.push(Figure { case, metric: "p99_ratio_to_round_robin", value: median(ratios), unit: "1" });
        }
    }

    println!("{rounds} rounds, medians");
    println!("pick_ns: one pick and the keeping of two counts, in a pool that is half busy");
    println!("jain: Jain's fairness index of sends per worker, 8 equal workers, even work; 1 is perfectly even");
    println!("p99_ratio_to_round_robin: 8 workers of 32 (or 8) slots, one 20 (or 10) times slower, 60 % load;");
    println!("    2.0 is twice as good: a p99 half as long as round robin's");
    Ok(report("balancers", &figures)?)
}
