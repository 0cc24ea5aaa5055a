//! The workers' tasks: who lives, who leaves, and who was given up.

use std::collections::HashMap;

use tokio::{
    runtime::Handle,
    task::{AbortHandle, Id, JoinError, JoinSet},
};

use super::{
    WorkerKey,
    sends::panic_text,
    worker::{Member, Worker},
};
use crate::shutdown::Scope;

/// Owns the tasks of all workers.
pub struct Crew {
    tasks: JoinSet<()>,
    lives: HashMap<Id, Life>,
    runtime: Handle,
    scope: Scope,
}

struct Life {
    member: Member,
    abort: AbortHandle,
    role: Role,
}

/// What a worker is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It works in its slot.
    Working,
    /// It finishes what it has.
    Leaving,
    /// Something blocks its thread: nobody waits for it any more, and what it still reports counts for nothing.
    GivenUp,
}

/// A worker's task has ended.
pub struct Ended {
    /// Whose.
    pub worker: WorkerKey,
    /// What it was there for.
    pub role: Role,
    /// How it ended: by itself, or as told here.
    pub how: Result<(), String>,
}

impl Crew {
    /// Nobody yet; workers will run on `runtime`.
    pub fn new(runtime: Handle, scope: Scope) -> Self {
        Self { tasks: JoinSet::new(), lives: HashMap::new(), runtime, scope }
    }

    /// Sets a worker going.
    pub fn start(&mut self, worker: Worker, member: Member) {
        let abort = self.tasks.spawn_on(self.scope.guest(worker.run()), &self.runtime);
        self.lives.insert(abort.id(), Life { member, abort, role: Role::Working });
    }

    /// The next worker whose task has ended; never resolves while there is none. May be dropped and called again.
    pub async fn ended(&mut self) -> Ended {
        loop {
            let Some(ended) = self.tasks.join_next_with_id().await else { return std::future::pending().await };
            let (id, how) = match ended {
                Ok((id, ())) => (id, Ok(())),
                Err(error) => (error.id(), Err(why_lost(error))),
            };
            if let Some(life) = self.lives.remove(&id) {
                return Ended { worker: life.member.cell.key, role: life.role, how };
            }
        }
    }

    /// Changes what a worker is there for; one that is given up is ended as soon as its thread is free again.
    pub fn assign(&mut self, worker: WorkerKey, role: Role) {
        let Some(life) = self.lives.values_mut().find(|life| life.member.cell.key == worker) else { return };
        life.role = role;
        if role == Role::GivenUp {
            life.abort.abort();
        }
    }

    /// A worker, as it is watched.
    pub fn member(&self, worker: WorkerKey) -> Option<&Member> {
        self.lives.values().map(|life| &life.member).find(|member| member.cell.key == worker)
    }

    /// Everybody in these roles, by slot, and in a slot the newest first.
    pub fn members(&self, roles: &[Role]) -> Vec<Member> {
        let members = self.lives.values().filter(|life| roles.contains(&life.role)).map(|life| life.member.clone());
        let mut members: Vec<_> = members.collect();
        members.sort_by_key(|member| (member.cell.key.slot, std::cmp::Reverse(member.cell.key.epoch)));
        members
    }

    /// Whether nobody is left but those that were given up.
    pub fn is_gone(&self) -> bool {
        self.lives.values().all(|life| life.role == Role::GivenUp)
    }
}

fn why_lost(error: JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => format!("panicked: {}", panic_text(&*panic)),
        Err(_) => "was aborted".into(),
    }
}
