//! The steps, drawn at random.

use proptest::{collection::vec, option, prelude::*};

/// The lanes there are.
pub const LANES: [&str; 3] = ["a", "b", "c"];

/// Something a store is asked to do. Which task or notification is meant is a number, taken modulo how many there are.
#[derive(Debug, Clone)]
pub enum Step {
    /// One task on each of these lanes; not before so many half hours from now, if a number is given.
    Enqueue { lanes: Vec<usize>, later: Option<u32> },
    /// Credits of the named lanes, of the others, and in all.
    Claim { lanes: [Option<usize>; 3], others: usize, total: usize },
    /// A result for a claimed task.
    Settle { which: usize, result: ResultKind },
    /// A result under a token that is no longer good.
    SettleStale { which: usize, result: ResultKind },
    /// A claimed task is given back.
    Release { which: usize },
    /// A task is given back under a token that is no longer good.
    ReleaseStale { which: usize },
    /// A notification is cancelled.
    Cancel { which: usize },
    /// The dispatcher has room for so many fresh tasks.
    Room { tasks: usize },
    /// So many hours pass.
    Pass { hours: u32 },
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy)]
pub enum ResultKind {
    Delivered,
    Retry { half_hours: u32, counts: bool },
    Dead,
    Expired,
    Cancelled,
}

/// Up to 60 steps.
pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..60)
}

fn step() -> impl Strategy<Value = Step> {
    let which = any::<usize>;
    let credit = || 0..4usize;
    prop_oneof![
        5 => (vec(0..LANES.len(), 1..=4), option::weighted(0.3, 1..6u32)).prop_map(|(lanes, later)| Step::Enqueue { lanes, later }),
        5 => ([option::of(credit()), option::of(credit()), option::of(credit())], credit(), 0..8usize)
            .prop_map(|(lanes, others, total)| Step::Claim { lanes, others, total }),
        5 => (which(), result()).prop_map(|(which, result)| Step::Settle { which, result }),
        1 => (which(), result()).prop_map(|(which, result)| Step::SettleStale { which, result }),
        2 => which().prop_map(|which| Step::Release { which }),
        1 => which().prop_map(|which| Step::ReleaseStale { which }),
        1 => which().prop_map(|which| Step::Cancel { which }),
        1 => (0..8usize).prop_map(|tasks| Step::Room { tasks }),
        2 => (1..4u32).prop_map(|hours| Step::Pass { hours }),
    ]
}

fn result() -> impl Strategy<Value = ResultKind> {
    prop_oneof![
        2 => Just(ResultKind::Delivered),
        3 => (1..6u32, any::<bool>()).prop_map(|(half_hours, counts)| ResultKind::Retry { half_hours, counts }),
        1 => Just(ResultKind::Dead),
        1 => Just(ResultKind::Expired),
        1 => Just(ResultKind::Cancelled),
    ]
}
