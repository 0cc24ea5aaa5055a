//! The loads: when tasks come, when they may be sent, and how long their sends take.

use std::{f64::consts::TAU, time::Duration};

use rand::{Rng, SeedableRng, rngs::SmallRng};

/// How long each load lasts.
pub const LASTS_S: u64 = 900;

/// How long a send takes on average.
pub const SEND_S: f64 = 0.2;

/// How far the logarithm of a send's time spreads: one send in a hundred takes more than twice the average.
const SEND_SPREAD: f64 = 0.35;

/// What the platform of [`Load::Capped`] lets through a second.
pub const CAP_PER_S: f64 = 100.0;

/// A load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// Two thirds of what the smallest pool can send.
    Steady,
    /// 400 to 2,800 a second and back, every five minutes.
    Sine,
    /// 400 a second, five minutes of 3,600 a second, 400 a second.
    Step,
    /// 3,600 a second for the first 15 s of every two minutes, and nothing between.
    Burst,
    /// 150 a second where the platform lets 100 a second through.
    Capped,
}

/// A task.
#[derive(Debug, Clone, Copy)]
pub struct Task {
    /// When it comes.
    pub comes: Duration,
    /// When its platform's rate limit lets it go: from then on it waits for a worker.
    pub may_go: Duration,
    /// How long its send takes.
    pub takes: Duration,
}

impl Load {
    /// Every load.
    pub const ALL: [Self; 5] = [Self::Steady, Self::Sine, Self::Step, Self::Burst, Self::Capped];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Sine => "sine",
            Self::Step => "step",
            Self::Burst => "burst",
            Self::Capped => "capped",
        }
    }

    /// Its tasks in the order they come: a Poisson process.
    pub fn tasks(self, seed: u64) -> Vec<Task> {
        let mut rng = SmallRng::seed_from_u64(seed);
        let (mut tasks, mut at, mut lets_go) = (Vec::new(), 0.0, 0.0);
        loop {
            at += exponential(&mut rng) / self.most_per_s();
            if at >= LASTS_S as f64 {
                return tasks;
            }
            if rng.random::<f64>() * self.most_per_s() >= self.per_s(at) {
                continue;
            }
            lets_go = if self == Self::Capped { at.max(lets_go + 1.0 / CAP_PER_S) } else { at };
            tasks.push(Task { comes: seconds(at), may_go: seconds(lets_go), takes: seconds(send_s(&mut rng)) });
        }
    }

    /// How many tasks a second come at a moment.
    fn per_s(self, at: f64) -> f64 {
        match self {
            Self::Steady => 212.0,
            Self::Sine => 1_600.0 - 1_200.0 * (TAU * at / 300.0).cos(),
            Self::Step if (300.0..600.0).contains(&at) => 3_600.0,
            Self::Step => 400.0,
            Self::Burst if at % 120.0 < 15.0 => 3_600.0,
            Self::Burst => 0.0,
            Self::Capped => 150.0,
        }
    }

    const fn most_per_s(self) -> f64 {
        match self {
            Self::Steady => 212.0,
            Self::Sine => 2_800.0,
            Self::Step | Self::Burst => 3_600.0,
            Self::Capped => 150.0,
        }
    }
}

/// A time from the log-normal distribution whose mean is [`SEND_S`].
fn send_s(rng: &mut SmallRng) -> f64 {
    let normal = (2.0 * exponential(rng)).sqrt() * (TAU * rng.random::<f64>()).cos();
    SEND_S * (SEND_SPREAD * normal - SEND_SPREAD * SEND_SPREAD / 2.0).exp()
}

/// A time from the exponential distribution whose mean is 1.
fn exponential(rng: &mut SmallRng) -> f64 {
    -(1.0 - rng.random::<f64>()).ln()
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}
