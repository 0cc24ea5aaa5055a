//! What goes wrong at the sink, decided request by request from a seed.

use std::time::Duration;

use rand::{Rng, SeedableRng, rngs::SmallRng};

/// The waits a 429 asks for: none, decimals and a whole second, all short so that the demo is.
const WAITS: [&str; 4] = ["0", "0.1", "0.2", "1"];

/// Slow answers take this long, in milliseconds.
const SLOW_MILLIS: std::ops::RangeInclusive<u64> = 20..=300;

/// How one platform behaves, in thousandths of all requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Character {
    /// The platform's name.
    pub name: &'static str,
    /// 503.
    pub unavailable: u32,
    /// 429 with `Retry-After`.
    pub limited: u32,
    /// Connections reset before the request is read.
    pub reset_unread: u32,
    /// Connections reset after the whole request was read: it arrived, and the sender cannot know.
    pub reset_read: u32,
    /// Answers that take 20 to 300 ms.
    pub slow: u32,
}

/// The platforms of the demo; more than these are further copies of them.
pub const CHARACTERS: [Character; 3] = [
    Character { name: "flaky", unavailable: 80, limited: 0, reset_unread: 10, reset_read: 10, slow: 0 },
    Character { name: "slow", unavailable: 50, limited: 0, reset_unread: 5, reset_read: 5, slow: 800 },
    Character { name: "limited", unavailable: 50, limited: 4, reset_unread: 5, reset_read: 5, slow: 0 },
];

/// What the sink does with a request once it has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// 200.
    Accept,
    /// 503.
    Unavailable,
    /// 429 with this `Retry-After`.
    SlowDown(&'static str),
    /// The connection is reset before the request is read.
    ResetUnread,
    /// The connection is reset after the whole request was read.
    ResetRead,
}

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fate {
    /// How long the answer takes.
    pub delay: Duration,
    /// The answer.
    pub reply: Reply,
}

/// One platform's fates, in the order of its requests.
#[derive(Debug)]
pub struct Faults {
    character: Character,
    rng: SmallRng,
}

impl Faults {
    /// The fates of the platform with this number; the same for the same seed.
    pub fn new(character: Character, seed: u64, number: usize) -> Self {
        let own = seed ^ (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self { character, rng: SmallRng::seed_from_u64(own) }
    }

    /// What happens to the next request.
    pub fn next(&mut self) -> Fate {
        let Character { unavailable, limited, reset_unread, reset_read, slow, .. } = self.character;
        let slow = self.rng.random_range(0..1000) < slow;
        let delay = if slow { Duration::from_millis(self.rng.random_range(SLOW_MILLIS)) } else { Duration::ZERO };
        let mut dice = self.rng.random_range(0..1000);
        let wait = WAITS[self.rng.random_range(0..WAITS.len())];
        let faults = [
            (unavailable, Reply::Unavailable),
            (limited, Reply::SlowDown(wait)),
            (reset_unread, Reply::ResetUnread),
            (reset_read, Reply::ResetRead),
        ];
        for (share, reply) in faults {
            if dice < share {
                return Fate { delay, reply };
            }
            dice -= share;
        }
        Fate { delay, reply: Reply::Accept }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fates(character: Character, seed: u64, count: usize) -> Vec<Fate> {
        let mut faults = Faults::new(character, seed, 0);
        (0..count).map(|_| faults.next()).collect()
    }

    #[test]
    fn the_same_seed_decides_the_same_and_another_seed_differently() {
        for character in CHARACTERS {
            assert_eq!(fates(character, 7, 1_000), fates(character, 7, 1_000));
            assert_ne!(fates(character, 7, 1_000), fates(character, 8, 1_000));
        }
        let second = Faults::new(CHARACTERS[0], 7, 1).next();
        assert!((0..50).any(|seed| Faults::new(CHARACTERS[0], seed, 0).next() != second), "platforms differ");
    }

    #[test]
    fn faults_are_as_frequent_as_the_character_says() {
        for character in CHARACTERS {
            let fates = fates(character, 7, 100_000);
            let share = |is: &dyn Fn(&Fate) -> bool| fates.iter().filter(|fate| is(fate)).count() as u32 / 100;
            for (expected, found) in [
                (character.unavailable, share(&|fate| fate.reply == Reply::Unavailable)),
                (character.limited, share(&|fate| matches!(fate.reply, Reply::SlowDown(_)))),
                (character.reset_unread, share(&|fate| fate.reply == Reply::ResetUnread)),
                (character.reset_read, share(&|fate| fate.reply == Reply::ResetRead)),
                (character.slow, share(&|fate| !fate.delay.is_zero())),
            ] {
                let tolerance = 1 + expected / 10;
                assert!(found.abs_diff(expected) <= tolerance, "{}: {found} of 1000 instead of {expected}", character.name);
            }
        }
    }

    #[test]
    fn a_slow_answer_takes_20_to_300_ms() {
        let delays: Vec<_> = fates(CHARACTERS[1], 1, 10_000).iter().map(|fate| fate.delay).filter(|d| !d.is_zero()).collect();
        assert_eq!(delays.iter().min(), Some(&Duration::from_millis(20)));
        assert_eq!(delays.iter().max(), Some(&Duration::from_millis(300)));
    }
}
