//! The send a worker worked on last, shown without a lock.

use std::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};

use crate::task::TaskId;

/// A send of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrentSend {
    /// Of which task.
    pub task: TaskId,
    /// To which platform, by its number on the board.
    pub platform: u32,
}

/// Shows one send, behind a sequence number that is odd while it is written, so that no reader takes the halves of two ids
/// for one. It has one writer.
#[derive(Debug, Default)]
pub struct Current {
    sequence: AtomicU64,
    high: AtomicU64,
    low: AtomicU64,
    platform: AtomicU32,
}

impl Current {
    /// Shows this send.
    pub fn write(&self, send: CurrentSend) {
        let (bits, sequence) = (send.task.bits(), self.sequence.load(Relaxed));
        self.sequence.store(sequence + 1, Relaxed);
        fence(Release);
        self.high.store((bits >> 64) as u64, Relaxed);
        self.low.store(bits as u64, Relaxed);
        self.platform.store(send.platform, Relaxed);
        self.sequence.store(sequence + 2, Release);
    }

    /// The send shown; `None` before the first, or in the instant it changes.
    pub fn read(&self) -> Option<CurrentSend> {
        let before = self.sequence.load(Acquire);
        let (high, low) = (self.high.load(Relaxed), self.low.load(Relaxed));
        let platform = self.platform.load(Relaxed);
        fence(Acquire);
        let whole = before != 0 && before.is_multiple_of(2) && self.sequence.load(Relaxed) == before;
        whole.then(|| CurrentSend { task: TaskId::from_bits((u128::from(high) << 64) | u128::from(low)), platform })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_reader_sees_the_halves_of_two_ids() {
        let current = Current::default();
        assert_eq!(current.read(), None);
        let send = |n: u32| CurrentSend { task: TaskId::from_bits((u128::from(n) << 64) | u128::from(n)), platform: n };
        std::thread::scope(|scope| {
            scope.spawn(|| (0..200_000).for_each(|n| current.write(send(n))));
            for seen in (0..200_000).filter_map(|_| current.read()) {
                assert_eq!(seen, send(seen.platform));
            }
        });
        assert_eq!(current.read(), Some(send(199_999)));
    }
}
