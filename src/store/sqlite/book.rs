//! What the store knows without asking the database: who has claimed what, and the counts.
//!
//! Claims live here alone, so a claim writes no row; what a killed process had claimed is told by the claim journal. A
//! change whose transaction fails is taken back.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::lanes::Lanes;
use crate::store::{Counts, LeaseToken, rank::Ranks};

/// A claimed task.
#[derive(Debug, Clone)]
pub struct Leased {
    pub seq: i64,
    /// The first task of its notification, and how many there are.
    pub first: i64,
    pub tasks: i64,
    pub lane: i64,
    pub state: i64,
    pub counted: u32,
    pub tries: u32,
    /// The row of the claim journal it stands in.
    pub batch: i64,
    pub cancelled: bool,
    /// Whether it is written down that sending it begins.
    pub begun: bool,
}

/// A notification for several targets, some of which are claimed.
#[derive(Debug, Clone, Copy)]
struct Fanout {
    unfinished: i64,
    leased: i64,
}

/// A change that can be taken back.
#[derive(Debug)]
enum Undo {
    Leased(LeaseToken),
    Ended(LeaseToken, Leased),
    Cancelled(LeaseToken),
    Begun(LeaseToken),
    Tried(LeaseToken, Leased),
    Fanout(i64, Option<Fanout>),
    Batch(i64, Option<u32>),
    Lane(i64),
}

/// Everything kept in memory.
#[derive(Debug, Default)]
pub struct Book {
    pub counts: Counts,
    pub lanes: Lanes,
    /// Whether any task may wait for another.
    pub has_chains: bool,
    /// Whether any task may have another way.
    pub has_steps: bool,
    /// When an attempt was last written down; 0: never.
    pub sent: i64,
    /// When an earlier process may have sent for the last time; 0: none has.
    pub sent_before: i64,
    /// When the next waiting task becomes due or expires, as far as is known; 0 where it must be looked up.
    pub next_wake: i64,
    /// The order within lanes.
    pub ranks: Ranks,
    leases: HashMap<LeaseToken, Leased, RandomState>,
    tokens: HashMap<i64, LeaseToken, RandomState>,
    fanouts: HashMap<i64, Fanout, RandomState>,
    batches: HashMap<i64, u32, RandomState>,
    last_token: u64,
    last_seq: i64,
    last_batch: i64,
    undo: Vec<Undo>,
    counts_before: Counts,
}

impl Book {
    /// A book that goes on behind `last_seq`; `epoch` counts the processes that had the file.
    pub fn new(counts: Counts, lanes: Lanes, last_seq: i64, epoch: u64) -> Self {
        let last_token = epoch << 40;
        Self { counts, counts_before: counts, lanes, last_seq, last_token, ..Self::default() }
    }

    /// Room for so many new tasks, one behind the other: returns the first number.
    pub fn take_numbers(&mut self, tasks: i64) -> i64 {
        let first = self.last_seq + 1;
        self.last_seq += tasks;
        first
    }

    /// A row of the claim journal nobody has used.
    pub fn next_batch(&mut self) -> i64 {
        self.last_batch += 1;
        self.last_batch
    }

    /// Claims a task. `unfinished` says how many tasks of its notification are not final, where it has several and none
    /// is claimed yet.
    pub fn lease(&mut self, leased: Leased, unfinished: impl FnOnce() -> i64) -> LeaseToken {
        self.last_token += 1;
        let token = LeaseToken(self.last_token);
        if leased.tasks > 1 {
            let known = self.fanouts.get(&leased.first).copied();
            let fanout = known.unwrap_or_else(|| Fanout { unfinished: unfinished(), leased: 0 });
            self.set_fanout(leased.first, Some(Fanout { leased: fanout.leased + 1, ..fanout }));
        }
        let in_batch = self.batches.get(&leased.batch).copied();
        self.set_batch(leased.batch, Some(in_batch.unwrap_or_default() + 1));
        self.tokens.insert(leased.seq, token);
        self.leases.insert(token, leased);
        self.undo.push(Undo::Leased(token));
        token
    }

    /// Whether it is known how many tasks of this notification are not final.
    pub fn knows_fanout(&self, first: i64) -> bool {
        self.fanouts.contains_key(&first)
    }

    /// A claimed task.
    pub fn leased(&self, token: LeaseToken) -> Option<&Leased> {
        self.leases.get(&token)
    }

    /// The claim of this task, if it is claimed.
    pub fn token_of(&self, seq: i64) -> Option<LeaseToken> {
        self.tokens.get(&seq).copied()
    }

    /// The tasks that are claimed.
    pub fn claimed(&self) -> impl Iterator<Item = &Leased> {
        self.leases.values()
    }

    /// Marks a claimed task as cancelled.
    pub fn cancel(&mut self, token: LeaseToken) {
        if let Some(leased) = self.leases.get_mut(&token)
            && !leased.cancelled
        {
            leased.cancelled = true;
            self.undo.push(Undo::Cancelled(token));
        }
    }

    /// Marks a claimed task as begun.
    pub fn begin(&mut self, token: LeaseToken) {
        if let Some(leased) = self.leases.get_mut(&token)
            && !leased.begun
        {
            leased.begun = true;
            self.undo.push(Undo::Begun(token));
        }
    }

    /// A claimed task was tried, and stays claimed.
    pub fn tried(&mut self, token: LeaseToken, counted: u32, tries: u32) {
        if let Some(leased) = self.leases.get_mut(&token) {
            self.undo.push(Undo::Tried(token, leased.clone()));
            (leased.counted, leased.tries, leased.begun) = (counted, tries, false);
        }
    }

    /// Ends a claim. Returns the row of the claim journal, if nothing else stands in it any more.
    pub fn end(&mut self, token: LeaseToken) -> Option<i64> {
        let leased = self.leases.remove(&token)?;
        self.tokens.remove(&leased.seq);
        if let Some(fanout) = self.fanouts.get(&leased.first).copied() {
            let rest = Fanout { leased: fanout.leased - 1, ..fanout };
            self.set_fanout(leased.first, (rest.leased > 0).then_some(rest));
        }
        let (batch, in_batch) = (leased.batch, self.batches.get(&leased.batch).copied().unwrap_or(1));
        self.set_batch(batch, (in_batch > 1).then_some(in_batch - 1));
        self.undo.push(Undo::Ended(token, leased));
        (in_batch == 1).then_some(batch)
    }

    /// One more task of a notification is final; returns how many are not, if that is known.
    pub fn finish_one(&mut self, first: i64) -> Option<i64> {
        let fanout = self.fanouts.get(&first).copied()?;
        let unfinished = fanout.unfinished - 1;
        self.set_fanout(first, Some(Fanout { unfinished, ..fanout }));
        Some(unfinished)
    }

    /// A task of a notification that was final is so no more.
    pub fn reopen_one(&mut self, first: i64) {
        if let Some(fanout) = self.fanouts.get(&first).copied() {
            self.set_fanout(first, Some(Fanout { unfinished: fanout.unfinished + 1, ..fanout }));
        }
    }

    /// Takes in a lane that was just written.
    pub fn add_lane(&mut self, number: i64, key: crate::task::LaneKey) {
        self.lanes.insert(number, key);
        self.undo.push(Undo::Lane(number));
    }

    /// What was done is written for good.
    pub fn keep(&mut self) {
        self.undo.clear();
        self.counts_before = self.counts;
    }

    /// What was done was not written: all is as it was.
    pub fn take_back(&mut self) {
        self.counts = self.counts_before;
        for change in std::mem::take(&mut self.undo).into_iter().rev() {
            match change {
                Undo::Leased(token) => {
                    if let Some(leased) = self.leases.remove(&token) {
                        self.tokens.remove(&leased.seq);
                    }
                }
                Undo::Ended(token, leased) => {
                    self.tokens.insert(leased.seq, token);
                    self.leases.insert(token, leased);
                }
                Undo::Cancelled(token) => {
                    self.leases.entry(token).and_modify(|leased| leased.cancelled = false);
                }
                Undo::Begun(token) => {
                    self.leases.entry(token).and_modify(|leased| leased.begun = false);
                }
                Undo::Tried(token, before) => _ = self.leases.insert(token, before),
                Undo::Fanout(first, before) => put(&mut self.fanouts, first, before),
                Undo::Batch(batch, before) => put(&mut self.batches, batch, before),
                Undo::Lane(number) => self.lanes.remove(number),
            }
        }
        // Hints; they are looked up again.
        self.lanes.set_all_ready();
        self.next_wake = 0;
    }

    fn set_fanout(&mut self, first: i64, fanout: Option<Fanout>) {
        self.undo.push(Undo::Fanout(first, self.fanouts.get(&first).copied()));
        put(&mut self.fanouts, first, fanout);
    }

    fn set_batch(&mut self, batch: i64, tasks: Option<u32>) {
        self.undo.push(Undo::Batch(batch, self.batches.get(&batch).copied()));
        put(&mut self.batches, batch, tasks);
    }
}

fn put<V>(map: &mut HashMap<i64, V, RandomState>, key: i64, value: Option<V>) {
    match value {
        Some(value) => _ = map.insert(key, value),
        None => _ = map.remove(&key),
    }
}
