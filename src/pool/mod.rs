//! The workers, who supervises them, and how a batch finds one.
//!
//! The pool is given the channel it reports on, and owns the types that go up it: it knows no store, no lane and no
//! retry.
//!
//! | file | what it holds |
//! |---|---|
//! | `job` | [`Job`], [`Done`] and [`PoolEvent`]: what goes in and what comes out |
//! | `worker`, `sends` | [`Worker`](worker::Worker): one task that owns its sends, and the set they are in |
//! | `supervisor` | [`Supervisor`]: starts the workers, replaces what dies, makes the pool as large as it should be |
//! | `slots`, `crew` | its book of slots, and the workers' tasks |
//! | `command` | what it can be asked by hand |
//! | `monitor`, `watchdog` | [`Monitor`] and [`Watchdog`]: who does not answer, and whether anybody can |
//! | `roster` | [`Roster`]: who is there and how busy, as the dispatcher sees it |
//! | `balancer/` | [`LoadBalancer`]: which worker gets the next batch |
//! | `sizing` | how large the pool is: the scaler's decisions and a person's |
//! | `load` | what the workers have done since the last look |
//! | `scaler/` | [`workers_wanted`]: how many workers there should be |

mod balancer;
mod command;
mod crew;
mod job;
mod load;
mod monitor;
mod roster;
mod scaler;
mod sends;
mod sizing;
mod slots;
mod supervisor;
mod watchdog;
mod worker;

pub use balancer::Batch;
#[cfg(feature = "testing")]
pub use balancer::{Candidate, LoadBalancer, balancer};
pub use command::{Ask, PoolCommand, PoolError};
pub use job::{Done, Item, Job, PoolEvent};
pub use monitor::{BEATS, Monitor, MonitorParts};
pub use roster::{FinishedSend, Roster};
#[cfg(feature = "testing")]
pub use scaler::{History, LoadSample, Rules, TICK, workers_wanted};
pub use supervisor::{Supervisor, SupervisorParts, WORKERS_MAX};
pub use watchdog::Watchdog;
pub use worker::{WorkerLink, WorkerSettings};

pub(crate) use crate::task::WorkerKey;
