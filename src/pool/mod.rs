//! The workers, who supervises them, and how a batch finds one.
//!
//! The pool is given the channel it reports on, and owns the types that go up it: it knows no store, no lane and no
//! retry.
//!
//! | file | what it holds |
//! |---|---|
//! | `job` | [`Job`], [`Done`] and [`PoolEvent`]: what goes in and what comes out |
//! | `worker` | [`Worker`](worker::Worker): one task that owns its sends |
//! | `supervisor` | starts the workers and replaces what dies |
//! | `roster` | [`Roster`]: who is there and how busy, as the dispatcher sees it |
//! | `balancer/` | [`LoadBalancer`]: which worker gets the next batch |
//! | `scaler/` | [`workers_wanted`]: how many workers there should be |

mod balancer;
mod job;
mod roster;
#[cfg_attr(
    not(any(test, feature = "testing")),
    expect(dead_code, unused_imports, reason = "the supervisor does not ask the scaler yet; the simulation does")
)]
mod scaler;
mod supervisor;
mod worker;

pub use balancer::{Batch, Candidate, LoadBalancer, balancer};
pub use job::{Done, Item, Job, PoolEvent, WorkerKey};
pub use roster::Roster;
#[cfg(any(test, feature = "testing"))]
pub use scaler::{Decision, History, LoadSample, Reason, Rules, TICK, workers_wanted};
pub use supervisor::{Supervisor, SupervisorParts};
pub use worker::WorkerSettings;
