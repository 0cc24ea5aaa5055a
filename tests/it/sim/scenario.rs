//! What a seed draws: work, settings, and which faults there are at all. Each seed has some faults and not others: what hides
//! behind a frequent fault shows where that one is missing.

use std::{ops::Range, time::Duration};

use notifyhub::{
    Priority,
    config::{Backoff, DeliveryConfig, OnAmbiguous, Order, PoolConfig, RateWindow, Strategy},
};
use rand::{Rng, SeedableRng, rngs::SmallRng, seq::IndexedRandom};

/// A notification that somebody wants to send.
#[derive(Debug, Clone)]
pub struct Wish {
    /// How long its producer waits before it.
    pub pause: Duration,
    pub platforms: Vec<usize>,
    pub priority: Priority,
    pub not_before: Option<Duration>,
    pub expires: Option<Duration>,
    pub order: bool,
    pub replace: bool,
    pub dedupe: bool,
    pub cancelled: bool,
    /// Whether its platforms are the steps of a route.
    pub routed: bool,
    /// The process dies of it.
    pub poison: bool,
}

/// How often things go wrong, in percent; 0 where a seed does not have that fault.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    pub refused: u32,
    pub invalid: u32,
    pub lost_answer: u32,
    pub hang: u32,
    pub limited: u32,
    pub panic: u32,
    pub slow: u32,
    pub store_before: u32,
    pub store_after: u32,
    pub store_slow: u32,
    pub crashes: u32,
    pub drains: bool,
    pub scaling: bool,
}

/// Everything a seed decides.
#[derive(Debug)]
pub struct Scenario {
    pub seed: u64,
    pub pool: PoolConfig,
    pub platforms: Vec<DeliveryConfig>,
    /// By platform: when it is down, if it is at all, since the beginning of all time.
    pub outages: Vec<Option<Range<Duration>>>,
    /// How long each step of a route has.
    pub step_timeout: Duration,
    /// By producer.
    pub wishes: Vec<Vec<Wish>>,
    pub faults: Faults,
    /// How long each life lasts; the last one is not ended.
    pub lives: Vec<Duration>,
    /// How long things go wrong in the last one.
    pub trouble: Duration,
}

const STRATEGIES: [Strategy; 4] = [Strategy::RoundRobin, Strategy::LeastConnections, Strategy::Weighted, Strategy::Performance];

impl Scenario {
    pub fn draw(seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let faults = faults(&mut rng);
        let pool = PoolConfig {
            min_workers: rng.random_range(1..=3),
            max_workers: 4,
            slots: *[1, 2, 8].choose(&mut rng).expect("some"),
            batch_size: rng.random_range(1..=10),
            strategy: *STRATEGIES.choose(&mut rng).expect("some"),
            health_check_interval: Duration::from_secs(60),
            ..PoolConfig::default()
        };
        let platforms: Vec<_> = (0..rng.random_range(1..=3)).map(|_| delivery(&mut rng)).collect();
        let outages = platforms.iter().map(|_| rng.random_bool(0.15).then(|| outage(&mut rng))).collect();
        let step_timeout = Duration::from_millis(rng.random_range(200..30_000));
        let poison = rng.random_range(0..100) < 8;
        let mut wishes: Vec<Vec<Wish>> = (0..rng.random_range(1..=4))
            .map(|_| (0..rng.random_range(1..=12)).map(|_| wish(&mut rng, platforms.len())).collect())
            .collect();
        if poison {
            let victim = &mut wishes[0][0];
            (victim.poison, victim.expires, victim.cancelled, victim.dedupe, victim.replace) = (true, None, false, false, false);
            victim.platforms.truncate(1);
            victim.routed = false;
        }
        let lives = (0..faults.crashes).map(|_| Duration::from_millis(rng.random_range(5..3_000))).collect();
        let trouble = Duration::from_millis(rng.random_range(100..20_000));
        Self { seed, pool, platforms, outages, step_timeout, wishes, faults, lives, trouble }
    }
}

fn faults(rng: &mut SmallRng) -> Faults {
    let mut some = |most: u32| if rng.random_bool(0.5) { rng.random_range(1..=most) } else { 0 };
    Faults {
        refused: some(40),
        invalid: some(5),
        lost_answer: some(20),
        hang: some(10),
        limited: some(20),
        panic: some(8),
        slow: some(50),
        store_before: some(20),
        store_after: some(20),
        store_slow: some(30),
        crashes: some(4),
        drains: some(1) > 0,
        scaling: some(1) > 0,
    }
}

fn outage(rng: &mut SmallRng) -> Range<Duration> {
    let begins = Duration::from_millis(rng.random_range(0..3_000));
    begins..begins + Duration::from_secs(rng.random_range(1..200))
}

fn delivery(rng: &mut SmallRng) -> DeliveryConfig {
    let per = Duration::from_secs(1);
    let window = RateWindow { count: 20.try_into().expect("not zero"), per, burst: 5.try_into().expect("not zero") };
    DeliveryConfig {
        timeout: Duration::from_millis(rng.random_range(100..2_000)),
        max_attempts: rng.random_range(2..=40),
        backoff: Backoff {
            initial: Duration::from_millis(rng.random_range(1..500)),
            max: Duration::from_secs(rng.random_range(1..30)),
            ..Backoff::default()
        },
        on_ambiguous: if rng.random_bool(0.3) { OnAmbiguous::Dead } else { OnAmbiguous::Retry },
        max_in_flight: rng.random_range(1..=8),
        rate_limit: if rng.random_bool(0.2) { vec![window] } else { Vec::new() },
        recipient_rate_limit: if rng.random_bool(0.2) { vec![window] } else { Vec::new() },
        weight: rng.random_range(1..=3),
        order: if rng.random_bool(0.2) { Order::Newest } else { Order::Oldest },
        ..DeliveryConfig::default()
    }
}

fn wish(rng: &mut SmallRng, platforms: usize) -> Wish {
    let mut on: Vec<usize> = (0..platforms).filter(|_| rng.random_bool(0.6)).collect();
    if on.is_empty() {
        on.push(rng.random_range(0..platforms));
    }
    let mut rarely = |percent: f64| rng.random_bool(percent / 100.0);
    let (order, replace, dedupe, cancelled) = (rarely(30.0), rarely(10.0), rarely(10.0), rarely(8.0));
    let routed = rarely(30.0) && !order && on.len() > 1;
    let (later, ends) = (rarely(15.0), rarely(10.0));
    let not_before = later.then(|| Duration::from_millis(rng.random_range(1..5_000)));
    let expires = ends.then(|| not_before.unwrap_or_default() + Duration::from_millis(rng.random_range(1..10_000)));
    let priorities = [Priority::Low, Priority::Normal, Priority::High, Priority::Urgent];
    Wish {
        pause: Duration::from_millis(if rng.random_bool(0.5) { 0 } else { rng.random_range(0..300) }),
        platforms: on,
        priority: *priorities.choose(rng).expect("some"),
        not_before,
        expires,
        order,
        replace,
        dedupe,
        cancelled,
        routed,
        poison: false,
    }
}
