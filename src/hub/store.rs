//! Opening the store that the configuration names.

use std::{
    env,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::runtime::Handle;

use super::StartError;
use crate::{
    clock::Clock,
    config::{StoreConfig, StoreKind},
    store::{MemoryLimits, MemoryStore, Store},
};
#[cfg(feature = "sqlite")]
use crate::{
    config::KeptThrough,
    store::{Durability, SqliteOptions, SqliteStore},
};

/// Opens it. A file is opened on a thread that may block: what a process that died left is taken up first.
pub async fn open(config: &StoreConfig, runtime: &Handle, clock: Arc<dyn Clock>) -> Result<Arc<dyn Store>, StartError> {
    match config.kind {
        StoreKind::Memory => {
            let limits = MemoryLimits { retention: config.retention, ..MemoryLimits::default() };
            Ok(Arc::new(MemoryStore::new(limits, clock)))
        }
        StoreKind::Sqlite => open_file(config, runtime, clock).await,
    }
}

#[cfg(feature = "sqlite")]
async fn open_file(config: &StoreConfig, runtime: &Handle, clock: Arc<dyn Clock>) -> Result<Arc<dyn Store>, StartError> {
    let durability = match config.durability {
        KeptThrough::Disk => Durability::Disk,
        KeptThrough::Process => Durability::Process,
    };
    let options = SqliteOptions { durability, retention: config.retention, ..SqliteOptions::new(path(&config.path)?) };
    let opened = runtime.spawn_blocking(move || SqliteStore::open(options, clock)).await;
    let store = opened.map_err(|error| StartError::Invalid(format!("cannot open the store: {error}")))??;
    Ok(Arc::new(store))
}

#[cfg(not(feature = "sqlite"))]
async fn open_file(config: &StoreConfig, _runtime: &Handle, _clock: Arc<dyn Clock>) -> Result<Arc<dyn Store>, StartError> {
    let path = path(&config.path)?;
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
