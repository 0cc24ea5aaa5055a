//! One loop that stores what is accepted: while one group is being committed the next one gathers. Alone, a submission costs one
//! commit; among many, a part of one.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::{
    core::{Core, retrying},
    enqueue::{Placed, Rows, place_plain, write_urls},
    failure::Failure,
    rows::part,
};
use crate::store::{Enqueued, StoreError, Submission};

/// Submissions stored in one statement; a call is not split, so there may be more.
const GROUP_MAX: usize = 1024;

/// A call that waits to be stored.
pub struct Call {
    pub submissions: Vec<Submission>,
    pub reply: oneshot::Sender<Result<Vec<Enqueued>, StoreError>>,
}

/// Stores what comes until nobody can send any more.
pub async fn run(core: Arc<Core>, mut calls: mpsc::Receiver<Call>) {
    let mut gathered = Vec::new();
    loop {
        if gathered.is_empty() && calls.recv_many(&mut gathered, GROUP_MAX).await == 0 {
            return;
        }
        while gathered.len() < GROUP_MAX
            && let Ok(call) = calls.try_recv()
        {
            gathered.push(call);
        }
        let group = split(&mut gathered);
        let group = admit(&core, group);
        if group.is_empty() {
            continue;
        }
        match store(&core, &group).await {
            Ok(()) => group.into_iter().for_each(answer),
            Err(failure) if group.len() > 1 && !failure.is_outage() => {
                // One of them may be at fault: each is stored on its own.
                for call in group {
                    match store(&core, std::slice::from_ref(&call)).await {
                        Ok(()) => answer(call),
                        Err(failure) => refuse(call, failure.told()),
                    }
                }
            }
            Err(failure) => {
                let error = failure.told();
                group.into_iter().for_each(|call| refuse(call, error.clone()));
            }
        }
    }
}

/// Takes the next calls that are stored together off the head.
fn split(gathered: &mut Vec<Call>) -> Vec<Call> {
    let mut submissions = 0;
    let fits = gathered.iter().take_while(|call| {
        let first = submissions == 0;
        submissions += call.submissions.len();
        first || submissions <= GROUP_MAX
    });
    let count = fits.count();
    gathered.drain(..count).collect()
}

/// Refuses the calls for which there is no room.
fn admit(core: &Core, group: Vec<Call>) -> Vec<Call> {
    let (waiting, max) = (core.book().counts().waiting, core.options.waiting_max);
    let mut added = 0;
    group
        .into_iter()
        .filter_map(|call| {
            let tasks: usize = call.submissions.iter().map(|submission| submission.tasks.len()).sum();
            if waiting.saturating_add(added).saturating_add(tasks as u64) > max {
                refuse(call, StoreError::Full { waiting, max });
                return None;
            }
            added += tasks as u64;
            Some(call)
        })
        .collect()
}

fn answer(call: Call) {
    let stored = vec![Enqueued::Stored; call.submissions.len()];
    // Whoever has gone meanwhile knows not whether it is stored; it is.
    drop(call.reply.send(Ok(stored)));
}

fn refuse(call: Call, error: StoreError) {
    drop(call.reply.send(Err(error)));
}

/// Stores a group, all or nothing, and tells the dispatcher.
async fn store(core: &Core, group: &[Call]) -> Result<(), Failure> {
    let (node, mut rows, mut placed) = (core.node(), Rows::default(), Vec::new());
    let submissions = || group.iter().flat_map(|call| &call.submissions);
    for submission in submissions() {
        placed.push(place_plain(core, &mut rows, submission, node));
    }
    let stored: Result<bool, Failure> = retrying!(core, |client| {
        for call in group {
            write_urls(client, core, &call.submissions).await?;
        }
        rows.insert(client, node, part::ACCEPT).await
    });
    let tasks: usize = submissions().map(|submission| submission.tasks.len()).sum();
    settle_in(core, placed, stored, tasks)
}

/// Writes into the book what was stored and hands fresh work over, or takes the promises back.
pub fn settle_in(core: &Core, placed: Vec<Placed>, stored: Result<bool, Failure>, tasks: usize) -> Result<(), Failure> {
    let take_back = || {
        if let Some(arrivals) = core.arrivals().as_ref() {
            arrivals.take_back(placed.iter().flat_map(|placed| &placed.fresh));
        }
        let mut book = core.book();
        placed.iter().flat_map(|placed| &placed.fresh).for_each(|lease| _ = book.end(lease.token));
    };
    let alive = match stored {
        Ok(alive) => alive,
        Err(failure) => {
            take_back();
            return Err(failure);
        }
    };
    if !alive {
        take_back();
    }
    let (mut fresh, mut waits) = (Vec::new(), !alive);
    {
        let mut book = core.book();
        book.own.accepted += if alive { tasks as i64 } else { 0 };
        for Placed { fresh: leases, waits_on, wake } in placed {
            waits |= !waits_on.is_empty() || wake.is_some();
            book.ready.extend(waits_on);
            book.wake_at(wake);
            fresh.extend(leases);
        }
    }
    if alive {
        core.hand_over(fresh);
    }
    if waits {
        core.tell_all();
    }
    Ok(())
}
