//! What a hub has to send to when it starts: platforms, groups and routes.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use notifyhub_platforms::{Platform, Registry};

use super::{HubBuilder, StartError, parts::PartsSource};
use crate::{
    config::{PlatformConfig, RouteConfig},
    routing::{Directory, PlatformEntry},
    task::{PlatformName, Target},
};

impl HubBuilder {
    /// What there is to send to, as it is told.
    pub(super) fn directory(&self, registry: &Registry, parts: &PartsSource) -> Result<Directory, StartError> {
        let mut directory = Directory {
            groups: self.config.groups.clone(),
            routes: self.config.routes.clone(),
            accounts: self.config.accounts.iter().map(|(name, account)| (name.clone(), account.rate_limit.clone())).collect(),
            ..Directory::default()
        };
        for (name, config) in &self.config.platforms {
            let platform = match self.accounts.get(name) {
                Some(platform) => Ok(platform.clone()),
                None => parts.get().and_then(|parts| registry.build(&config.kind, config.settings.clone(), &parts)),
            };
            let platform = platform.map_err(|error| StartError::Platform { name: name.clone(), error })?;
            directory.platforms.insert(name.clone(), Arc::new(configured(name, config, platform)));
        }
        for (name, platform, delivery) in &self.ready {
            let name: PlatformName = name.parse().map_err(|error| StartError::Invalid(format!("{error}")))?;
            let delivery = delivery.clone().unwrap_or_else(|| self.config.delivery.clone());
            let entry = PlatformEntry::new(name.clone(), "library", platform.clone(), delivery);
            if directory.platforms.insert(name.clone(), Arc::new(entry)).is_some() {
                return Err(StartError::Invalid(format!("platform `{name}` is given twice")));
            }
        }
        directory.groups.extend(self.parsed_groups()?);
        for (name, chain, step_timeout) in &self.routes {
            directory.routes.insert(name.as_str().into(), route(name, chain, *step_timeout)?);
        }
        directory.accounts.extend(self.account_limits.iter().map(|(name, limit)| (name.as_str().into(), limit.clone())));
        let mut named = directory.platforms.values().map(|entry| &entry.delivery.account);
        if let Some(name) = named.find(|name| !name.is_empty() && !directory.accounts.contains_key(*name)) {
            return Err(StartError::Invalid(format!("unknown account `{name}`, add it with `HubBuilder::account`")));
        }
        if let Some(name) = directory.routes.keys().find(|name| directory.groups.contains_key(*name)) {
            return Err(StartError::Invalid(format!("`{name}` is a group and a route: `@{name}` can mean one of them only")));
        }
        Ok(directory)
    }

    fn parsed_groups(&self) -> Result<BTreeMap<Box<str>, Vec<Target>>, StartError> {
        let mut groups = BTreeMap::new();
        for (name, targets) in &self.groups {
            groups.insert(name.as_str().into(), parsed("group", name, targets)?);
        }
        Ok(groups)
    }

    /// What groups and routes name.
    pub(super) fn collected(&self, directory: &Directory) -> Vec<Arc<str>> {
        let routed = directory.routes.values().flat_map(|route| &route.chain);
        directory.groups.values().flatten().chain(routed).map(|target| String::from(target.clone()).into()).collect()
    }
}

fn parsed(what: &str, name: &str, targets: &[String]) -> Result<Vec<Target>, StartError> {
    let parsed: Result<Vec<Target>, _> = targets.iter().map(|target| target.parse()).collect();
    parsed.map_err(|error| StartError::Invalid(format!("{what} `{name}`: {error}")))
}

fn route(name: &str, chain: &[String], step_timeout: Duration) -> Result<RouteConfig, StartError> {
    let chain = parsed("route", name, chain)?;
    RouteConfig::check(&chain).map_err(|reason| StartError::Invalid(format!("route `{name}`: {reason}")))?;
    Ok(RouteConfig { chain, step_timeout })
}

fn configured(name: &PlatformName, config: &PlatformConfig, platform: Arc<dyn Platform>) -> PlatformEntry {
    let entry = PlatformEntry::new(name.clone(), config.kind.as_str(), platform, config.delivery.clone());
    PlatformEntry { recipient: config.recipient.as_deref().map(Arc::from), ..entry }
}
