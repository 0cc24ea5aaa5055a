//! How many workers there should be, and why: what the scaler decided, or a person.

use std::{fmt, time::Duration};

/// What the law decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// How many workers there should be.
    pub workers: usize,
    /// Why.
    pub reason: Reason,
}

/// Why so many workers. Loads are averages, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Somebody said so.
    Pinned,
    /// There were fewer workers than the minimum.
    BelowMinimum,
    /// There were more workers than the maximum.
    AboveMaximum,
    /// Up: tasks wait too long for a worker, or will.
    Waiting {
        /// How many.
        tasks: usize,
        /// How long one of them has waited already, or how long they all would take.
        wait: Duration,
        /// How long they should wait at most.
        goal: Duration,
    },
    /// Up: the workers have been too busy.
    TooBusy {
        /// How busy.
        load_permille: u32,
        /// How busy they should be.
        target_permille: u32,
        /// For how long.
        lasted: Duration,
    },
    /// Down: the workers have been too idle.
    TooIdle {
        /// How busy.
        load_permille: u32,
        /// The pool shrinks below this load.
        below_permille: u32,
        /// For how long.
        lasted: Duration,
    },
    /// Down: some workers had nothing to do.
    IdleWorkers {
        /// How many.
        workers: usize,
        /// For how long at least.
        lasted: Duration,
    },
    /// Held: nothing has been measured yet.
    NothingMeasured,
    /// Held: nothing has been measured for a while.
    Stale {
        /// How old the latest sample is.
        age: Duration,
    },
    /// Held: the load is as it should be.
    Steady {
        /// How busy the workers are.
        load_permille: u32,
        /// The pool shrinks below this load.
        above_permille: u32,
        /// The pool grows above this load.
        below_permille: u32,
    },
    /// Held: too busy, but not for long enough yet.
    BusyBriefly {
        /// How busy.
        load_permille: u32,
        /// For how long.
        lasted: Duration,
        /// How long it must last.
        delay: Duration,
    },
    /// Held: too idle, but not for long enough yet.
    IdleBriefly {
        /// How busy.
        load_permille: u32,
        /// For how long, and since the last change.
        lasted: Duration,
        /// How long it must last.
        delay: Duration,
    },
    /// Held: too idle, but a moment ago this many workers were wanted.
    WantedLately {
        /// How busy.
        load_permille: u32,
    },
    /// Held: the pool would grow, but is at its maximum.
    AtMaximum {
        /// How busy the workers are.
        load_permille: u32,
        /// Tasks that wait for a worker.
        tasks: usize,
    },
    /// Held: the pool would shrink, but is at its minimum.
    AtMinimum {
        /// How busy the workers are.
        load_permille: u32,
    },
}

impl Reason {
    /// The reason as one word, as in metrics; all that hold are one.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::BelowMinimum => "below_minimum",
            Self::AboveMaximum => "above_maximum",
            Self::Waiting { .. } => "waiting",
            Self::TooBusy { .. } => "too_busy",
            Self::TooIdle { .. } => "too_idle",
            Self::IdleWorkers { .. } => "idle_workers",
            _ => "hold",
        }
    }
}

impl Decision {
    /// Whether the pool stays as it is: whoever acts on decisions has nothing to do, whatever he is starting or replacing.
    pub const fn is_hold(&self) -> bool {
        match self.reason {
            Reason::Pinned
            | Reason::BelowMinimum
            | Reason::AboveMaximum
            | Reason::Waiting { .. }
            | Reason::TooBusy { .. }
            | Reason::TooIdle { .. }
            | Reason::IdleWorkers { .. } => false,
            Reason::NothingMeasured
            | Reason::Stale { .. }
            | Reason::Steady { .. }
            | Reason::BusyBriefly { .. }
            | Reason::IdleBriefly { .. }
            | Reason::WantedLately { .. }
            | Reason::AtMaximum { .. }
            | Reason::AtMinimum { .. } => true,
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, noun) = (if self.is_hold() { "hold at " } else { "" }, if self.workers == 1 { "worker" } else { "workers" });
        write!(f, "{verb}{} {noun}: {}", self.workers, self.reason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Pinned => f.write_str("pinned by hand"),
            Self::BelowMinimum => f.write_str("there were fewer than the minimum"),
            Self::AboveMaximum => f.write_str("there were more than the maximum"),
            Self::Waiting { tasks, wait, goal } => {
                let (wait, goal) = (Seconds(wait), Seconds(goal));
                write!(f, "{tasks} tasks wait for a worker, {wait} where {goal} is the goal")
            }
            Self::TooBusy { load_permille, target_permille, lasted } => {
                let (load, target, lasted) = (Percent(load_permille), Percent(target_permille), Seconds(lasted));
                write!(f, "load {load} has been over the target of {target} for {lasted}")
            }
            Self::TooIdle { load_permille, below_permille, lasted } => {
                let (load, below, lasted) = (Percent(load_permille), Percent(below_permille), Seconds(lasted));
                write!(f, "load {load} has been below {below} for {lasted}")
            }
            Self::IdleWorkers { workers, lasted } => {
                write!(f, "{workers} had nothing to do for {} or longer", Seconds(lasted))
            }
            Self::NothingMeasured => f.write_str("nothing has been measured yet"),
            Self::Stale { age } => write!(f, "nothing has been measured for {}", Seconds(age)),
            Self::Steady { load_permille, above_permille, below_permille } => {
                let (load, above, below) = (Percent(load_permille), Percent(above_permille), Percent(below_permille));
                write!(f, "load {load} is between {above} and {below}")
            }
            Self::BusyBriefly { load_permille, lasted, delay } => {
                write!(f, "load {} is high, for {} of {}", Percent(load_permille), Seconds(lasted), Seconds(delay))
            }
            Self::IdleBriefly { load_permille, lasted, delay } => {
                write!(f, "load {} is low, for {} of {}", Percent(load_permille), Seconds(lasted), Seconds(delay))
            }
            Self::WantedLately { load_permille } => {
                write!(f, "load {} is low, but as many were wanted a moment ago", Percent(load_permille))
            }
            Self::AtMaximum { load_permille, tasks } => {
                write!(f, "load {} and {tasks} waiting tasks want more, but this is the maximum", Percent(load_permille))
            }
            Self::AtMinimum { load_permille } => {
                write!(f, "load {} is low, but this is the minimum", Percent(load_permille))
            }
        }
    }
}

/// Thousandths, shown as per cent.
struct Percent(u32);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0.saturating_add(5) / 10)
    }
}

/// A time, shown in seconds with at most one digit after the point.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.0.as_millis().saturating_add(50) / 100;
        match tenths % 10 {
            0 => write!(f, "{} s", tenths / 10),
            digit => write!(f, "{}.{digit} s", tenths / 10),
        }
    }
}
