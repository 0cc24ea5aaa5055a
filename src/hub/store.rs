//! Opening the store that the configuration names.

use std::{
    env,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::runtime::Handle;

use super::StartError;
#[cfg(feature = "postgres")]
use crate::store::{PostgresOptions, PostgresStore};
#[cfg(feature = "sqlite")]
use crate::store::{SqliteOptions, SqliteStore};
use crate::{
    clock::Clock,
    config::{Config, StoreKind},
    store::{MemoryLimits, MemoryStore, Store},
};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
use crate::{
    config::{KeptThrough, StoreConfig},
    store::{Durability, LIMITS_LOOK_BACK},
};

/// Opens it. A file is opened on a thread that may block: what a process that died left is taken up first.
pub async fn open(config: &Config, runtime: &Handle, clock: Arc<dyn Clock>) -> Result<Arc<dyn Store>, StartError> {
    match config.store.kind {
        StoreKind::Memory => {
            let limits = MemoryLimits { retention: config.store.retention, ..MemoryLimits::default() };
            Ok(Arc::new(MemoryStore::new(limits, clock)))
        }
        StoreKind::Sqlite => open_file(config, runtime, clock).await,
        StoreKind::Postgres => open_database(config, runtime, clock).await,
    }
}

/// Becomes a node of a database that others use too. It is known to them by its host and process.
#[cfg(feature = "postgres")]
async fn open_database(config: &Config, runtime: &Handle, clock: Arc<dyn Clock>) -> Result<Arc<dyn Store>, StartError> {
    let url = config.store.url.as_ref().ok_or_else(|| StartError::Invalid("`store.url` is missing".to_owned()))?;
    let url = url.fetch().map_err(|reason| StartError::Invalid(format!("`store.url`: {reason}")))?;
    let options = PostgresOptions {
        url,
        durability: durability(&config.store),
        retention: config.store.retention,
        lease: config.delivery.lease,
        limits_look_back: limits_look_back(config),
        waiting_max: u64::MAX,
    };
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let name = format!("{host}/{}", std::process::id());
    Ok(Arc::new(PostgresStore::open(options, &name, runtime, clock).await?))
}

#[cfg(not(feature = "postgres"))]
async fn open_database(_config: &Config, _runtime: &Handle, _clock: Arc<dyn Clock>) -> Result<Arc<dyn Store>, StartError> {
    Err(StartError::Invalid(
        "this program is built without the feature `postgres`; set another `store.type`, or build it with the feature".to_owned(),
    ))
}

/// How far back limits of platforms look that are made in code is not known yet.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
fn limits_look_back(config: &Config) -> std::time::Duration {
    config.limits_look_back().max(LIMITS_LOOK_BACK)
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
fn durability(config: &StoreConfig) -> Durability {
    match config.durability {
        KeptThrough::Disk => Durability::Disk,
        KeptThrough::Process => Durability::Process,
    }
}

#[cfg(feature = "sqlite")]
async fn open_file(config: &Config, runtime: &Handle, clock: Arc<dyn Clock>) -> Result<Arc<dyn Store>, StartError> {
    let options = SqliteOptions {
        durability: durability(&config.store),
        retention: config.store.retention,
        limits_look_back: limits_look_back(config),
        ..SqliteOptions::new(path(&config.store.path)?)
    };
    let opened = runtime.spawn_blocking(move || SqliteStore::open(options, clock)).await;
    let store = opened.map_err(|error| StartError::Invalid(format!("cannot open the store: {error}")))??;
    Ok(Arc::new(store))
}

#[cfg(not(feature = "sqlite"))]
async fn open_file(config: &Config, _runtime: &Handle, _clock: Arc<dyn Clock>) -> Result<Arc<dyn Store>, StartError> {
    let path = path(&config.store.path)?;
    Err(StartError::Invalid(format!(
        "cannot open {}: this program is built without the feature `sqlite`; set `store.type = \"memory\"`, or build it with the feature",
        path.display()
    )))
}

/// The file that is meant: the one that is given, else the one in the user's folder for state
/// (<https://specifications.freedesktop.org/basedir-spec/latest/>).
///
/// # Errors
///
/// When none is given and the user has no such folder.
pub fn path(given: &Path) -> Result<PathBuf, StartError> {
    if !given.as_os_str().is_empty() {
        return Ok(given.to_owned());
    }
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
    let state = state.ok_or_else(|| {
        StartError::Invalid("there is neither $XDG_STATE_HOME nor $HOME to keep the store in; set `store.path`".to_owned())
    })?;
    Ok(state.join("notifyhub").join("notifyhub.db"))
}
