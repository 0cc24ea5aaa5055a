//! How a lane's circuit breaker stands.

use std::fmt;

use serde::Serialize;

/// How a lane's circuit breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BreakerState {
    /// Tasks are sent.
    Closed,
    /// A few tasks try whether the platform is back.
    HalfOpen,
    /// The platform failed too often in a row: nothing is sent for a while.
    Open,
    /// The platform refuses the credentials or the account: nothing is sent until somebody has seen to it, but for one task
    /// now and then that tries whether somebody has.
    Suspended,
}

impl BreakerState {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Closed, Self::HalfOpen, Self::Open, Self::Suspended];

    /// The state as users see it in output and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half-open",
            Self::Open => "open",
            Self::Suspended => "suspended",
        }
    }
}

impl fmt::Display for BreakerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
