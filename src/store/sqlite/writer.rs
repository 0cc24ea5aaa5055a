//! The one thread that writes: it takes in what is asked, does it in groups, and answers when the group is on disk.
//!
//! While one group is being synced the next one gathers: alone, a call costs one sync; among many, a part of one.

use std::sync::{Arc, Mutex, PoisonError};

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
    let mut group = Vec::new();
    while calls.blocking_recv_many(&mut group, GROUP_CALLS_MAX) > 0 {
        work(session, &mut group, shared, clock);
    }
    fold(db, shared);
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
        work(session, &mut group, shared, clock);
    }
    fold(db, shared);
}

/// Does a group, and answers it.
fn work(session: &mut Session<'_>, group: &mut Vec<Box<dyn Call>>, shared: &Shared, clock: &Arc<dyn Clock>) {
    if let Some(error) = shared.broken() {
        wake_all(group.drain(..).filter_map(|call| call.answer(Err(error.clone()))).collect());
        return;
    }
    session.begin_group(clock.wall(), &shared.arrivals);
    match write(session, group) {
        Ok(()) => keep(session, group, shared),
        // One of them may be at fault: each is done on its own.
        Err(failure) if group.len() > 1 && !failure.is_fatal() && !failure.is_busy() => {
            for call in std::mem::take(group) {
                let mut alone = vec![call];
                session.begin_group(clock.wall(), &shared.arrivals);
                match write(session, &mut alone) {
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
fn write(session: &mut Session<'_>, group: &mut [Box<dyn Call>]) -> Result<(), Failure> {
    session.begin()?;
    let done = group.iter_mut().try_for_each(|call| call.work(session)).and_then(|()| session.commit());
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
