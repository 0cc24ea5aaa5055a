//! The one thread that writes: it takes in what is asked, does it in groups, and answers when the group is on disk.
//!
//! While one group is being synced the next one gathers: alone, a call costs one sync; among many, a part of one.
//!
//! # Why does it wait for the disk itself?
//!
//! A second thread could sync while the next group is worked on. Groups are smaller then, for less gathers while nobody waits, and
//! each costs its pages, its sync and a switch of threads: with 64 callers on two cores a delivery took 30 % more processor
//! time that way, and a tenth fewer were delivered.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rusqlite::Connection;
use tokio::sync::mpsc;

use super::{
    answer::{Answer, Sleeper, wake_all},
    failure::Failure,
    session::Session,
};
use crate::{
    clock::Clock,
    store::{ArrivalSender, Counts, Lease, StoreError},
};

/// Calls done in one transaction at most.
const GROUP_CALLS_MAX: usize = 1024;

/// Something to be done within a transaction, perhaps again within another, and answered once.
pub trait Call: Send {
    /// Does it. What it did before is undone when it is called again.
    fn work(&mut self, session: &mut Session<'_>) -> Result<(), Failure>;

    /// Answers: what it did is on disk, or was not done. Whoever waits may be woken by others of the group.
    fn answer(self: Box<Self>, result: Result<(), StoreError>) -> Option<Sleeper>;
}

/// A call whose work returns a value.
pub struct Returning<T, F> {
    pub work: F,
    pub value: Option<T>,
    pub reply: Answer<Result<T, StoreError>>,
    /// Whether he may be woken by another caller: those who deliver are not, for another may live where threads are blocked.
    pub together: bool,
}

impl<T, F> Call for Returning<T, F>
where
    T: Send + 'static,
    F: FnMut(&mut Session<'_>) -> Result<T, Failure> + Send,
{
    fn work(&mut self, session: &mut Session<'_>) -> Result<(), Failure> {
        self.value = Some((self.work)(session)?);
        Ok(())
    }

    fn answer(self: Box<Self>, result: Result<(), StoreError>) -> Option<Sleeper> {
        let Self { value, reply, together, .. } = *self;
        let sleeper = reply.give(result.map(|()| value.expect("the work was done")))?;
        if together {
            return Some(sleeper);
        }
        sleeper.wake();
        None
    }
}

/// What the writer shares with the store.
#[derive(Debug, Default)]
pub struct Shared {
    /// The counts as of the last group.
    pub counts: Mutex<Counts>,
    /// Where arrivals are announced.
    pub arrivals: Mutex<Option<ArrivalSender>>,
    /// Why nothing can be written any more, if so.
    pub broken: Mutex<Option<StoreError>>,
}

impl Shared {
    pub fn broken(&self) -> Option<StoreError> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Works until nobody can ask any more, and leaves the file as small as it can.
pub fn run(
    db: &Connection,
    session: &mut Session<'_>,
    mut calls: mpsc::Receiver<Box<dyn Call>>,
    shared: &Shared,
    clock: &Arc<dyn Clock>,
) {
    let (mut gathered, mut pace) = (Vec::new(), Pace::default());
    while !gathered.is_empty() || calls.blocking_recv_many(&mut gathered, GROUP_CALLS_MAX) > 0 {
        while gathered.len() < GROUP_CALLS_MAX
            && let Ok(call) = calls.try_recv()
        {
            gathered.push(call);
        }
        let mut group = gathered.drain(..pace.group(gathered.len())).collect();
        work(session, &mut group, shared, clock, &mut pace);
    }
    fold(db, shared);
}

/// How long things take, as of late; nothing is known where a group has failed.
#[derive(Default)]
struct Pace {
    call: Duration,
    commit: Duration,
}

impl Pace {
    /// How many of so many calls make the next group: all, or, where their work takes longer than a commit, half of them.
    /// While the rest is written, those who are answered go on.
    fn group(&self, calls: usize) -> usize {
        if self.call.is_zero() {
            return calls;
        }
        let worth_a_commit = usize::try_from(self.commit.as_nanos() / self.call.as_nanos()).unwrap_or(usize::MAX);
        calls.div_ceil(2).max(worth_a_commit).min(calls)
    }

    /// Takes in what a group took.
    fn learn(&mut self, calls: usize, work: Duration, commit: Duration) {
        let towards = |old: Duration, new: Duration| if old.is_zero() { new } else { (old * 7 + new) / 8 };
        self.call = towards(self.call, work / u32::try_from(calls.max(1)).unwrap_or(u32::MAX));
        self.commit = towards(self.commit, commit);
    }
}

/// The same on whatever thread polls it; each group takes as long as `takes` says.
#[cfg(any(test, feature = "testing"))]
pub async fn run_inline(
    db: &Connection,
    session: &mut Session<'_>,
    mut calls: mpsc::Receiver<Box<dyn Call>>,
    shared: &Shared,
    clock: &Arc<dyn Clock>,
    takes: impl Fn() -> std::time::Duration,
) {
    let mut group = Vec::new();
    while calls.recv_many(&mut group, GROUP_CALLS_MAX).await > 0 {
        if crate::failpoint::is_planted("ack_before_commit") {
            // Callers are answered, and what they asked for is committed a moment later.
            session.begin_group(clock.wall(), &shared.arrivals);
            if session.begin().and_then(|()| group.iter_mut().try_for_each(|call| call.work(session))).is_ok() {
                wake_all(group.drain(..).filter_map(|call| call.answer(Ok(()))).collect());
                clock.sleep_until(clock.now() + takes()).await;
                if session.commit().is_ok() {
                    session.announce();
                    continue;
                }
            }
        }
        clock.sleep_until(clock.now() + takes()).await;
        work(session, &mut group, shared, clock, &mut Pace::default());
    }
    fold(db, shared);
}

/// Does a group, and answers it.
fn work(session: &mut Session<'_>, group: &mut Vec<Box<dyn Call>>, shared: &Shared, clock: &Arc<dyn Clock>, pace: &mut Pace) {
    if let Some(error) = shared.broken() {
        wake_all(group.drain(..).filter_map(|call| call.answer(Err(error.clone()))).collect());
        return;
    }
    session.begin_group(clock.wall(), &shared.arrivals);
    let written = write(session, group, clock, pace);
    if written.is_err() {
        *pace = Pace::default();
    }
    match written {
        Ok(()) => keep(session, group, shared),
        // One of them may be at fault: each is done on its own.
        Err(failure) if group.len() > 1 && !failure.is_fatal() && !failure.is_busy() => {
            for call in std::mem::take(group) {
                let mut alone = vec![call];
                session.begin_group(clock.wall(), &shared.arrivals);
                match write(session, &mut alone, clock, pace) {
                    Ok(()) => keep(session, &mut alone, shared),
                    Err(failure) => refuse(alone, failure, shared),
                }
            }
        }
        // Or none of them can be done: the disk has failed, or another program holds the file.
        Err(failure) => refuse(std::mem::take(group), failure, shared),
    }
}

/// Leaves the file as small as it can be.
fn fold(db: &Connection, shared: &Shared) {
    if shared.broken().is_none()
        && let Err(error) = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    {
        tracing::warn!(%error, "cannot fold the write-ahead log into the database file; the next start does");
    }
}

/// Does a group in one transaction. On failure nothing of it was done.
fn write(session: &mut Session<'_>, group: &mut [Box<dyn Call>], clock: &Arc<dyn Clock>, pace: &mut Pace) -> Result<(), Failure> {
    let began = clock.now();
    session.begin()?;
    let worked = group.iter_mut().try_for_each(|call| call.work(session));
    let ready = clock.now();
    let done = worked.and_then(|()| session.commit());
    if done.is_ok() {
        pace.learn(group.len(), ready.saturating_duration_since(began), clock.now().saturating_duration_since(ready));
    }
    if done.is_err() {
        session.roll_back()?;
    }
    if let Err(failure) = &done
        && failure.is_full()
    {
        session.space.was_full();
    }
    done
}

fn keep(session: &mut Session<'_>, group: &mut Vec<Box<dyn Call>>, shared: &Shared) {
    *shared.counts.lock().unwrap_or_else(PoisonError::into_inner) = session.counts();
    let refused = session.announce();
    wake_all(group.drain(..).filter_map(|call| call.answer(Ok(()))).collect());
    if !refused.is_empty() {
        give_back(session, refused);
    }
}

/// Gives back what the dispatcher does not take any more.
fn give_back(session: &mut Session<'_>, refused: Vec<Lease>) {
    let leases: Vec<_> = refused.into_iter().map(|lease| (lease.token, lease.task)).collect();
    let mut done = || {
        session.begin()?;
        session.release(&leases)?;
        session.commit()
    };
    if let Err(error) = done() {
        tracing::warn!(%error, "cannot give unsent tasks back: they wait for the next start");
        if let Err(error) = session.roll_back() {
            tracing::error!(%error, "cannot roll back");
        }
    }
    session.announce();
}

fn refuse(group: Vec<Box<dyn Call>>, failure: Failure, shared: &Shared) {
    let fatal = failure.is_fatal();
    let error = failure.told();
    if fatal {
        tracing::error!(%error, "the disk did not keep what was written: nothing more is accepted or recorded");
        *shared.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
    }
    wake_all(group.into_iter().filter_map(|call| call.answer(Err(error.clone()))).collect());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_halved_only_where_its_work_outlasts_its_commit() {
        let mut pace = Pace::default();
        assert_eq!(pace.group(1000), 1000, "nothing is known yet");
        pace.learn(10, Duration::from_micros(100), Duration::from_micros(400));
        assert_eq!([1, 40, 41, 79, 80, 1000].map(|calls| pace.group(calls)), [1, 40, 40, 40, 40, 500]);
        (0..100).for_each(|_| pace.learn(1, Duration::from_micros(10), Duration::from_millis(20)));
        assert_eq!(pace.group(1000), 1000, "a slow disk is asked rarely");
    }
}
