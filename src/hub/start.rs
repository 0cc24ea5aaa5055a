//! Wires the parts of a hub together and sets them going.

use std::{
    io,
    sync::{Arc, Mutex, atomic::AtomicBool},
};

use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
};

use super::{Hub, Inner, line::Line, metering, upkeep, urls::UrlPlatforms};
use crate::{
    clock::Clock,
    config::PoolConfig,
    dispatch::{Dispatcher, DispatcherParts, Replies},
    pool::{BEATS, Monitor, MonitorParts, Supervisor, SupervisorParts, Watchdog, WorkerSettings},
    routing::SharedDirectory,
    shutdown::Scope,
    store::{Failing, Store, arrivals},
    task::IdSource,
    telemetry::{Board, EventBus, Publisher},
};

/// Jobs a worker may have waiting beyond its slots, so that it need not wait for the dispatcher.
const PREFETCH: usize = 16;

/// Messages the dispatcher may be behind.
const MESSAGES_MAX: usize = 1024;

/// Requests and suspicions the supervisor may be behind.
const COMMANDS_MAX: usize = 64;

/// Where a hub lives: one runtime for both, or one for each.
pub struct Planes {
    /// What delivers: dispatcher, workers, adapters.
    pub delivery: Handle,
    /// Everything else: supervisor, monitor, events.
    pub control: Handle,
}

/// What a hub stands on.
pub struct Services {
    pub directory: SharedDirectory,
    pub urls: Arc<UrlPlatforms>,
    pub store: Arc<dyn Store>,
    pub endpoints: Vec<Failing>,
    pub clock: Arc<dyn Clock>,
    pub without_threads: bool,
}

/// Sets a hub going.
///
/// # Errors
///
/// When the system has no thread left for the watchdog.
pub fn start(config: PoolConfig, planes: Planes, services: Services, seed: u64) -> io::Result<Hub> {
    let Services { directory, urls, store, endpoints, clock, without_threads } = services;
    let (scope, board) = (Scope::new(planes.control), Board::default());
    let ((events, broadcaster), replies) = (EventBus::new(clock.clone()), Replies::default());
    let (arrival_sender, arrivals) = arrivals();
    store.announce_to(arrival_sender);
    let waiting = store.counts().waiting; // before anything is taken from it
    tracing::info!(waiting, durability = ?store.durability(), "delivering; {waiting} tasks are waiting");
    let (reports_sender, reports) = mpsc::channel(MESSAGES_MAX);
    let (commands_sender, commands) = mpsc::channel(MESSAGES_MAX);
    let (pool_sender, pool_commands) = mpsc::channel(COMMANDS_MAX);
    let (suspects_sender, suspects) = mpsc::channel(COMMANDS_MAX);
    let (watched_sender, watched) = watch::channel(Arc::from([]));
    let worker_capacity = config.slots + PREFETCH;
    let beat = config.health_check_interval / BEATS;
    let watchdog = match without_threads {
        true => None,
        false => Some(Watchdog::start(planes.delivery.clone(), beat, board.clone(), events.clone())?),
    };
    let monitor = Monitor::new(MonitorParts {
        beat,
        threads: planes.delivery.metrics().num_workers(),
        watched,
        suspects: suspects_sender,
        board: board.clone(),
        events: events.clone(),
        clock: clock.clone(),
        scope: scope.clone(),
    });
    let supervisor = Supervisor::new(SupervisorParts {
        settings: WorkerSettings { slots: config.slots, inbox_jobs_max: worker_capacity },
        config: config.clone(),
        runtime: planes.delivery.clone(),
        reports: reports_sender,
        commands: pool_commands,
        suspects,
        watched: watched_sender,
        board: board.clone(),
        events: events.clone(),
        clock: clock.clone(),
        scope: scope.clone(),
    });
    let dispatcher = Dispatcher::new(DispatcherParts {
        config,
        worker_capacity,
        directory: directory.clone(),
        store: store.clone(),
        endpoints,
        arrivals,
        reports,
        commands,
        replies: replies.clone(),
        events: events.clone(),
        board: board.clone(),
        clock: clock.clone(),
        learn: {
            let (urls, directory) = (urls.clone(), directory.clone());
            Box::new(move |known| urls.restore(&directory, known))
        },
        scope: scope.clone(),
        seed,
    });
    drop(scope.spawn_until_stopped(broadcaster.run()));
    let publisher = Publisher::new(board.clone(), events.clone());
    drop(scope.spawn_until_stopped(metering::publish(publisher, commands_sender.clone(), clock.clone())));
    drop(scope.spawn_until_stopped(upkeep::keep_small(store.clone(), clock.clone())));
    if store.shared().is_some() {
        drop(scope.spawn_until_stopped(upkeep::follow_endpoints(store.clone(), commands_sender.clone(), clock.clone())));
    }
    drop(scope.spawn(supervisor.run()));
    drop(scope.spawn(monitor.run()));
    drop(scope.spawn_on(dispatcher.run(), &planes.delivery));
    let (ids, closing) = (IdSource::new(seed), AtomicBool::new(false));
    let inner = Inner {
        directory,
        urls,
        store,
        replies,
        events,
        board,
        clock,
        ids,
        scope,
        commands: commands_sender,
        pool: pool_sender,
        watchdog: Mutex::new(watchdog),
        closing,
        line: Line::new(true),
    };
    Ok(Hub { inner: Arc::new(inner) })
}

/// A hub that only accepts: nobody claims, and nobody waits for outcomes.
pub fn start_queue(planes: Planes, services: Services, seed: u64) -> Hub {
    let Services { directory, urls, store, clock, .. } = services;
    let ((events, broadcaster), replies) = (EventBus::new(clock.clone()), Replies::default());
    let scope = Scope::new(planes.control);
    drop(scope.spawn_until_stopped(broadcaster.run()));
    replies.close();
    let inner = Inner {
        directory,
        urls,
        store,
        replies,
        events,
        board: Board::default(),
        clock,
        ids: IdSource::new(seed),
        scope,
        commands: mpsc::channel(1).0,
        pool: mpsc::channel(1).0,
        watchdog: Mutex::default(),
        closing: AtomicBool::new(false),
        line: Line::new(false),
    };
    Hub { inner: Arc::new(inner) }
}
