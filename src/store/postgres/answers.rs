//! What is answered to outcomes that were written, and what the book notes of them.

use std::{collections::HashMap, sync::Arc};

use tokio_postgres::Client;
use uuid::Uuid;

use super::{
    core::{Core, token_column},
    failure::Failure,
    find::find,
    rows::{Gone, lane_text, place, uuid},
    settle::Done,
};
use crate::{
    store::{Settled, Settlement, codec},
    task::{Attempt, Disposition, Outcome, TargetOutcome, TaskState},
};

/// An answer, and the final state of the task if it has one by that. None to whoever is late.
pub type Answer = Option<(Settled, Option<TaskState>)>;

/// Answers in order. Looks up what is not at hand, and changes nothing.
pub async fn answers(client: &Client, settlements: &[Settlement], done: &Done) -> Result<Vec<Answer>, Failure> {
    let gone: HashMap<(Uuid, i32), &Gone> = done.gone.iter().map(|one| ((one.notification, one.place), one)).collect();
    let mut answers = Vec::with_capacity(settlements.len());
    for settlement in settlements {
        let token = token_column(settlement.token);
        answers.push(match gone.get(&(uuid(settlement.task.head.id), place(&settlement.task))) {
            Some(one) if one.is_last() => Some((finished(client, settlement, one).await?, Some(one.state))),
            Some(one) => Some((Settled::Applied, Some(one.state))),
            None if done.kept.contains(&token) => Some((Settled::Kept, None)),
            None if done.retried.contains(&token) => Some((Settled::Applied, None)),
            None if done.before.contains(&token) => {
                let outcome = find(client, settlement.task.head.id).await?;
                let target = outcome.as_ref().and_then(|outcome| outcome.targets.get(settlement.task.index as usize));
                let ended = target.map(|target| target.state).filter(|state| state.is_final());
                Some((standing(outcome), ended))
            }
            None => None,
        });
    }
    Ok(answers)
}

/// Writes into the book what was committed.
pub fn note(core: &Core, settlements: &[Settlement], answers: Vec<Answer>) -> Vec<Settled> {
    let (mut settled, mut rings, mut tells) = (Vec::with_capacity(answers.len()), false, false);
    let mut book = core.book();
    for (settlement, answer) in settlements.iter().zip(answers) {
        let Some((answer, ended)) = answer else {
            book.own.stale += 1;
            settled.push(Settled::Stale);
            continue;
        };
        if answer == Settled::Kept {
            settled.push(answer);
            continue;
        }
        // One that ran alone lets the next one go.
        rings |= book.end(settlement.token);
        match (ended, settlement.disposition) {
            (Some(state), _) => book.own.count(state, 1),
            (None, Disposition::Retry { due, .. }) => {
                book.wake_at(Some(codec::nanos(due)));
                rings = true;
            }
            (None, Disposition::NextStep(_)) => {
                let next = settlement.task.at_next_step(core.clock.wall());
                book.ready.extend(next.iter().map(|next| lane_text(&next.lane)));
                book.wake_at(next.and_then(|next| next.ends_at()).map(codec::nanos));
                tells = true;
            }
            (None, _) => {}
        }
        settled.push(answer);
    }
    drop(book);
    if tells {
        // Another node may send where this one may not.
        core.tell_all();
    } else if rings {
        core.ring();
    }
    settled
}

async fn finished(client: &Client, settlement: &Settlement, gone: &Gone) -> Result<Settled, Failure> {
    let attempts: Vec<Attempt> = settlement.attempt.iter().cloned().collect();
    if settlement.task.failover().is_some() || gone.open.is_some() || usize::try_from(gone.tries) != Ok(attempts.len()) {
        return Ok(standing(find(client, settlement.task.head.id).await?));
    }
    let task = &settlement.task;
    let dead = match settlement.disposition {
        Disposition::Dead(reason) => Some(reason),
        _ => None,
    };
    let target = TargetOutcome {
        task: task.id,
        platform: task.platform().clone(),
        recipient: task.recipient.clone(),
        state: gone.state,
        dead,
        attempts,
        left: Vec::new(),
    };
    let outcome = Outcome { id: task.head.id, correlation_id: task.head.correlation_id(), targets: vec![target] };
    Ok(Settled::Finished(Arc::new(outcome)))
}

/// What is answered where an outcome was looked up.
fn standing(outcome: Option<Outcome>) -> Settled {
    outcome.filter(Outcome::is_final).map_or(Settled::Applied, |outcome| Settled::Finished(Arc::new(outcome)))
}
