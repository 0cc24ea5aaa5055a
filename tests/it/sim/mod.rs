//! A deterministic simulation: the real engine and the real SQLite store, on one thread and on a clock that jumps, with faults in
//! platforms, store and process that a seed draws. Promises are checked at every step; the same seed makes the same trace.
//!
//! `./test sim --seeds N` runs many in an optimized build; here a few hundred run. A seed that breaks a promise is printed
//! with the end of its trace, and `./test sim --seeds 1 --from SEED` runs it again.
//!
//! | file | what it holds |
//! |---|---|
//! | `scenario` | what a seed draws: work, settings, and which faults there are |
//! | `world` | what outlives a process: time, what platforms saw, what was promised, the trace |
//! | `platform` | platforms that misbehave |
//! | `faulty_store` | the store with calls that fail before or after they were done, or take long |
//! | `life` | one life of the process, to its end |
//! | `oracle` | what must hold in the end |

mod faulty_store;
mod life;
mod oracle;
mod platform;
mod scenario;
mod world;

use std::{env, sync::Arc};

use self::{life::Ending, scenario::Scenario, world::World};
use crate::command::tell;

/// Lives of one process after which nothing will end any more.
const LIVES_MAX: u32 = 40;

/// What came of one seed.
struct Verdict {
    violations: Vec<String>,
    /// The last steps.
    timeline: Vec<String>,
    /// A hash of all steps.
    trace: u64,
    crashes: u32,
    sent: u32,
}

/// Runs one seed.
fn run(seed: u64) -> Verdict {
    let world = Arc::new(World::new(Scenario::draw(seed)));
    let parent = ["/dev/shm", "/tmp"].into_iter().find(|folder| std::fs::metadata(folder).is_ok_and(|found| found.is_dir()));
    let folder = tempfile::tempdir_in(parent.unwrap_or(".")).expect("a folder");
    let mut lives = 0;
    loop {
        lives += 1;
        if lives > LIVES_MAX {
            world.violated("it never ends: the process dies over and over");
            break;
        }
        let ending = life::live(&world, folder.path(), lives);
        if ending == Ending::Done || !world.is_sound() {
            break;
        }
    }
    world.verdict()
}

fn number(name: &str, default: u64) -> u64 {
    env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
}

/// Runs seeds and says what the first one that breaks a promise did.
fn all_hold(from: u64, seeds: u64) {
    let (mut crashes, mut sent) = (0, 0_u64);
    for seed in from..from + seeds {
        let verdict = run(seed);
        if !verdict.violations.is_empty() {
            tell(&format!("sim: the last steps of seed {seed}:\n{}", verdict.timeline.join("\n")));
        }
        assert_eq!(verdict.violations, Vec::<String>::new(), "seed {seed}; again: ./test sim --seeds 1 --from {seed}");
        crashes += u64::from(verdict.crashes);
        sent += u64::from(verdict.sent);
        let done = seed + 1 - from;
        if done.is_multiple_of(1000) || done == seeds {
            tell(&format!("sim: {done} seeds, {crashes} crashes, {sent} sends, no violation"));
        }
    }
}

#[test]
fn hundreds_of_seeds_break_no_promise() {
    all_hold(number("NOTIFYHUB_SIM_FROM", 0), number("NOTIFYHUB_SIM_SEEDS", 300));
}

#[test]
fn the_same_seed_makes_the_same_trace() {
    for seed in 0..20 {
        let (first, second) = (run(seed), run(seed));
        assert_eq!(first.trace, second.trace, "seed {seed}");
    }
}

#[cfg(feature = "failpoints")]
fn is_found(mistake: &'static str) {
    notifyhub::testing::plant(Some(mistake));
    let found = (0..1000).find_map(|seed| run(seed).violations.first().map(|violation| (seed, violation.clone())));
    notifyhub::testing::plant(None);
    let (seed, violation) = found.expect("the simulation finds it");
    tell(&format!("sim: {mistake} is found by seed {seed}: {violation}"));
    assert_eq!(run(seed).violations, Vec::<String>::new(), "without the mistake, seed {seed} is sound");
}

#[cfg(feature = "failpoints")]
#[test]
fn an_answer_before_the_commit_is_found() {
    is_found("ack_before_commit");
}

#[cfg(feature = "failpoints")]
#[test]
fn a_settlement_that_shows_no_token_is_found() {
    is_found("no_token_check");
}

#[cfg(feature = "failpoints")]
#[test]
fn a_crash_that_is_counted_too_late_is_found() {
    is_found("crash_counted_late");
}
