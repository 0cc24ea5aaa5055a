//! The stores themselves: through their one trait, as the hub and the dispatcher use them.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use notifyhub::{
    Message,
    clock::{Clock, SystemClock},
    store::{
        Credits, Lease, MemoryLimits, MemoryStore, PostgresOptions, PostgresStore, Settlement, SqliteOptions, SqliteStore, Store,
        Submission,
    },
    task::{Attempt, Disposition, Head, IdSource, LaneKey, Task},
};
use notifyhub_platforms::contract::Receipt;
use tempfile::TempDir;
use tokio::{runtime::Handle, task::JoinSet};

use super::{AnyError, Measured, POSTGRES, memory, postgres};

/// How long each case runs.
const SPAN: Duration = Duration::from_secs(2);

/// Tasks claimed at once from a backlog: what the dispatcher asks for.
const CLAIM: usize = 64;

/// What is said, 305 bytes.
fn body(number: u64) -> String {
    format!("{number:0>305}")
}

fn submission(ids: &IdSource, number: u64, lane: &LaneKey) -> Submission {
    let wall = SystemClock.wall();
    let head = Arc::new(Head {
        id: ids.notification(wall),
        message: Arc::new(Message::text(body(number))),
        correlation: None,
        accepted_at: wall,
        not_before: None,
        expires_at: None,
        failovers: Default::default(),
    });
    let task = Task { id: head.id.task(0), index: 0, head: head.clone(), lane: lane.clone(), recipient: None, until: None };
    Submission { head, tasks: [Arc::new(task)].into(), idempotency: None, keys: Default::default(), urls: Vec::new() }
}

fn lane() -> Result<LaneKey, AnyError> {
    Ok(LaneKey::whole("hook".parse()?))
}

fn folder() -> Result<TempDir, AnyError> {
    Ok(TempDir::new_in(std::env::current_exe()?.parent().ok_or("no folder")?)?)
}

/// Opens a store; one in a database of its own if `database` names none yet.
async fn open(store: &str, folder: &Path, database: &mut Option<String>) -> Result<Arc<dyn Store>, AnyError> {
    let clock = Arc::new(SystemClock);
    match store {
        "memory" => Ok(Arc::new(MemoryStore::new(MemoryLimits { waiting_max: u64::MAX, ..MemoryLimits::default() }, clock))),
        "sqlite" => Ok(Arc::new(SqliteStore::open(SqliteOptions::new(folder.join("bench.db")), clock)?)),
        "postgres" => {
            let url = match database {
                Some(url) => url.clone(),
                None => database.insert(postgres::database(&std::env::var(POSTGRES)?).await?).clone(),
            };
            Ok(Arc::new(PostgresStore::open(PostgresOptions::new(url), "bench", &Handle::current(), clock).await?))
        }
        other => Err(format!("unknown store {other}").into()),
    }
}

pub fn runtime() -> Result<tokio::runtime::Runtime, AnyError> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// `callers` accept one notification after the other.
pub fn accept(store: &str, callers: usize) -> Result<Measured, AnyError> {
    let (folder, lane) = (folder()?, lane()?);
    let (ids, count) = (Arc::new(IdSource::new(1)), Arc::new(AtomicUsize::new(0)));
    runtime()?.block_on(async {
        let store = open(store, folder.path(), &mut None).await?;
        store.enqueue(vec![submission(&ids, 0, &lane)]).await?;
        let (began, mut running) = (Instant::now(), JoinSet::new());
        for _ in 0..callers {
            let (store, ids, lane, count) = (store.clone(), ids.clone(), lane.clone(), count.clone());
            running.spawn(async move {
                while began.elapsed() < SPAN {
                    let number = count.fetch_add(1, Ordering::Relaxed) as u64;
                    store.enqueue(vec![submission(&ids, number, &lane)]).await?;
                }
                Ok::<_, AnyError>(())
            });
        }
        while let Some(ended) = running.join_next().await {
            ended??;
        }
        let per_second = count.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
        let mut measured = vec![("per_second".to_owned(), per_second)];
        if callers == 1 {
            measured.push(("alone_us".to_owned(), 1e6 / per_second));
        }
        Ok(measured)
    })
}

fn settlement(lease: Lease) -> Settlement {
    let attempt = Attempt {
        number: 1,
        started_at: SystemClock.wall(),
        node: None,
        took: Duration::from_millis(12),
        worker: 0,
        result: Ok(Receipt::with_id("1700000000.000100")),
    };
    Settlement {
        token: lease.token,
        task: lease.task,
        attempt: Some(attempt),
        disposition: Disposition::Delivered,
        keeps: None,
        spends: None,
    }
}

/// Whole life cycles, `batch` at a time.
pub fn cycle(store: &str, batch: usize) -> Result<Measured, AnyError> {
    let (folder, lane, ids) = (folder()?, lane()?, IdSource::new(1));
    let credits = Credits { total: batch, others: batch, ..Credits::default() };
    runtime()?.block_on(async {
        let store = open(store, folder.path(), &mut None).await?;
        let (began, mut done) = (Instant::now(), 0);
        while began.elapsed() < SPAN {
            store.enqueue((0..batch).map(|number| submission(&ids, number as u64, &lane)).collect()).await?;
            let leases = store.claim(&credits).await?.leases;
            done += leases.len();
            let settlements: Arc<[Settlement]> = leases.into_iter().map(settlement).collect();
            store.settle(&settlements).await?;
        }
        Ok(vec![("per_second".to_owned(), done as f64 / began.elapsed().as_secs_f64())])
    })
}

/// What a claim costs with so many tasks waiting, how long opening takes, and what the process holds.
pub fn backlog(store: &str, tasks: usize) -> Result<Measured, AnyError> {
    let (folder, lane, ids) = (folder()?, lane()?, IdSource::new(1));
    let runtime = runtime()?;
    let mut database = None;
    runtime.block_on(async {
        let filled = open(store, folder.path(), &mut database).await?;
        for start in (0..tasks).step_by(1000) {
            let numbers = start..tasks.min(start + 1000);
            filled.enqueue(numbers.map(|number| submission(&ids, number as u64, &lane)).collect()).await?;
        }
        Ok::<_, AnyError>(())
    })?;
    let credits = Credits { total: CLAIM, others: CLAIM, ..Credits::default() };
    runtime.block_on(async {
        let began = Instant::now();
        let store = open(store, folder.path(), &mut database).await?;
        let opened = began.elapsed();
        let mut times = Vec::new();
        for _ in 0..50.min(tasks / CLAIM) {
            let began = Instant::now();
            let leases = store.claim(&credits).await?.leases;
            times.push(began.elapsed());
            let settlements: Arc<[Settlement]> = leases.into_iter().map(settlement).collect();
            store.settle(&settlements).await?;
        }
        times.sort_unstable();
        Ok(vec![
            ("claim_us".to_owned(), times[times.len() / 2].as_secs_f64() * 1e6),
            ("open_ms".to_owned(), opened.as_secs_f64() * 1e3),
            ("rss_mib".to_owned(), memory::rss_mib()?),
        ])
    })
}
