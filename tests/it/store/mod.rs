//! What every store promises: one suite, run on each store there is.
//!
//! | file | which promises |
//! |---|---|
//! | `stand` | the stores, and what a test does with one |
//! | `enqueue` | all or nothing, a bound, and each idempotency key once |
//! | `claim` | credits, order and due times |
//! | `fresh` | fresh work that is handed over already claimed |
//! | `begin` | writing down that sending begins |
//! | `settle` | what a result changes, and that a late one changes nothing |
//! | `cancel` | waiting, claimed and unknown |
//! | `finished` | how long outcomes can be looked up |
//! | `keys` | order, replacing an older one, not repeating |
//! | `endpoints` | endpoints that fail |
//! | `steps` | tasks with several ways |
//! | `limits` | what was sent within long limits |
//! | `letters` | lists, and dead letters: requeued or dropped |
//! | `sqlite/` | what a file promises: reopening, crashes, damage, ownership |
//! | `postgres/` | what a shared database promises: nodes, leases, trouble with the server |
//! | `model/` | random sequences of all of it against a plain model |

mod begin;
mod cancel;
mod claim;
mod endpoints;
mod enqueue;
mod finished;
mod fresh;
mod keys;
mod letters;
mod limits;
mod model;
mod postgres;
mod settle;
mod sqlite;
mod stand;
mod steps;
