//! Platforms that come as URLs: made when they are first named, kept until the hub ends.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use notifyhub_platforms::{Registry, contract::Secret, registry::FromUrl};

use super::parts::PartsSource;
use crate::{
    config::DeliveryConfig,
    routing::{PlatformEntry, SharedDirectory, TargetMistake},
    store::UrlPlatform,
    task::{PlatformName, Target},
};

/// Whether targets may be URLs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UrlTargets {
    /// They may not.
    Off,
    /// They may, to public addresses only.
    #[default]
    Guarded,
    /// They may, to any address: whoever names the URL runs this program.
    Trusted,
}

/// Different URLs one hub keeps at most.
const URLS_MAX: usize = 1000;

/// What it takes to make a platform from a URL.
pub struct UrlPlatforms {
    /// Whether other processes see the names: each URL must have the same one everywhere.
    pub shared: bool,
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
        if self.shared {
            let name = PlatformName::internal(format!("{}#{}", made.shown, fingerprint(url)));
            self.insert(directory, url, name, made, self.allowed == UrlTargets::Trusted);
            return Ok(());
        }
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
        self.insert(directory, url, name, made, self.allowed == UrlTargets::Trusted);
        Ok(())
    }

    /// Makes platforms again that a process before this one made from URLs, under the names they had: tasks in the store
    /// are for them. One that cannot be made any more is left out, and its tasks end with that reason.
    pub fn restore(&self, directory: &SharedDirectory, known: Vec<UrlPlatform>) {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        for UrlPlatform { name, url, trusted } in known {
            let made = self.parts.get().map_err(|error| error.to_string()).and_then(|mut parts| {
                parts.allow_private_networks = trusted;
                self.registry.from_url(url.expose(), &parts).map_err(|error| error.to_string())
            });
            match made {
                Ok(made) => {
                    *numbers.entry(made.shown.clone().into()).or_insert(0) += 1;
                    self.insert(directory, url.expose(), name, made, trusted);
                }
                Err(error) => tracing::warn!(platform = %name, error, "cannot make the platform of a URL again"),
            }
        }
    }

    fn insert(&self, directory: &SharedDirectory, url: &str, name: PlatformName, made: FromUrl, trusted: bool) {
        let recipient = made.recipient.map(Arc::from);
        let entry = PlatformEntry::new(name.clone(), made.kind, made.platform, self.delivery.clone());
        let entry = Arc::new(PlatformEntry { url: Some((Arc::new(Secret::new(url)), trusted)), ..entry });
        directory.update(|next| {
            next.platforms.insert(name.clone(), entry.clone());
            next.urls.insert(url.into(), (name.clone(), recipient.clone()));
        });
    }
}

/// What tells one URL from another that is shown the same, and gives nothing away.
fn fingerprint(url: &str) -> String {
    let hash = ring::digest::digest(&ring::digest::SHA256, url.as_bytes());
    hash.as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
