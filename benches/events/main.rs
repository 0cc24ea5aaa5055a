//! What publishing an event costs whoever publishes it, and what fanning it out costs on the other core.
//!
//! ```text
//! cargo bench --bench events                       all cases, several rounds, medians
//! cargo bench --bench events -- --rounds 3
//! ```
//!
//! The publisher is a thread on core 0. Everything that listens runs on one single-threaded runtime on core 1: the
//! broadcaster and all subscribers, which take every event as it comes. Events are published in bursts, each as fast as
//! it goes while the other core works on it; the next begins when every subscriber has seen the last. Only bursts are
//! timed. One case has bursts of one event: what fanning out costs where there is nothing to group. Each event is a
//! `Delivered` with a correlation id, made as the engine makes it, with its wall-clock time.

#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a bench measures real time and prints")]

mod bus;
#[path = "../common/figures.rs"]
mod figures;
mod listeners;
mod locked;
mod sample;

use std::time::{Duration, Instant};

use figures::{Figure, median, report};

use self::{listeners::Listeners, sample::Sample};

const PUBLISHER_CORE: usize = 0;
const LISTENER_CORE: usize = 1;

/// Events of a burst: no more than the bus hands over without dropping any.
const BURST: u64 = 1000;

/// Bursts before those that are measured.
const WARM_UP: u64 = 20;

/// The allocator the command ships with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// What one round of one case measured.
#[derive(Debug, Clone, Copy)]
struct Measured {
    /// What the publisher paid per event.
    publish_ns: f64,
    /// What the listeners' thread paid per event.
    listen_ns: f64,
}

/// A case: its name, its subscribers, how many bursts of how many events, and how an event is published.
struct Case {
    name: &'static str,
    subscribers: u32,
    bursts: u64,
    burst: u64,
    run: fn(&Self) -> Result<Measured, AnyError>,
}

const CASES: [Case; 6] = [
    Case { name: "publish/0", subscribers: 0, bursts: 5000, burst: BURST, run: bus::measure },
    Case { name: "publish/1", subscribers: 1, bursts: 1000, burst: BURST, run: bus::measure },
    Case { name: "publish/10", subscribers: 10, bursts: 500, burst: BURST, run: bus::measure },
    Case { name: "publish/100", subscribers: 100, bursts: 200, burst: BURST, run: bus::measure },
    Case { name: "one-by-one/100", subscribers: 100, bursts: 2000, burst: 1, run: bus::measure },
    Case { name: "mutex-baseline", subscribers: 100, bursts: 30, burst: BURST, run: locked::measure },
];

fn main() -> Result<(), AnyError> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let rounds = arguments.iter().skip_while(|argument| *argument != "--rounds").nth(1);
    let rounds = rounds.map_or(Ok(7), |rounds| rounds.parse())?;
    listeners::pin_to(PUBLISHER_CORE);
    let mut runs = CASES.map(|_| Vec::new());
    for _ in 0..rounds {
        for (case, runs) in CASES.iter().zip(&mut runs) {
            runs.push((case.run)(case)?);
        }
    }
    let mut figures = Vec::new();
    for (case, runs) in CASES.iter().zip(&runs) {
        let mut add = |name: &str, metric, values: Vec<f64>| {
            figures.push(Figure { case: name.to_owned(), metric, value: median(values), unit: "ns" });
        };
        let publishing = || runs.iter().map(|run| run.publish_ns).collect();
        let listening = || runs.iter().map(|run| run.listen_ns / f64::from(case.subscribers)).collect();
        match case.name {
            "publish/100" => {
                add(case.name, "ns", publishing());
                add("fanout/100", "ns_per_subscriber_event", listening());
            }
            "one-by-one/100" => add("fanout-one-by-one/100", "ns_per_subscriber_event", listening()),
            _ => add(case.name, "ns", publishing()),
        }
    }
    report("events", &figures)?;
    Ok(())
}

impl Case {
    /// Publishes bursts with `publish` and measures them once everybody is warm.
    fn measure(&self, listeners: &Listeners, mut publish: impl FnMut(&Sample)) -> Result<Measured, AnyError> {
        let sample = Sample::new()?;
        let (mut timed, mut cpu) = (Duration::ZERO, Duration::ZERO);
        for burst in 0..WARM_UP + self.bursts {
            if burst == WARM_UP {
                (timed, cpu) = (Duration::ZERO, listeners.cpu_time()?);
            }
            let began = Instant::now();
            (0..self.burst).for_each(|_| publish(&sample));
            timed += began.elapsed();
            listeners.wait_for(burst + 1);
        }
        let events = (self.bursts * self.burst) as f64;
        let cpu = listeners.cpu_time()?.saturating_sub(cpu);
        Ok(Measured { publish_ns: timed.as_nanos() as f64 / events, listen_ns: cpu.as_nanos() as f64 / events })
    }
}
