//! Platforms that come as URLs: made when they are first named, kept until the hub ends.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use notifyhub_platforms::Registry;

use super::{UrlTargets, parts::PartsSource};
use crate::{
    config::DeliveryConfig,
    routing::{PlatformEntry, SharedDirectory, TargetMistake},
    task::{PlatformName, Target},
};

/// Different URLs one hub keeps at most.
const URLS_MAX: usize = 1000;

/// What it takes to make a platform from a URL.
pub struct UrlPlatforms {
    pub allowed: UrlTargets,
    pub registry: Registry,
    pub parts: Arc<PartsSource>,
    pub delivery: DeliveryConfig,
    /// How many had which name. One is made at a time: the same new URL named twice at once is made once. Never held
    /// across an `.await`.
    pub numbers: Mutex<HashMap<Box<str>, u64>>,
}

impl UrlPlatforms {
    /// Makes the platforms of those targets that are URLs nobody has named before.
    pub fn make_known(&self, directory: &SharedDirectory, targets: &[Arc<str>]) -> Result<(), Vec<TargetMistake>> {
        if !targets.iter().any(|target| target.contains("://")) {
            return Ok(());
        }
        let known = directory.load();
        let urls = targets.iter().filter(|target| target.contains("://") && !known.urls.contains_key(target.trim()));
        let mut mistakes = Vec::new();
        for text in urls {
            if let Ok(target @ Target::Url(_)) = text.parse::<Target>()
                && self.allowed != UrlTargets::Off
                && let Err(reason) = self.make_one(directory, text.trim())
            {
                mistakes.push(TargetMistake { target: target.to_string(), reason });
            }
        }
        if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
    }

    fn make_one(&self, directory: &SharedDirectory, url: &str) -> Result<(), String> {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let known = directory.load();
        if known.urls.contains_key(url) {
            return Ok(());
        }
        if known.urls.len() >= URLS_MAX {
            return Err(format!("more than {URLS_MAX} different URLs; configure a platform and use its name"));
        }
        let mut parts = self.parts.get().map_err(|error| error.to_string())?;
        parts.allow_private_networks = self.allowed == UrlTargets::Trusted;
        let made = self.registry.from_url(url, &parts).map_err(|error| error.to_string())?;
        // No name twice: what still waits for a platform that was removed must not go to another.
        let number = numbers.entry(made.shown.clone().into()).or_insert(0);
        let name = loop {
            *number += 1;
            let name = if *number == 1 { made.shown.clone() } else { format!("{}#{number}", made.shown) };
            let name = PlatformName::internal(name);
            if !known.platforms.contains_key(&name) {
                break name;
            }
        };
        let recipient = made.recipient.map(Arc::from);
        let entry = Arc::new(PlatformEntry {
            name: name.clone(),
            kind: made.kind.into(),
            capabilities: made.platform.capabilities(),
            platform: made.platform,
            delivery: self.delivery.clone(),
            recipient: None,
        });
        directory.update(|next| {
            next.platforms.insert(name.clone(), entry.clone());
            next.urls.insert(url.into(), (name.clone(), recipient.clone()));
        });
        Ok(())
    }
}
