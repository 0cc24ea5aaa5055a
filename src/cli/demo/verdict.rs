//! Whether everything arrived, and nothing more often than it may: what was sent, held against what the sink saw.

use std::collections::HashMap;

use super::sink::{Arrivals, Seen};
use crate::task::TaskId;

/// A notification as its sender knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// The id every attempt carried.
    pub id: TaskId,
    /// The attempts of which nobody knows whether they arrived.
    pub ambiguous: u32,
}

/// What the sink's record says about what was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Ids the sink never answered with 200.
    pub missing: Vec<TaskId>,
    /// Ids the sink took more often than once and once more per ambiguous attempt.
    pub surplus: Vec<TaskId>,
    /// Requests that nobody sent: unknown ids, or none.
    pub strange: u64,
    /// Copies beyond the first, of all ids together.
    pub duplicates: u64,
}

impl Verdict {
    /// Holds `sent` against `arrivals`.
    pub fn of(sent: &[Sent], arrivals: &Arrivals) -> Self {
        let mut verdict = Self { strange: arrivals.nameless, ..Self::default() };
        let known: HashMap<TaskId, u32> = sent.iter().map(|sent| (sent.id, sent.ambiguous)).collect();
        verdict.strange += arrivals.seen.keys().filter(|id| !known.contains_key(id)).count() as u64;
        for Sent { id, ambiguous } in sent {
            let seen = arrivals.seen.get(id).copied().unwrap_or(Seen::default());
            verdict.duplicates += u64::from(seen.copies().saturating_sub(1));
            if seen.accepted == 0 {
                verdict.missing.push(*id);
            }
            if seen.copies() > 1 + ambiguous {
                verdict.surplus.push(*id);
            }
        }
        verdict
    }

    /// Whether every id arrived, and none more often than it may.
    pub fn holds(&self) -> bool {
        self.missing.is_empty() && self.surplus.is_empty() && self.strange == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u128) -> TaskId {
        TaskId::from_bits(number)
    }

    fn sent(ambiguous: &[u32]) -> Vec<Sent> {
        ambiguous.iter().zip(0..).map(|(ambiguous, number)| Sent { id: id(number), ambiguous: *ambiguous }).collect()
    }

    fn arrivals(seen: &[(u128, u32, u32)]) -> Arrivals {
        let seen = seen.iter().map(|(number, accepted, unanswered)| {
            (id(*number), Seen { accepted: *accepted, unanswered: *unanswered, refused: 3 })
        });
        Arrivals { seen: seen.collect(), nameless: 0 }
    }

    #[test]
    fn everything_that_arrived_once_or_was_ambiguous_before_holds() {
        let verdict = Verdict::of(&sent(&[0, 1, 2]), &arrivals(&[(0, 1, 0), (1, 1, 1), (2, 2, 0)]));
        assert!(verdict.holds(), "{verdict:?}");
        assert_eq!(verdict.duplicates, 2);
    }

    #[test]
    fn an_id_the_sink_never_saw_is_missing() {
        let verdict = Verdict::of(&sent(&[0, 0]), &arrivals(&[(0, 1, 0)]));
        assert_eq!(verdict.missing, [id(1)]);
        assert!(!verdict.holds());
    }

    #[test]
    fn an_id_that_was_only_refused_or_never_answered_is_missing() {
        let verdict = Verdict::of(&sent(&[0, 1]), &arrivals(&[(0, 0, 0), (1, 0, 1)]));
        assert_eq!(verdict.missing, [id(0), id(1)]);
        assert!(!verdict.holds());
    }

    #[test]
    fn more_copies_than_ambiguous_attempts_allow_are_a_failure() {
        let verdict = Verdict::of(&sent(&[0, 1]), &arrivals(&[(0, 1, 0), (1, 2, 1)]));
        assert_eq!((verdict.surplus.clone(), verdict.duplicates), (vec![id(1)], 2));
        assert!(!verdict.holds());
    }

    #[test]
    fn what_nobody_sent_is_a_failure() {
        let stray = Verdict::of(&sent(&[0]), &arrivals(&[(0, 1, 0), (9, 1, 0)]));
        let nameless = Verdict::of(&sent(&[0]), &Arrivals { nameless: 1, ..arrivals(&[(0, 1, 0)]) });
        assert_eq!([stray.strange, nameless.strange], [1, 1]);
        assert!(!stray.holds() && !nameless.holds());
    }
}
