//! Pure decisions about delivery; `now` and randomness are arguments.
//!
//! | file | what it decides |
//! |---|---|
//! | `retry` | what becomes of a task after an attempt |
//! | `onward` | whether it takes another way, if it has one |
//! | `backoff` | how long it waits before the next one |
//! | `breaker` | whether a platform is left alone because it fails or refuses |
//! | `endpoint` | whether an endpoint is sent to no more |
//! | `budget` | how many retries a platform bears beside first attempts |
//! | `concurrency` | how many sends a lane may have under way |
//! | `pace` | the rate a platform lets through that keeps refusing |
//! | `rate_limit`, `window` | whether a lane may send now, and if not, when |
//! | `windows` | the same of limits that are asked beside it: a recipient's, an account's |

mod backoff;
mod breaker;
mod budget;
mod concurrency;
mod endpoint;
mod onward;
mod pace;
mod rate_limit;
mod retry;
mod window;
mod windows;

pub use backoff::full_jitter;
pub use breaker::{Breaker, Sign, probe_wait_max};
pub use budget::RetryBudget;
pub use concurrency::{Concurrency, Trip};
pub use endpoint::{Change, Streak, Word};
pub use onward::{Standing, disabled, gone, onward};
pub use pace::Pace;
pub use rate_limit::RateLimiter;
pub use retry::{Judgement, judge};
pub use windows::Windows;
