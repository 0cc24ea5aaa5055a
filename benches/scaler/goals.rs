//! Whether the law reaches its goals, judged by the worst seed.
//!
//! The capped platform lets 100 a second through, which is 20 sends under way: the smallest pool carries that, whatever queues
//! before the platform.

use super::{
    Case,
    load::Load,
    pool::Measured,
    sizing::{WORKERS_MIN, rules},
};

/// Prints each goal with what was reached.
pub fn check(cases: &[Case]) {
    let worst = |load, sizing, value: fn(&Measured) -> f64| {
        let case = cases.iter().find(|case| case.load == load && case.sizing == sizing);
        case.into_iter().flat_map(|case| &case.runs).map(value).fold(f64::NAN, f64::max)
    };
    let best = |load, sizing, value: fn(&Measured) -> f64| {
        let case = cases.iter().find(|case| case.load == load && case.sizing == sizing);
        case.into_iter().flat_map(|case| &case.runs).map(value).fold(f64::NAN, f64::min)
    };
    let reversals: fn(&Measured) -> f64 = |run| run.reversals as f64;
    let wait: fn(&Measured) -> f64 = |run| run.p99_wait_ms;
    let cost: fn(&Measured) -> f64 = |run| run.worker_seconds;
    let most: fn(&Measured) -> f64 = |run| run.workers_at_most as f64;

    println!("\ngoals, worst seed");
    goal("steady: reversals", worst(Load::Steady, "proportional", reversals), 2.0);
    goal("capped: reversals", worst(Load::Capped, "proportional", reversals), 0.0);
    goal("capped: workers, of the fewest there may be", worst(Load::Capped, "proportional", most), WORKERS_MIN as f64);
    let third = best(Load::Step, "naive", wait) / 3.0;
    goal("step: p99 wait in ms, of a third of naive's", worst(Load::Step, "proportional", wait), third);
    for load in [Load::Sine, Load::Burst] {
        let (name, most) = (load.name(), 0.7 * best(load, "fixed", cost));
        goal(&format!("{name}: worker-seconds, of 70 % of fixed"), worst(load, "proportional", cost), most);
        let wait_goal = rules().wait_goal.as_secs_f64() * 1000.0;
        goal(&format!("{name}: p99 wait in ms, of the wait goal"), worst(load, "proportional", wait), wait_goal);
    }
}

fn goal(what: &str, reached: f64, at_most: f64) {
    println!("{:<7}{what:<54}{reached:>10.0} <= {at_most:.0}", if reached <= at_most { "held" } else { "MISSED" });
}
