//! The name of a worker.

use std::fmt;

use serde::Serialize;

/// One worker's life: the slot it works in, and which of the slot's workers it is. Printed as `3.2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct WorkerKey {
    /// The id users type; stable over replacements.
    pub slot: u32,
    /// Counts the slot's workers, from 1.
    pub epoch: u32,
}

impl fmt::Display for WorkerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.slot, self.epoch)
    }
}
