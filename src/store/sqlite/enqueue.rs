//! Taking in what was accepted.

use rusqlite::{OptionalExtension, params};

use super::{
    book::Leased,
    failure::Failure,
    rows::{checksum, id_bytes, id_from, state},
    session::Session,
};
use crate::{
    failpoint::failpoint,
    store::{Enqueued, IDEMPOTENCY_WINDOW, Lease, StoreError, Submission, UrlPlatform, codec, rank::Rank},
    task::LaneKey,
};

impl Session<'_> {
    /// Stores submissions, each with all its tasks.
    pub fn enqueue(&mut self, submissions: &[Submission], waiting_max: u64) -> Result<Vec<Enqueued>, Failure> {
        // What has become due by now is older than what comes.
        if self.space.is_low() {
            return Err(StoreError::DiskFull.into());
        }
        if !self.awake()?.is_empty() {
            // They are ended by the next claim, which the bell asks for.
            self.book.next_wake = 0;
            self.ring();
        }
        let mut known = Vec::with_capacity(submissions.len());
        let mut added = 0;
        for submission in submissions {
            let earlier = self.known(submission)?;
            added += if earlier.is_none() { submission.tasks.len() as u64 } else { 0 };
            known.push(earlier);
        }
        let waiting = self.book.counts.waiting;
        if added > 0 && waiting.saturating_add(added) > waiting_max {
            return Err(StoreError::Full { waiting, max: waiting_max }.into());
        }
        let mut answers = Vec::with_capacity(submissions.len());
        for (submission, known) in submissions.iter().zip(known) {
            // The same key may have come twice in this very call.
            let known = if known.is_none() { self.known(submission)? } else { known };
            match known {
                Some(known) => answers.push(known),
                None => answers.push(self.store(submission)?),
            }
        }
        Ok(answers)
    }

    /// What was accepted with the same key before.
    fn known(&self, submission: &Submission) -> Result<Option<Enqueued>, Failure> {
        let Some((key, hash)) = &submission.idempotency else { return self.repeats(submission) };
        let mut select = self.db.prepare_cached("SELECT hash, notification, expires FROM idempotency WHERE key = ?1")?;
        let found = select
            .query_row([&**key], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 16]>(1)?, row.get::<_, i64>(2)?)))
            .optional()?;
        Ok(found.filter(|(_, _, expires)| *expires > self.now).map(|(known, id, _)| {
            if known == i64::from_ne_bytes(hash.to_ne_bytes()) {
                Enqueued::Known(id_from(id))
            } else {
                Enqueued::Conflict(id_from(id))
            }
        }))
    }

    fn store(&mut self, submission: &Submission) -> Result<Enqueued, Failure> {
        let repeated = self.repeated(submission)?;
        let (head, tasks) = (&submission.head, submission.tasks.len() as i64);
        let first = self.book.take_numbers(tasks);
        let (accepted, message) = (codec::nanos(head.accepted_at), &*head.message);
        let (style, extras) = (codec::style(message), codec::write_extras(message, &head.failovers));
        let sum = checksum(
            head.id,
            style,
            [message.kind.as_deref(), message.title.as_deref(), Some(&*message.body), extras.as_deref()],
        );
        let expires = head.expires_at.map(codec::nanos);
        self.sql.insert_notification.execute(params![
            id_bytes(head.id),
            first,
            tasks,
            accepted,
            head.not_before.map(codec::nanos),
            expires,
            head.correlation.as_deref(),
            style,
            message.kind.as_deref(),
            message.title.as_deref(),
            message.body,
            extras,
            sum,
        ])?;
        if let Some((key, hash)) = &submission.idempotency {
            let ends = self.now.saturating_add(codec::length(IDEMPOTENCY_WINDOW));
            let mut insert = self.db.prepare_cached("INSERT OR REPLACE INTO idempotency VALUES (?1, ?2, ?3, ?4)")?;
            insert.execute(params![&**key, i64::from_ne_bytes(hash.to_ne_bytes()), id_bytes(head.id), ends])?;
        }
        for UrlPlatform { name, url, trusted } in &submission.urls {
            let mut insert = self.db.prepare_cached("INSERT OR IGNORE INTO url (platform, url, trusted) VALUES (?1, ?2, ?3)")?;
            insert.execute(params![name.as_str(), url.expose(), trusted])?;
        }
        self.book.counts.accepted += tasks as u64;
        let rank = self.book.ranks.next(head.accepted_at, message.priority);
        failpoint!("accept.in_tx");
        self.place(submission, first, rank, &repeated)?;
        let cancelled = self.apply_keys(submission, &repeated)?;
        Ok(if cancelled.is_empty() { Enqueued::Stored } else { Enqueued::StoredInstead(cancelled.into()) })
    }

    /// Hands the tasks of one notification straight to the dispatcher if it has room and nothing older waits on their
    /// lanes; else they wait.
    fn place(&mut self, submission: &Submission, first: i64, rank: Rank, repeated: &[bool]) -> Result<(), Failure> {
        let (tasks, order) = (&submission.tasks, &submission.keys.order);
        let accepted = codec::nanos(submission.head.accepted_at);
        let expires = submission.head.expires_at.map(codec::nanos).unwrap_or_default();
        let due = tasks.first().and_then(|task| task.head.not_before).map(codec::nanos).filter(|due| *due > self.now);
        let lanes: Result<Vec<_>, _> = tasks.iter().map(|task| self.lane(&task.lane)).collect();
        let lanes = lanes?;
        let nothing_older = lanes.iter().all(|lane| !self.book.lanes.is_ready(*lane));
        // Those that repeat others are cancelled before anybody sees them.
        let plain = due.is_none() && order.is_none() && !repeated.contains(&true);
        let straight = plain && nothing_older && self.reserve(tasks);
        let count = tasks.len() as i64;
        let (code, wake) = match due {
            _ if straight => (state::HANDED, 0),
            Some(due) => (state::SCHEDULED, wake(due, expires)),
            None => (state::WAITING, expires),
        };
        for (seq, (task, lane)) in (first..).zip(tasks.iter().zip(lanes)) {
            let (code, mut wake) = if self.link(seq, order, task)? { (state::HELD, expires) } else { (code, wake) };
            if let Some(until) = task.until {
                self.note_step(seq, task)?;
                wake = if straight { 0 } else { earlier(wake, codec::nanos(until)) };
            }
            self.sql.insert_task.execute(params![
                seq,
                id_bytes(task.head.id),
                task.index,
                lane,
                task.recipient.as_deref(),
                code,
                rank.of(submission.keys.goes_first(task)),
                due.unwrap_or_default(),
                wake,
                accepted,
            ])?;
            if straight {
                let batch = self.journal(seq);
                let leased = Leased {
                    seq,
                    first,
                    tasks: count,
                    lane,
                    state: code,
                    counted: 0,
                    tries: 0,
                    batch,
                    cancelled: false,
                    begun: false,
                };
                let token = self.book.lease(leased, || count);
                self.book.counts.leased += 1;
                self.hand_over(Lease { token, task: task.clone(), counted: 0, tries: 0 });
            } else {
                self.book.counts.waiting += 1;
                self.wake_at(wake);
                if code == state::WAITING {
                    self.book.lanes.set_ready(lane, true);
                }
                self.ring();
            }
        }
        Ok(())
    }

    /// The number of a lane; a lane nobody has used before is written.
    pub fn lane(&mut self, key: &LaneKey) -> Result<i64, Failure> {
        if let Some(number) = self.book.lanes.number(key) {
            return Ok(number);
        }
        let number = self.book.lanes.next_number();
        let mut insert = self.db.prepare_cached("INSERT INTO lane (id, platform, part) VALUES (?1, ?2, ?3)")?;
        insert.execute(params![number, key.platform.as_str(), key.part.as_deref()])?;
        self.book.add_lane(number, key.clone());
        Ok(number)
    }
}

/// The earlier of two moments, 0 being never.
fn earlier(one: i64, other: i64) -> i64 {
    if one > 0 { wake(one, other) } else { other }
}

/// When a task wakes that is due at `due` and expires at `expires`, 0 being never.
pub fn wake(due: i64, expires: i64) -> i64 {
    if expires > 0 { due.min(expires) } else { due }
}
