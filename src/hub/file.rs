//! A hub from a configuration file.

use std::{path::Path, sync::Arc};

use notifyhub_platforms::{Registry, contract::ConfigError};

use super::{Hub, HubBuilder, StartError, parts::PartsSource};
use crate::{
    clock::SystemClock,
    config::{Sources, load, load_and_build},
};

impl Hub {
    /// Starts a hub as a configuration file says, with the environment's `NOTIFYHUB__SECTION__KEY` over it.
    ///
    /// # Errors
    ///
    /// [`StartError::Config`] lists every mistake with file, line and the way out.
    pub async fn from_config(path: impl AsRef<Path>) -> Result<Self, StartError> {
        HubBuilder::from_config(path, Registry::builtin())?.start().await
    }
}

impl HubBuilder {
    /// The builder that [`Hub::from_config`] starts, for programs that add to it: own adapters in `registry`, own
    /// platforms, another runtime.
    ///
    /// # Errors
    ///
    /// [`StartError::Config`] lists every mistake with file, line and the way out.
    pub fn from_config(path: impl AsRef<Path>, registry: Registry) -> Result<Self, StartError> {
        Self::from_sources(&Sources::from_process(&[path.as_ref().to_path_buf()], Vec::new()), registry)
    }

    /// The same for a configuration from several places. Must be called on a runtime.
    ///
    /// # Errors
    ///
    /// [`StartError::Config`] lists every mistake with its place and the way out.
    pub fn from_sources(sources: &Sources, registry: Registry) -> Result<Self, StartError> {
        let config = load(sources, &registry)?.config;
        let parts = PartsSource::new(None, Arc::new(SystemClock), &config).get();
        let parts = parts.map_err(|error: ConfigError| StartError::Invalid(error.to_string()))?;
        let (loaded, accounts) = load_and_build(sources, &registry, &parts)?;
        Ok(Self::default().config(loaded.config).accounts(accounts).registry(registry))
    }
}
