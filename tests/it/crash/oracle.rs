//! What must hold in the end, told from what the producer and the sink wrote down alone.

use std::{collections::HashMap, fmt};

use notifyhub::NotificationId;

use super::{Producer, sink::Sink};

/// Tasks one process holds at most: so many attempts may be under way, or answered and not recorded, when it is killed.
const HELD_MAX: u64 = 512;

/// What is held against what.
pub struct Oracle<'a> {
    pub producer: &'a Producer,
    pub sink: &'a Sink,
    /// The sink's count of requests at each kill.
    pub kills: &'a [u64],
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Copies beyond the first.
    pub duplicates: u64,
    pub violations: Vec<String>,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} copies too many by ambiguous attempts, {} violations", self.duplicates, self.violations.len())
    }
}

impl Oracle<'_> {
    pub fn verdict(&self) -> Verdict {
        let (mut verdict, seen) = (Verdict::default(), self.sink.seen());
        let mut wrong = |text: String| verdict.violations.push(text);
        let by_id: HashMap<NotificationId, u64> = self.producer.acked.iter().map(|(number, id)| (*id, *number)).collect();
        if by_id.len() != self.producer.acked.len() {
            wrong("two keys were answered with one id".to_owned());
        }
        for (number, id) in &self.producer.acked {
            match seen.get(id) {
                None => wrong(format!("number {number} was accepted as {id} and never arrived")),
                Some(seen) if !seen.body.contains(&format!("\"n {number}\"")) => {
                    wrong(format!("number {number} arrived as {}", seen.body));
                }
                Some(_) => {}
            }
        }
        // Whatever arrived was accepted: the last life answered every number that had no answer before, under its key.
        for id in seen.keys().filter(|id| !by_id.contains_key(id)) {
            wrong(format!("{id} arrived, and nobody was told of it"));
        }
        if self.sink.nameless() > 0 {
            wrong(format!("{} requests had no id", self.sink.nameless()));
        }
        let (mut duplicates, mut by_kill) = (0, vec![0_u64; self.kills.len() + 1]);
        for (id, seen) in &seen {
            let copies = seen.taken.len() as u64;
            duplicates += copies - 1;
            let between =
                self.kills.iter().filter(|kill| seen.taken[0] < **kill && **kill <= *seen.taken.last().expect("one")).count();
            if copies > 1 + seen.unanswered + between as u64 {
                wrong(format!("{id} arrived {copies} times, with {} unanswered and {between} kills between", seen.unanswered));
            }
            for pair in seen.taken.windows(2) {
                let kill = self.kills.iter().position(|kill| *kill > pair[0]).unwrap_or(self.kills.len());
                by_kill[kill] += u64::from(self.kills.get(kill).is_some_and(|kill| *kill <= pair[1]));
            }
        }
        if let Some(most) = by_kill.iter().max().filter(|most| **most > HELD_MAX) {
            wrong(format!("one kill made {most} copies, at most {HELD_MAX} may be under way"));
        }
        verdict.duplicates = duplicates;
        verdict
    }
}
