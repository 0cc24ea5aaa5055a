//! What keeping costs: accepting, whole life cycles, and a backlog, of each store.
//!
//! ```text
//! cargo bench --bench stores                          all cases, medians of several rounds
//! cargo bench --bench stores -- --rounds 1 --backlog-max 1000000
//! ```
//!
//! Each case runs in a child of its own, so that its peak memory is its own. A life cycle is accept, claim, settle, with
//! the attempt on record. Beside them in the same run: bare inserts in groups of 100, and a queue that claims and completes
//! row by row, in SQLite and in a private PostgreSQL, with the same settings and bytes. Files lie on a real disk.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench measures real time and prints"
)]

mod bare;
mod bare_postgres;
mod cases;
#[path = "../common/figures.rs"]
mod figures;
#[expect(dead_code, reason = "this bench pins nothing")]
#[path = "../common/machine.rs"]
mod machine;
#[expect(dead_code, reason = "this bench looks at what is held, not at the peak")]
#[path = "../throughput/memory.rs"]
mod memory;
#[path = "../common/postgres.rs"]
mod postgres;

use std::process::{Command, Stdio};

use figures::{Figure, median, report};

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// The allocator the command ships with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const STORES: [&str; 3] = ["memory", "sqlite", "postgres"];

/// Names the server of the Postgres cases to a child.
const POSTGRES: &str = "NOTIFYHUB_BENCH_POSTGRES";
const CALLERS: [usize; 3] = [1, 64, 1024];
const BATCHES: [usize; 3] = [1, 100, 1000];
const BACKLOGS: [usize; 3] = [1_000, 100_000, 10_000_000];

/// What a child measured: names and values.
type Measured = Vec<(String, f64)>;

fn main() -> Result<(), AnyError> {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let value = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1);
    if let Some(case) = value("--case") {
        println!("{}", serde_json::to_string(&measure(case)?)?);
        return Ok(());
    }
    let rounds: usize = value("--rounds").map_or(Ok(3), |rounds| rounds.parse())?;
    let backlog_max: usize = value("--backlog-max").map_or(Ok(10_000_000), |most| most.parse())?;
    let server = postgres::Server::start()?;
    let mut cases = vec!["bare-sqlite/insert/100".to_owned(), "row-by-row/cycle".to_owned()];
    match &server {
        Some(_) => cases.push("row-by-row-postgres/cycle".to_owned()),
        None => eprintln!("PostgreSQL 15 or later is not installed in /usr/lib/postgresql: its cases are left out"),
    }
    let database = server.as_ref().map_or("", |server| &server.url);
    for store in STORES.into_iter().filter(|store| *store != "postgres" || server.is_some()) {
        cases.extend(CALLERS.iter().map(|callers| format!("{store}/accept/{callers}")));
        cases.extend(BATCHES.iter().map(|batch| format!("{store}/cycle/{batch}")));
    }
    let mut runs: Vec<Vec<Measured>> = vec![Vec::new(); cases.len()];
    for _ in 0..rounds {
        for (case, runs) in cases.iter().zip(&mut runs) {
            runs.push(child(case, database)?);
        }
    }
    for tasks in BACKLOGS.into_iter().filter(|tasks| *tasks <= backlog_max) {
        // Filling PostgreSQL with ten million takes longer than it tells.
        let stores = STORES[1..].iter().filter(|store| **store == "sqlite" || (server.is_some() && tasks <= 1_000_000));
        for store in stores {
            let case = format!("{store}/backlog/{tasks}");
            runs.push(vec![child(&case, database)?]);
            cases.push(case);
        }
    }
    let mut figures = Vec::new();
    for (case, of_case) in cases.iter().zip(&runs) {
        for (metric, _) in &of_case[0] {
            let values: Vec<f64> = of_case.iter().flatten().filter(|(name, _)| name == metric).map(|(_, value)| *value).collect();
            let (metric, unit) = named(metric);
            figures.push(Figure { case: case.clone(), metric, value: median(values), unit });
        }
    }
    println!("{}", machine::describe());
    println!("{rounds} rounds, medians; bodies of 305 bytes");
    Ok(report("stores", &figures)?)
}

/// The metric's own name, and its unit.
fn named(metric: &str) -> (&'static str, &'static str) {
    match metric {
        "per_second" => ("per_second", "1/s"),
        "alone_us" => ("alone_us", "us"),
        "claim_us" => ("claim_us", "us"),
        "open_ms" => ("open_ms", "ms"),
        _ => ("rss_mib", "MiB"),
    }
}

fn measure(case: &str) -> Result<Measured, AnyError> {
    let parts: Vec<_> = case.split('/').collect();
    match parts[..] {
        ["bare-sqlite", "insert", group] => bare::inserts(group.parse()?),
        ["row-by-row", "cycle"] => bare::row_by_row(),
        ["row-by-row-postgres", "cycle"] => bare_postgres::row_by_row(),
        [store, "accept", callers] => cases::accept(store, callers.parse()?),
        [store, "cycle", batch] => cases::cycle(store, batch.parse()?),
        [store, "backlog", tasks] => cases::backlog(store, tasks.parse()?),
        _ => Err(format!("unknown case {case}").into()),
    }
}

fn child(case: &str, database: &str) -> Result<Measured, AnyError> {
    let output = Command::new(std::env::current_exe()?)
        .args(["--case", case])
        .env(POSTGRES, database)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("case {case} ended with {}", output.status).into());
    }
    let measured: Measured = serde_json::from_str(String::from_utf8(output.stdout)?.lines().last().unwrap_or_default())?;
    let shown: Vec<_> = measured.iter().map(|(name, value)| format!("{name} {value:.1}")).collect();
    eprintln!("{case:<26}{}", shown.join("  "));
    Ok(measured)
}
