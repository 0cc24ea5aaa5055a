//! Whether the law reaches its goals, judged by the worst seed.
//!
//! The capped platform lets 100 a second through, which is 20 sends under way: more than the 16 slots of the smallest pool.
//! "Stays small" means here that the pool goes to the fewest workers that carry this within the target, and stays there.

use super::{
    Case,
    load::{CAP_PER_S, Load, SEND_S},
    pool::Measured,
    sizing::{WORKERS_MIN, rules},
    worker::SLOTS,
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
    goal("capped: workers, of the fewest within the target", worst(Load::Capped, "proportional", most), fewest_for_cap());
    let third = best(Load::Step, "naive", wait) / 3.0;
    goal("step: p99 wait in ms, of a third of naive's", worst(Load::Step, "proportional", wait), third);
    for load in [Load::Sine, Load::Burst] {
        let (name, most) = (load.name(), 0.7 * best(load, "fixed", cost));
        goal(&format!("{name}: worker-seconds, of 70 % of fixed"), worst(load, "proportional", cost), most);
        let wait_goal = rules().wait_goal.as_secs_f64() * 1000.0;
        goal(&format!("{name}: p99 wait in ms, of the wait goal"), worst(load, "proportional", wait), wait_goal);
    }
}

/// The smallest pool that sends what the capped platform lets through and is not busier than the target.
fn fewest_for_cap() -> f64 {
    let busy_slots = CAP_PER_S * SEND_S;
    let target = f64::from(rules().target_permille) / 1000.0;
    (busy_slots / (SLOTS as f64 * target)).ceil().max(WORKERS_MIN as f64)
}

fn goal(what: &str, reached: f64, at_most: f64) {
    println!("{:<7}{what:<54}{reached:>10.0} <= {at_most:.0}", if reached <= at_most { "held" } else { "MISSED" });
}
