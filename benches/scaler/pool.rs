//! The simulated pool: tasks wait for a slot in the order in which they may go, and every tick the pool is sized.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    time::Duration,
};

use notifyhub::bench::TICK;

use super::{
    load::{LASTS_S, Task},
    sizing::{Look, Sizing, rules},
    worker::{SLOTS, Worker},
};

/// A worker that is started takes work so much later.
const STARTS_IN: Duration = TICK;

/// What came of one run.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// How often the number of workers changed.
    pub changes: usize,
    /// How often a change went the other way than the one before.
    pub reversals: usize,
    /// The wait for a worker that one task in a hundred exceeds.
    pub p99_wait_ms: f64,
    /// What the workers cost: from their start until they have left.
    pub worker_seconds: f64,
    /// Most workers at any time.
    pub workers_at_most: usize,
}

/// Runs a load through a pool.
pub fn simulate(tasks: &[Task], sizing: Sizing) -> Measured {
    let mut pool = Pool::new(sizing);
    let (mut next_task, mut next_came, mut tick) = (0, 0, TICK);
    loop {
        let goes = tasks.get(next_task).map_or(Duration::MAX, |task| task.may_go);
        let ends = pool.sends.peek().map_or(Duration::MAX, |Reverse((ends, _))| *ends);
        let now = goes.min(ends).min(tick);
        if now > Duration::from_secs(LASTS_S) {
            return pool.measured();
        }
        if now == tick {
            while tasks.get(next_came).is_some_and(|task| task.comes <= now) {
                next_came += 1;
            }
            pool.tick(now, next_came.saturating_sub(next_task));
            tick += TICK;
        } else if now == ends {
            pool.finish(now);
        } else {
            pool.waiting.push_back(tasks[next_task]);
            next_task += 1;
        }
        pool.begin(now);
    }
}

struct Pool {
    sizing: Sizing,
    /// By slot; `None` where nobody is.
    workers: Vec<Option<Worker>>,
    waiting: VecDeque<Task>,
    /// When a send ends, and the slot of its worker.
    sends: BinaryHeap<Reverse<(Duration, usize)>>,
    begun: u64,
    finished: u64,
    waits: Vec<Duration>,
    changes: Vec<bool>,
    worker_ticks: usize,
    workers_at_most: usize,
}

impl Pool {
    fn new(sizing: Sizing) -> Self {
        Self {
            workers: vec![Some(Worker::starting(Duration::ZERO)); sizing.workers_at_first()],
            sizing,
            waiting: VecDeque::new(),
            sends: BinaryHeap::new(),
            begun: 0,
            finished: 0,
            waits: Vec::new(),
            changes: Vec::new(),
            worker_ticks: 0,
            workers_at_most: 0,
        }
    }

    /// Gives tasks to the workers with the fewest sends under way, as long as one has a free slot.
    fn begin(&mut self, now: Duration) {
        while let Some(task) = self.waiting.front().copied() {
            let slots = self.workers.iter_mut().enumerate().filter_map(|(slot, worker)| Some((slot, worker.as_mut()?)));
            let free = slots.filter(|(_, worker)| worker.has_room(now));
            let Some((slot, worker)) = free.min_by_key(|(_, worker)| worker.under_way) else { return };
            worker.begin(now);
            self.sends.push(Reverse((now + task.takes, slot)));
            self.waits.push(now.saturating_sub(task.may_go));
            self.waiting.pop_front();
            self.begun += 1;
        }
    }

    fn finish(&mut self, now: Duration) {
        let Some(Reverse((_, slot))) = self.sends.pop() else { return };
        let place = &mut self.workers[slot];
        let worker = place.as_mut().expect("who leaves finishes first");
        worker.finish(now);
        self.finished += 1;
        if worker.leaving && worker.under_way == 0 {
            *place = None;
        }
    }

    /// Measures, asks how many workers there should be, and starts or retires some.
    fn tick(&mut self, now: Duration, held_back: usize) {
        let present = self.workers.iter().flatten().count();
        self.worker_ticks += present;
        self.workers_at_most = self.workers_at_most.max(present);
        let look = self.look(now, held_back);
        let Some(wanted) = self.sizing.wanted(&look) else { return };
        if wanted != look.meant {
            self.changes.push(wanted > look.meant);
        }
        for _ in look.meant..wanted {
            let worker = Some(Worker::starting(now + STARTS_IN));
            match self.workers.iter_mut().find(|place| place.is_none()) {
                Some(place) => *place = worker,
                None => self.workers.push(worker),
            }
        }
        for _ in wanted..look.meant {
            self.retire(now);
        }
    }

    fn look(&mut self, now: Duration, held_back: usize) -> Look {
        let max_idle_time = rules().max_idle_time;
        let slot_time: Duration = self.workers.iter_mut().flatten().map(|worker| worker.take_slot_time(now)).sum();
        let staying = || self.workers.iter().flatten().filter(|worker| !worker.leaving);
        let workers = staying().filter(|worker| worker.is_at_work(now)).count();
        let all_slot_time = TICK * (workers * SLOTS) as u32;
        Look {
            at: now,
            workers,
            meant: staying().count(),
            busy_permille: (slot_time.as_nanos() * 1000 / all_slot_time.as_nanos().max(1)) as u32,
            under_way: self.sends.len(),
            waiting: self.waiting.len(),
            oldest_wait: self.waiting.front().map_or(Duration::ZERO, |task| now.saturating_sub(task.may_go)),
            held_back,
            begun: std::mem::take(&mut self.begun),
            finished: std::mem::take(&mut self.finished),
            idle_workers: staying().filter(|worker| worker.idle_for(now) >= max_idle_time).count(),
        }
    }

    /// Lets the worker go that has been idle longest, else the one with the fewest sends under way.
    fn retire(&mut self, now: Duration) {
        let staying = self.workers.iter_mut().filter(|place| place.as_ref().is_some_and(|worker| !worker.leaving));
        let rank = |worker: &Worker| (Reverse(worker.idle_for(now)), worker.under_way);
        let Some(place) = staying.min_by_key(|place| place.as_ref().map(rank)) else { return };
        match place {
            Some(worker) if worker.under_way > 0 => worker.leaving = true,
            _ => *place = None,
        }
    }

    /// What came of it. Whoever still waits has waited until now.
    fn measured(mut self) -> Measured {
        let end = Duration::from_secs(LASTS_S);
        self.waits.extend(self.waiting.iter().map(|task| end.saturating_sub(task.may_go)));
        self.waits.sort_unstable();
        let p99 = self.waits.get(self.waits.len() * 99 / 100).copied().unwrap_or_default();
        Measured {
            changes: self.changes.len(),
            reversals: self.changes.windows(2).filter(|pair| pair[0] != pair[1]).count(),
            p99_wait_ms: p99.as_secs_f64() * 1000.0,
            worker_seconds: self.worker_ticks as f64 * TICK.as_secs_f64(),
            workers_at_most: self.workers_at_most,
        }
    }
}
