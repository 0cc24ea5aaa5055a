//! Pure decisions about delivery; `now` and randomness are arguments.
//!
//! | file | what it decides |
//! |---|---|
//! | `retry` | what becomes of a task after an attempt |
//! | `backoff` | how long it waits before the next one |
//! | `rate_limit` | whether a lane may send now, and if not, when |

mod backoff;
mod rate_limit;
mod retry;

pub use backoff::full_jitter;
pub use rate_limit::RateLimiter;
pub use retry::{Judgement, judge};
