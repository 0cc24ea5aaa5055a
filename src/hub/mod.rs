//! The library's front door: a [`Hub`] takes notifications and sees them delivered.
//!
//! | file | what it holds |
//! |---|---|
//! | `builder` | [`HubBuilder`]: everything a hub can be told, checked at [`start`](HubBuilder::start) |
//! | `bounds` | whether values set in code are within the bounds their docs name |
//! | `directory` | what it has to send to: platforms, groups, routes |
//! | `start` | wires the parts together and sets them going |
//! | `file` | [`Hub::from_config`]: a hub from a configuration file |
//! | `submit` | [`Hub::send`], [`Hub::send_all`], [`Hub::deliver`]: from notification to stored tasks |
//! | `line` | what becomes of senders while the store is full |
//! | `accepted` | [`Accepted`] and [`Batch`]: what a caller holds afterwards |
//! | `control` | [`Hub::cancel`], [`Hub::remove_platform`], [`Hub::stats`], [`Hub::subscribe`], [`Hub::shutdown`] |
//! | `explain` | [`Hub::explain`]: what a task waits for, in plain words |
//! | `lanes` | [`Hub::lanes`]: how lanes stand; pausing a platform, its circuit breaker |
//! | `endpoints` | [`Hub::endpoints`]: endpoints that are sent to no more |
//! | `letters` | [`Hub::tasks`], [`Hub::dead`]: looking through the store; dead letters |
//! | `workers` | [`Hub::workers`], [`Hub::health`]: the pool by hand, at run time |
//! | `metering` | passes the metrics on, once a second |
//! | `store` | opens the store that the configuration names |
//! | `upkeep` | what is done with the store now and then |
//! | `urls`, `parts` | platforms that come as URLs; what adapters are handed |
//! | `error` | how a call can fail |

mod accepted;
mod bounds;
mod builder;
mod control;
mod directory;
mod endpoints;
mod error;
mod explain;
mod file;
mod lanes;
mod letters;
mod line;
mod metering;
mod parts;
mod start;
pub(crate) mod store;
mod submit;
mod upkeep;
mod urls;
mod workers;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::mpsc;

pub use accepted::{Accepted, AcceptedTask, Batch, Progress};
pub use builder::HubBuilder;
pub use control::{Cancellation, Stats};
pub use endpoints::Endpoints;
pub use error::{HubError, OutcomeError, ShutdownForced, StartError};
pub use lanes::Lanes;
pub use letters::DeadLetters;
pub use urls::UrlTargets;
pub use workers::Workers;

use self::line::Line;
use self::urls::UrlPlatforms;
use crate::{
    clock::Clock,
    dispatch::{Command, Replies},
    pool::{PoolCommand, Watchdog},
    routing::SharedDirectory,
    shutdown::Scope,
    store::Store,
    task::IdSource,
    telemetry::{Board, EventBus},
};

/// A running notification engine. Cheap to clone: all clones are the same hub.
///
/// When the last clone is dropped without [`shutdown`](Hub::shutdown), the hub stops at once: what is under way is
/// dropped, and stays in the store as far as the store outlives the process. Several hubs live in one process
/// without knowing of each other; nothing global is installed.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use notifyhub::{Hub, Notification};
///
/// let hub = Hub::from_config("notifyhub.toml").await?;
/// let accepted = hub.send(Notification::text("disk full on db-3").to("ops:#alerts")).await?;
/// let outcome = accepted.outcome().await?;
/// assert!(outcome.all_delivered());
/// hub.shutdown(Duration::from_secs(10)).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Hub {
    inner: Arc<Inner>,
}

struct Inner {
    directory: SharedDirectory,
    urls: Arc<UrlPlatforms>,
    store: Arc<dyn Store>,
    replies: Replies,
    events: EventBus,
    board: Board,
    clock: Arc<dyn Clock>,
    ids: IdSource,
    scope: Scope,
    commands: mpsc::Sender<Command>,
    pool: mpsc::Sender<PoolCommand>,
    /// Ends with the hub.
    watchdog: Mutex<Option<Watchdog>>,
    closing: AtomicBool,
    line: Line,
}

impl Hub {
    /// A builder with every default.
    pub fn builder() -> HubBuilder {
        HubBuilder::default()
    }

    fn is_closing(&self) -> bool {
        self.inner.closing.load(Ordering::Acquire)
    }
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// A hub that nobody holds any more stops.
impl Drop for Inner {
    fn drop(&mut self) {
        self.scope.abandon();
    }
}
