//! A pool in virtual time: queues with slots, fed by a balancer, without a clock and without waiting.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use notifyhub::{
    PlatformName,
    bench::{Batch, Candidate, LoadBalancer, balancer},
    config::Strategy,
};
use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::AnyError;

/// Virtual nanoseconds a send takes on average.
const SERVICE_NS: f64 = 100e6;

/// Sends a worker takes in beyond its slots, as the engine's do.
const PREFETCH: usize = 16;

const LANES: u64 = 64;

/// What is simulated.
pub struct Scenario {
    pub workers: usize,
    pub slots: usize,
    /// How many times slower than the others the first worker is.
    pub slow_times: u64,
    /// Work that arrives, as a part of what the pool can do, its slow worker counted as slow.
    pub load: f64,
    pub service: Service,
    pub tasks: u64,
}

/// How long a send takes; always the same on average.
pub enum Service {
    Even,
    /// `sigma` 0.8 is a p99 of about six times the median.
    LogNormal {
        sigma: f64,
    },
}

/// What came of it.
pub struct Results {
    /// From arrival to the end of the send, in virtual nanoseconds, in the order of their ends.
    latencies: Vec<u64>,
    sends: Vec<u64>,
}

impl Results {
    /// Jain's fairness index of sends per worker: 1 is perfectly even, 1 / workers is all to one.
    pub fn jain(&self) -> f64 {
        let sum: u64 = self.sends.iter().sum();
        let squares: u64 = self.sends.iter().map(|sends| sends * sends).sum();
        sum as f64 * sum as f64 / (self.sends.len() as f64 * squares as f64)
    }

    /// The latency that one send in a hundred exceeds, without the first tenth of the sends.
    pub fn p99(&self) -> f64 {
        let mut steady = self.latencies[self.latencies.len() / 10..].to_vec();
        steady.sort_unstable();
        steady[steady.len() * 99 / 100] as f64
    }
}

/// Runs it. Arrivals and lengths of work depend on the seed alone, so that all strategies get the same.
pub fn run(scenario: &Scenario, strategy: Strategy, seed: u64) -> Result<Results, AnyError> {
    let mut work = SmallRng::seed_from_u64(seed);
    let mut pool = Pool::new(scenario, balancer(strategy, seed), "ops".parse()?);
    let rate = scenario.load * pool.sends_per_ns(scenario);
    let mut arrival_ns = 0;
    for number in 0..scenario.tasks {
        arrival_ns += (-(1.0 - work.random::<f64>()).ln() / rate) as u64;
        let task = Task { arrival_ns, service_ns: scenario.service.draw(&mut work), lane: number % LANES };
        pool.run_until(arrival_ns);
        pool.backlog.push_back(task);
        pool.give(arrival_ns);
    }
    pool.run_until(u64::MAX);
    Ok(pool.results)
}

/// A lane's hash: well mixed, as the engine's are.
pub fn lane_hash(lane: u64) -> u64 {
    SmallRng::seed_from_u64(lane).random()
}

impl Service {
    fn draw(&self, rng: &mut SmallRng) -> u64 {
        match self {
            Self::Even => SERVICE_NS as u64,
            Self::LogNormal { sigma } => {
                let (radius, angle) = (1.0 - rng.random::<f64>(), rng.random::<f64>());
                let normal = (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos();
                (SERVICE_NS * (sigma * normal - sigma * sigma / 2.0).exp()) as u64
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Task {
    arrival_ns: u64,
    service_ns: u64,
    lane: u64,
}

struct Pool {
    balancer: Box<dyn LoadBalancer>,
    candidates: Vec<Candidate>,
    workers: Vec<Worker>,
    /// What nobody has room for.
    backlog: VecDeque<Task>,
    /// Sends under way: when each ends, whose it is, what it is and how long it took.
    ends: BinaryHeap<Reverse<(u64, usize, Task, u64)>>,
    /// What sends take on average, over all workers: the work is of one kind.
    average_ns: f64,
    platform: PlatformName,
    results: Results,
}

struct Worker {
    times: u64,
    free: usize,
    waiting: VecDeque<Task>,
}

impl Pool {
    fn new(scenario: &Scenario, balancer: Box<dyn LoadBalancer>, platform: PlatformName) -> Self {
        let room = scenario.slots + PREFETCH;
        let candidate = |slot| Candidate { slot, in_flight: 0, room, weight: 1, affinity: None };
        let times = |index| if index == 0 { scenario.slow_times } else { 1 };
        let worker = |index| Worker { times: times(index), free: scenario.slots, waiting: VecDeque::new() };
        Self {
            balancer,
            candidates: (0..scenario.workers as u32).map(candidate).collect(),
            workers: (0..scenario.workers).map(worker).collect(),
            backlog: VecDeque::new(),
            ends: BinaryHeap::new(),
            average_ns: SERVICE_NS,
            platform,
            results: Results { latencies: Vec::new(), sends: vec![0; scenario.workers] },
        }
    }

    /// What all workers can do together.
    fn sends_per_ns(&self, scenario: &Scenario) -> f64 {
        let workers: f64 = self.workers.iter().map(|worker| 1.0 / worker.times as f64).sum();
        workers * scenario.slots as f64 / SERVICE_NS
    }

    /// Everything that ends before `until_ns`.
    fn run_until(&mut self, until_ns: u64) {
        while self.ends.peek().is_some_and(|Reverse((end_ns, ..))| *end_ns < until_ns) {
            let Some(Reverse((now_ns, index, task, took_ns))) = self.ends.pop() else { return };
            self.results.latencies.push(now_ns - task.arrival_ns);
            self.results.sends[index] += 1;
            self.candidates[index].in_flight -= 1;
            self.candidates[index].room += 1;
            self.balancer.observe(index as u32, (took_ns as f64 / self.average_ns * 1000.0) as u32, false);
            self.average_ns += (took_ns as f64 - self.average_ns) / 64.0;
            self.workers[index].free += 1;
            if let Some(next) = self.workers[index].waiting.pop_front() {
                self.begin(index, next, now_ns);
            }
            self.give(now_ns);
        }
    }

    /// Gives away what waits, as far as there is room.
    fn give(&mut self, now_ns: u64) {
        while let Some(task) = self.backlog.front().copied() {
            let batch = Batch { items: 1, platform: &self.platform, kind: None, lane_hash: lane_hash(task.lane) };
            let Some(index) = self.balancer.pick(&self.candidates, &batch) else { return };
            self.backlog.pop_front();
            self.candidates[index].in_flight += 1;
            self.candidates[index].room -= 1;
            if self.workers[index].free > 0 {
                self.begin(index, task, now_ns);
            } else {
                self.workers[index].waiting.push_back(task);
            }
        }
    }

    fn begin(&mut self, index: usize, task: Task, now_ns: u64) {
        let worker = &mut self.workers[index];
        worker.free -= 1;
        let took_ns = task.service_ns * worker.times;
        self.ends.push(Reverse((now_ns + took_ns, index, task, took_ns)));
    }
}
