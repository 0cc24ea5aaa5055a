//! Starts the workers, replaces what dies, and makes the pool as large as the scaler or a person says.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
};

use super::{
    PoolEvent, WorkerKey, WorkerSettings,
    command::{PoolCommand, Suspect},
    crew::{Crew, Ended, Role},
    load::LoadGauge,
    scaler::{History, Rules, TICK},
    slots::Slots,
    worker::{Member, Order, Worker},
};
use crate::{
    clock::Clock,
    config::PoolConfig,
    event::EventKind,
    shutdown::Scope,
    telemetry::{Board, EventBus},
};

/// A pool that starts cold doubles its workers this often, so that not all of them connect at once.
const STAGE: Duration = Duration::from_millis(10);

/// Workers of the first stage.
const STAGE_WORKERS: usize = 2;

/// Most workers a pool may have, also by hand.
pub const WORKERS_MAX: usize = 1024;

/// What a supervisor needs.
pub struct SupervisorParts {
    /// `[pool]`
    pub config: PoolConfig,
    /// How workers work.
    pub settings: WorkerSettings,
    /// Where they run.
    pub runtime: Handle,
    /// Where they report.
    pub reports: mpsc::Sender<PoolEvent>,
    /// What is asked by hand.
    pub commands: mpsc::Receiver<PoolCommand>,
    /// Whom the monitor suspects.
    pub suspects: mpsc::Receiver<Suspect>,
    /// Whom the monitor watches.
    pub watched: watch::Sender<Arc<[Member]>>,
    /// Where workers show themselves.
    pub board: Board,
    /// Who listens.
    pub events: EventBus,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// What the supervisor lives in.
    pub scope: Scope,
}

/// Owns the workers. It ends when all of them have, after the scope began to drain; it waits for none that was given up.
pub struct Supervisor {
    pub(super) parts: SupervisorParts,
    pub(super) crew: Crew,
    pub(super) slots: Slots,
    /// How many workers there should be.
    pub(super) target: usize,
    /// How many of them may have been started by now, and when there may be more.
    pub(super) staged: usize,
    pub(super) next_stage: Option<Instant>,
    pub(super) draining: bool,
    /// Workers that were lost and have no successor yet, by slot.
    lost: HashMap<u32, WorkerKey>,
    pub(super) rules: Rules,
    pub(super) history: History,
    pub(super) gauge: LoadGauge,
    pub(super) next_tick: Instant,
}

/// What the supervisor acts on.
enum Input {
    Ended(Ended),
    Command(PoolCommand),
    Suspect(Suspect),
    Timer,
    Draining,
}

impl Supervisor {
    /// A supervisor without workers yet.
    pub fn new(parts: SupervisorParts) -> Self {
        let (now, rules) = (parts.clock.now(), Rules::new(&parts.config));
        Self {
            history: History::new(&rules),
            rules,
            gauge: LoadGauge::new(now),
            next_tick: now + TICK,
            crew: Crew::new(parts.runtime.clone(), parts.scope.clone()),
            slots: Slots::default(),
            target: parts.config.min_workers,
            staged: STAGE_WORKERS,
            next_stage: None,
            draining: false,
            lost: HashMap::new(),
            parts,
        }
    }

    /// Keeps the pool as large as it should be until the scope drains and all workers have ended.
    pub async fn run(mut self) {
        while !(self.draining && self.crew.is_gone()) {
            self.fill().await;
            match self.input().await {
                Input::Ended(ended) => self.take_ended(ended).await,
                Input::Command(PoolCommand { ask, reply }) => {
                    // Whoever asked may have gone.
                    let _ = reply.send(self.obey(ask).await);
                }
                Input::Suspect(suspect) => self.give_up(suspect.worker, suspect.why).await,
                Input::Timer => self.tick().await,
                Input::Draining => self.draining = true,
            }
        }
    }

    async fn input(&mut self) -> Input {
        let clock = self.parts.clock.clone();
        let timer = self.next_stage.into_iter().chain(self.slots.next_rested()).chain([self.next_tick]).min();
        let timer = timer.filter(|_| !self.draining);
        let timer = async {
            match timer {
                Some(at) => clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            ended = self.crew.ended() => Input::Ended(ended),
            Some(suspect) = self.parts.suspects.recv() => Input::Suspect(suspect),
            Some(command) = self.parts.commands.recv() => Input::Command(command),
            () = timer => Input::Timer,
            () = self.parts.scope.draining(), if !self.draining => Input::Draining,
        }
    }

    /// Starts what is missing, as far as its time has come.
    pub(super) async fn fill(&mut self) {
        if self.draining {
            return;
        }
        let now = self.parts.clock.now();
        if self.next_stage.is_some_and(|at| at <= now) {
            self.staged *= 2;
        }
        self.next_stage = (self.staged < self.target).then(|| self.next_stage.filter(|at| *at > now).unwrap_or(now + STAGE));
        let rested = self.slots.rested(now);
        let missing = self.slots.vacancies(self.target.min(self.staged));
        for slot in rested.into_iter().chain(missing) {
            self.start(slot).await;
        }
    }

    pub(super) async fn start(&mut self, slot: u32) {
        let parts = &self.parts;
        let key = self.slots.start(slot, parts.clock.now());
        let (worker, link, member) = Worker::new(key, parts.settings, parts.reports.clone(), parts.clock.clone());
        self.crew.start(worker, member);
        let affinity = parts.config.affinity_of(slot as usize);
        let _ = parts.reports.send(PoolEvent::Started { worker: key, link, affinity }).await;
        self.show();
        let started = match self.lost.remove(&slot) {
            Some(lost) => {
                parts.board.engine.restarts.fetch_add(1, Relaxed);
                EventKind::WorkerReplaced { worker: key, lost }
            }
            None => EventKind::WorkerStarted { worker: key },
        };
        self.parts.events.publish(|| (None, started));
    }

    /// Lets the worker of a slot finish what it has and end.
    pub(super) async fn retire(&mut self, slot: u32) {
        self.lost.remove(&slot);
        let Some(worker) = self.slots.worker(slot) else { return self.slots.vacate(slot) };
        self.slots.vacate(slot);
        self.leave(worker).await;
    }

    pub(super) async fn leave(&mut self, worker: WorkerKey) {
        let _ = self.parts.reports.send(PoolEvent::Draining { worker }).await;
        if let Some(member) = self.crew.member(worker) {
            // Where there is no place for the order, it sees that nobody can give it jobs any more.
            let _ = member.orders.try_send(Order::Drain);
        }
        self.crew.assign(worker, Role::Leaving);
        self.show();
    }

    async fn take_ended(&mut self, Ended { worker, role, how }: Ended) {
        let closed = self.parts.reports.is_closed();
        match (role, how) {
            (Role::GivenUp, _) => {
                tracing::info!(worker = %worker, "the thread of worker {worker}, which was given up, is free again")
            }
            (Role::Leaving, Ok(())) => self.ended(worker).await,
            (Role::Working, Ok(())) if self.draining || closed => self.ended(worker).await,
            (_, how) => self.lost(worker, how.err().unwrap_or_else(|| "was stopped".into())).await,
        }
        self.show();
    }

    async fn ended(&mut self, worker: WorkerKey) {
        let _ = self.parts.reports.send(PoolEvent::Ended { worker }).await;
        self.parts.events.publish(|| (None, EventKind::WorkerStopped { worker }));
    }

    /// A worker is gone without having finished; its slot gets a new one after a rest.
    async fn lost(&mut self, worker: WorkerKey, why: String) {
        let why: Arc<str> = why.into();
        tracing::error!(worker = %worker, %why, "worker {worker} is lost");
        if self.slots.is_current(worker) {
            self.slots.lose(worker, self.parts.clock.now());
            self.lost.insert(worker.slot, worker);
        }
        let _ = self.parts.reports.send(PoolEvent::Lost { worker, why: why.clone() }).await;
        self.parts.events.publish(|| (None, EventKind::WorkerLost { worker, why }));
    }

    /// Replaces a worker that shows no sign of life, without waiting for it.
    pub(super) async fn give_up(&mut self, worker: WorkerKey, why: String) {
        if self.crew.member(worker).is_some() {
            self.crew.assign(worker, Role::GivenUp);
            self.lost(worker, why).await;
            self.show();
        }
    }

    /// Shows who is there, and how many should be.
    fn show(&self) {
        self.parts.board.wanted.store(self.target as u64, Relaxed);
        let cells = |roles: &[Role]| self.crew.members(roles).into_iter().map(|member| member.cell).collect();
        self.parts.board.show_workers(cells(&[Role::Working, Role::Leaving]), cells(&[Role::GivenUp]));
        self.parts.watched.send_replace(self.crew.members(&[Role::Working]).into());
    }
}
