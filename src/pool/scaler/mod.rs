//! How many workers the pool should have.
//!
//! Whoever gives out the work measures a [`LoadSample`] every [`TICK`] and pushes it onto a [`History`];
//! [`workers_wanted`] looks at that history and says how many workers there should be, and why. It is pure: time is an
//! argument, and all it knows of the configuration is a [`Rules`].
//!
//! # The law
//!
//! - **Enough for the target.** `wanted = workers x load / target_load`, rounded up, with the load as an average over the
//!   last seconds. Load is slot-time spent with sends under way. What waits for a rate limit, a `Retry-After`, an open
//!   breaker or its lane's own limit is no load: more workers would not send it any sooner.
//! - **Up** once the workers have been too busy for `scale_up_delay`. Too busy is a tenth over the target, so that a pool
//!   at its target stays as it is.
//! - **Up at once** when tasks wait for workers longer than half of `wait_goal`, or will: to the size that carries what
//!   comes in and works off what waits within the goal.
//! - **Down** once the load has been below `scale_down_load` for `scale_down_delay`, with no change in between: to the
//!   largest number that was wanted in that time, and by half at most.
//! - **Idle workers** above the minimum that had nothing to do for `max_idle_time` are retired, as far as the load does
//!   not want them.
//! - **A pin** wins over all of it.
//!
//! # Why not one worker more, one worker less?
//!
//! A rule that adds or removes one worker when the load of the moment passes a threshold is too slow for a burst and never
//! at rest under a steady load; if it counts all that queues, a platform with a rate limit drives it to the maximum for
//! nothing. `benches/scaler` has all three pools side by side.
//!
//! | file | what it holds |
//! |---|---|
//! | `history` | [`LoadSample`] and [`History`]: what was measured, as far back as the law looks |
//! | `rules` | [`Rules`]: what the configuration says |
//! | `average` | an average over time, in whole numbers |
//! | `trend` | what the history says, read once from its beginning |
//! | `law` | [`workers_wanted`] |
//!
//! What comes out, a [`Decision`] with its [`Reason`], is an event: it lies in `event`.

mod average;
mod history;
mod law;
mod rules;
#[cfg(test)]
mod tests;
mod trend;

pub use crate::event::{ScaleDecision as Decision, ScaleReason as Reason};
pub use history::{History, LoadSample, TICK};
pub use law::workers_wanted;
pub use rules::Rules;
