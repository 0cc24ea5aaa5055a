//! One transaction after another on the writing connection, with the statements they use and the book they keep.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use rusqlite::{Connection, Statement, params};

use super::{book::Book, failure::Failure, space::Space};
use crate::{
    store::{ArrivalSender, Counts, Lease, codec::nanos},
    task::Task,
};

/// Room for a first attempt in a task's row, in bytes.
pub const ATTEMPT_ROOM: usize = 96;

/// The statements every delivery needs.
pub struct Statements<'c> {
    pub begin: Statement<'c>,
    pub commit: Statement<'c>,
    pub insert_notification: Statement<'c>,
    pub insert_task: Statement<'c>,
    pub deliver: Statement<'c>,
    pub insert_claim: Statement<'c>,
    pub delete_claim: Statement<'c>,
    pub write_counts: Statement<'c>,
}

impl<'c> Statements<'c> {
    fn new(db: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            begin: db.prepare("BEGIN IMMEDIATE")?,
            commit: db.prepare("COMMIT")?,
            insert_notification: db.prepare(
                "INSERT INTO notification (id, first, tasks, accepted, not_before, expires, correlation, style, kind, title, body, \
                 extras, checksum) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            )?,
            insert_task: db.prepare(&format!(
                "INSERT INTO task (seq, notification, place, lane, recipient, state, rank, due, wake, ended, attempts) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, '{:ATTEMPT_ROOM$}')",
                ""
            ))?,
            deliver: db.prepare("UPDATE task SET state = 10, ended = ?2, tries = ?3, attempts = ?4 WHERE seq = ?1")?,
            insert_claim: db.prepare("INSERT INTO claim (batch, tasks) VALUES (?1, ?2)")?,
            delete_claim: db.prepare("DELETE FROM claim WHERE batch = ?1")?,
            write_counts: db.prepare(
                "UPDATE counts SET accepted = ?1, waiting = ?2, delivered = ?3, dead = ?4, cancelled = ?5, expired = ?6, stale = ?7, sent = ?8",
            )?,
        })
    }
}

/// What a group gathers besides its writes.
#[derive(Default)]
struct Group {
    /// Its row of the claim journal.
    batch: Option<i64>,
    /// The tasks it claimed.
    claimed: Vec<i64>,
    /// Rows of the claim journal in which nothing is left.
    ended: Vec<i64>,
    /// Fresh work for the dispatcher.
    fresh: Vec<Lease>,
    ring: bool,
}

/// The writing connection in use.
pub struct Session<'c> {
    pub db: &'c Connection,
    pub sql: Statements<'c>,
    pub book: Book,
    /// The wall clock as of this group.
    pub wall: SystemTime,
    /// The same in nanoseconds.
    pub now: i64,
    /// The notification up to which the last slice was pruned.
    pub pruned_to: [u8; 16],
    /// The disk.
    pub space: Space,
    arrivals: Option<ArrivalSender>,
    group: Group,
}

impl<'c> Session<'c> {
    pub fn new(db: &'c Connection, book: Book, space: Space) -> rusqlite::Result<Self> {
        let wall = SystemTime::UNIX_EPOCH;
        Ok(Self {
            db,
            sql: Statements::new(db)?,
            book,
            wall,
            now: 0,
            pruned_to: [0; 16],
            space,
            arrivals: None,
            group: Group::default(),
        })
    }

    /// Before anything else of a group.
    pub fn begin_group(&mut self, wall: SystemTime, arrivals: &Mutex<Option<ArrivalSender>>) {
        (self.wall, self.now) = (wall, nanos(wall));
        self.space.look(self.now);
        self.arrivals = arrivals.lock().unwrap_or_else(PoisonError::into_inner).clone();
    }

    pub fn begin(&mut self) -> Result<(), Failure> {
        self.sql.begin.execute([])?;
        Ok(())
    }

    /// Writes what is told once per group, and commits.
    pub fn commit(&mut self) -> Result<(), Failure> {
        if let Some(batch) = self.group.batch {
            let packed: Vec<u8> = self.group.claimed.iter().flat_map(|seq| seq.to_le_bytes()).collect();
            self.sql.insert_claim.execute(params![batch, packed])?;
        }
        for batch in &self.group.ended {
            self.sql.delete_claim.execute([batch])?;
        }
        let Counts { accepted, waiting, leased, delivered, dead, cancelled, expired, stale } = self.book.counts;
        let counts = [accepted, waiting + leased, delivered, dead, cancelled, expired, stale];
        let [accepted, waiting, delivered, dead, cancelled, expired, stale] =
            counts.map(|count| i64::try_from(count).unwrap_or(i64::MAX));
        self.sql.write_counts.execute([accepted, waiting, delivered, dead, cancelled, expired, stale, self.book.sent])?;
        self.sql.commit.execute([])?;
        self.book.keep();
        Ok(())
    }

    /// Undoes the group. Some failures have ended the transaction already.
    pub fn roll_back(&mut self) -> Result<(), Failure> {
        let group = std::mem::take(&mut self.group);
        if let Some(arrivals) = &self.arrivals {
            arrivals.take_back(&group.fresh);
        }
        self.book.take_back();
        if !self.db.is_autocommit() {
            self.db.execute_batch("ROLLBACK")?;
        }
        Ok(())
    }

    /// After the group is on disk: hands its fresh work over, and rings for what waits. Returns what was to be handed over
    /// where the dispatcher takes nothing any more.
    pub fn announce(&mut self) -> Vec<Lease> {
        let group = std::mem::take(&mut self.group);
        let Some(arrivals) = &self.arrivals else { return Vec::new() };
        if group.ring {
            arrivals.ring();
        }
        if group.fresh.is_empty() { Vec::new() } else { arrivals.hand_over(group.fresh).err().unwrap_or_default() }
    }

    pub fn counts(&self) -> Counts {
        self.book.counts
    }

    /// Whether the dispatcher has room for these fresh tasks now; if so they are to be [handed over](Self::hand_over).
    pub fn reserve(&self, tasks: &[Arc<Task>]) -> bool {
        self.arrivals.as_ref().is_some_and(|arrivals| arrivals.reserve(tasks))
    }

    /// Hands a fresh task over once the group is on disk.
    pub fn hand_over(&mut self, lease: Lease) {
        self.group.fresh.push(lease);
    }

    /// Rings the dispatcher's bell once the group is on disk.
    pub fn ring(&mut self) {
        self.group.ring = true;
    }

    /// The claim journal's row of this group, in which `seq` is to stand.
    pub fn journal(&mut self, seq: i64) -> i64 {
        let book = &mut self.book;
        let batch = *self.group.batch.get_or_insert_with(|| book.next_batch());
        self.group.claimed.push(seq);
        batch
    }

    /// Strikes a row of the claim journal out with this group, where there is one.
    pub fn strike_out(&mut self, batch: Option<i64>) {
        self.group.ended.extend(batch);
    }
}
