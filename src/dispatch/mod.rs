//! From stored tasks to workers and back: one task owns every lane and every lease.
//!
//! ```text
//! store --fresh work--> dispatcher --batch--> balancer --job--> worker inbox
//!       --claims------>   lanes                                     |
//!       <--settler-----   ledger  <------------ outcomes -----------+
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `dispatcher`, `parts` | [`Dispatcher`]: the loop, its inputs, its end; what it is made from |
//! | `command` | what the hub asks of it |
//! | `intake` | taking tasks in, each to its lane, and out again unsent |
//! | `turn` | giving work out: runnable lanes form batches |
//! | `beginnings` | what must not be sent twice: that it begins is written down first |
//! | `outcomes` | taking outcomes in: verdicts, lost workers |
//! | `parking` | lanes that may not send: rests, breakers, what a person said |
//! | `allowance` | taking in what limits allow, and setting aside whoever waits for his recipient |
//! | `owners` | which node sends where a limit holds for all of them |
//! | `claims` | how much is claimed from the store, and when |
//! | `credit` | how much of each lane is held here |
//! | `demand` | what is told of waiting tasks: to the scaler, on the board, and of a single one |
//! | `endpoints` | endpoints that are sent to no more |
//! | `gate` | whether a lane may send now: its limits, its breaker, what it was told |
//! | `lane` | [`Lane`](lane::Lane): one road, its queue and its limits |
//! | `recipients` | how fast each recipient of a lane may be sent to |
//! | `ledger` | every task this process holds |
//! | `retries` | short waits between attempts |
//! | `settler` | writes outcomes in groups, then tells events and waiting callers |
//! | `replies`, `slot` | the callers that wait for an outcome, and a value that comes once |

mod allowance;
mod beginnings;
mod claims;
mod command;
mod credit;
mod demand;
mod dispatcher;
mod endpoints;
mod gate;
mod intake;
mod lane;
mod ledger;
mod outcomes;
mod owners;
mod parking;
mod parts;
mod recipients;
mod replies;
mod retries;
mod settler;
mod slot;
mod turn;

pub use command::Command;
pub use demand::Place;
pub use dispatcher::Dispatcher;
pub use parking::LaneOrder;
pub use parts::DispatcherParts;
pub use replies::{Replies, Waiter};
