//! What a dispatcher is made from.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{Command, Replies};
use crate::{
    clock::Clock,
    config::PoolConfig,
    pool::PoolEvent,
    routing::SharedDirectory,
    shutdown::Scope,
    store::{ArrivalReceiver, Failing, Store, UrlPlatform},
    telemetry::{Board, EventBus},
};

/// Takes in platforms that other processes were given as URLs.
pub type Learn = Box<dyn Fn(Vec<UrlPlatform>) + Send + Sync>;

/// What a dispatcher needs.
pub struct DispatcherParts {
    /// `[pool]`
    pub config: PoolConfig,
    /// How many sends and waiting jobs one worker takes.
    pub worker_capacity: usize,
    /// The platforms.
    pub directory: SharedDirectory,
    /// Where tasks come from and outcomes go.
    pub store: Arc<dyn Store>,
    /// Endpoints that the store has kept.
    pub endpoints: Vec<Failing>,
    /// How the store tells of arrivals.
    pub arrivals: ArrivalReceiver,
    /// What the pool reports.
    pub reports: mpsc::Receiver<PoolEvent>,
    /// What the hub asks.
    pub commands: mpsc::Receiver<Command>,
    /// Who waits for outcomes.
    pub replies: Replies,
    /// Who listens.
    pub events: EventBus,
    /// Where numbers are shown.
    pub board: Board,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// Told of platforms that other processes were given as URLs.
    pub learn: Learn,
    /// What it lives in.
    pub scope: Scope,
    /// Seed of its randomness.
    pub seed: u64,
}
