//! How many deliveries a second, beside a bare HTTP loop in the same run.
//!
//! ```text
//! cargo bench --bench throughput                       all cases, several rounds, medians
//! cargo bench --bench throughput -- --rounds 3 --count 50000
//! ```
//!
//! The parent starts a minimal sink on core 1 and, for each case and round, a child of its own on core 0, so that CPU
//! time and peak memory are the case's alone. The thread of a store on disk is not pinned: it runs on either, and so does the
//! private PostgreSQL, whose CPU time is not in the figures. In each round the bare loops run right before the engine. All senders
//! are this same binary with the same allocator on one single-threaded runtime, and send the same bytes.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench measures real time and prints"
)]

mod bare;
mod engine;
#[path = "../common/figures.rs"]
mod figures;
#[path = "../common/machine.rs"]
mod machine;
mod memory;
mod note;
#[path = "../common/postgres.rs"]
mod postgres;
#[path = "../common/sink.rs"]
mod sink;

use std::process::{Command, Stdio};

use engine::Keeps;
use figures::{Figure, median, report};
use serde::{Deserialize, Serialize};
use sink::Sink;

/// Which core sends, and which the sink runs on.
const SENDER_CORE: usize = 0;
const SINK_CORE: usize = 1;

/// As in the command's own runtime; the bare loops have it too.
const POLLS_PER_EVENT_CHECK: u32 = 512;

const SENDERS: [&str; 5] = ["hyper", "reqwest", "engine-memory", "engine-sqlite", "engine-postgres"];

/// Names the server of `engine-postgres` to a child.
const POSTGRES: &str = "NOTIFYHUB_BENCH_POSTGRES";
const IN_FLIGHT: [usize; 3] = [1, 64, 256];

/// The allocator the command ships with; the bare loops have it too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// What a child measured.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Measured {
    per_second: f64,
    cpu_s_per_100k: f64,
    rss_mib: f64,
}

fn main() -> Result<(), AnyError> {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let value = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1);
    let count: Option<usize> = value("--count").map(|count| count.parse()).transpose()?;
    if arguments.iter().any(|argument| argument == "--sink") {
        return sink::run(SINK_CORE);
    }
    if let (Some(case), Some(url)) = (value("--case"), value("--url")) {
        let measured = measure(case, url, count.unwrap_or(100_000))?;
        println!("{}", serde_json::to_string(&measured)?);
        return Ok(());
    }
    let rounds = value("--rounds").map_or(Ok(5), |rounds| rounds.parse())?;
    compare(rounds, count)
}

/// Runs one case in this process.
fn measure(case: &str, url: &str, count: usize) -> Result<Measured, AnyError> {
    let (sender, in_flight) = case.split_once('/').ok_or("a case is SENDER/IN_FLIGHT")?;
    if !["engine-sqlite", "engine-postgres"].contains(&sender) {
        machine::pin_to(SENDER_CORE)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().event_interval(POLLS_PER_EVENT_CHECK).build()?;
    if in_flight == "waiting" {
        let rss_mib = runtime.block_on(engine::waiting(url, count))?;
        return Ok(Measured { per_second: f64::NAN, cpu_s_per_100k: f64::NAN, rss_mib });
    }
    let in_flight: usize = in_flight.parse()?;
    let (took, cpu) = runtime.block_on(async {
        match sender {
            "hyper" => bare::hyper(url, in_flight, count).await,
            "reqwest" => bare::reqwest(url, in_flight, count).await,
            "engine-memory" => engine::run(Keeps::Memory, url, in_flight, count).await,
            "engine-sqlite" => engine::run(Keeps::Sqlite, url, in_flight, count).await,
            "engine-postgres" => engine::run(Keeps::Postgres, url, in_flight, count).await,
            other => Err(format!("unknown sender {other}").into()),
        }
    })?;
    Ok(Measured {
        per_second: count as f64 / took.as_secs_f64(),
        cpu_s_per_100k: cpu.as_secs_f64() / count as f64 * 100_000.0,
        rss_mib: memory::peak_rss_mib()?,
    })
}

/// Runs every case several times and reports medians; ratios are taken within a round.
fn compare(rounds: usize, count: Option<usize>) -> Result<(), AnyError> {
    let mut sink = Sink::start()?;
    let server = postgres::Server::start()?;
    if server.is_none() {
        eprintln!("PostgreSQL 15 or later is not installed in /usr/lib/postgresql: engine-postgres is left out");
    }
    let senders: Vec<_> = SENDERS.into_iter().filter(|sender| *sender != "engine-postgres" || server.is_some()).collect();
    let database = server.as_ref().map_or("", |server| &server.url);
    let mut figures = Vec::new();
    for in_flight in IN_FLIGHT {
        let count = count.unwrap_or(if in_flight == 1 { 20_000 } else { 150_000 });
        let mut runs: Vec<Vec<Measured>> = vec![Vec::new(); senders.len()];
        for _ in 0..rounds {
            for (sender, runs) in senders.iter().zip(&mut runs) {
                runs.push(child(&format!("{sender}/{in_flight}"), &sink.url, count, database)?);
            }
        }
        for (sender, of_case) in senders.iter().zip(&runs) {
            let case = format!("{sender}/{in_flight}");
            let mut add = |metric, unit, values: Vec<f64>| {
                figures.push(Figure { case: case.clone(), metric, value: median(values), unit });
            };
            add("per_second", "1/s", of_case.iter().map(|run| run.per_second).collect());
            add("cpu_s_per_100k", "s", of_case.iter().map(|run| run.cpu_s_per_100k).collect());
            add("rss_mib", "MiB", of_case.iter().map(|run| run.rss_mib).collect());
            if sender.starts_with("engine") {
                let bare = &runs[1];
                let pairs = || of_case.iter().zip(bare);
                add("ratio_to_reqwest", "1", pairs().map(|(run, bare)| run.per_second / bare.per_second).collect());
                add("cpu_ratio_to_reqwest", "1", pairs().map(|(run, bare)| run.cpu_s_per_100k / bare.cpu_s_per_100k).collect());
            }
        }
    }
    let waiting = child("engine-memory/waiting", &sink.url, 100_000, "")?;
    figures.push(Figure { case: "engine-memory/waiting".into(), metric: "rss_mib", value: waiting.rss_mib, unit: "MiB" });
    sink.stop();
    println!("{}", machine::describe());
    println!("{rounds} rounds, medians; body {} bytes; sender on core {SENDER_CORE}, sink on core {SINK_CORE}", note::BODY_BYTES);
    Ok(report("throughput", &figures)?)
}

fn child(case: &str, url: &str, count: usize, database: &str) -> Result<Measured, AnyError> {
    let count = count.to_string();
    let output = Command::new(std::env::current_exe()?)
        .args(["--case", case, "--url", url, "--count", &count])
        .env(POSTGRES, database)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("case {case} ended with {}", output.status).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let measured: serde_json::Value = serde_json::from_str(text.lines().last().unwrap_or_default())?;
    let number = |name: &str| measured[name].as_f64().unwrap_or(f64::NAN);
    let measured =
        Measured { per_second: number("per_second"), cpu_s_per_100k: number("cpu_s_per_100k"), rss_mib: number("rss_mib") };
    eprintln!("{case:<24}{:>10.0}/s {:>8.3} s/100k {:>8.1} MiB", measured.per_second, measured.cpu_s_per_100k, measured.rss_mib);
    Ok(measured)
}
