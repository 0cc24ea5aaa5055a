//! Whether what a group or a route names exists.

use std::collections::BTreeMap;

use notifyhub_platforms::{Registry, contract::Parts};

use super::{PlatformConfig, accounts::Accounts, layering::Merged, load::Draft, suggest::way_out};
use crate::task::{PlatformName, Target};

/// What there is to be named.
pub(super) struct References<'a> {
    /// Platforms by name, those with mistakes of their own too.
    pub known: Vec<String>,
    /// Groups and routes by name.
    pub collective: Vec<String>,
    /// Platforms without mistakes.
    pub platforms: &'a BTreeMap<PlatformName, PlatformConfig>,
    /// The same, ready to be asked.
    pub accounts: &'a Accounts,
    /// What makes platforms of URLs.
    pub registry: &'a Registry,
    /// What it makes them from, where any are to be made.
    pub parts: Option<&'a Parts>,
}

impl References<'_> {
    /// Why a target cannot be, if so.
    pub fn wrong(&self, target: &Target) -> Option<String> {
        match target {
            Target::Group(name) => self.unknown_group(name),
            Target::Platform { platform, recipient } => {
                self.unknown_platform(platform).or_else(|| self.unreachable(platform, recipient.as_deref()))
            }
            Target::Url(url) => self.parts.and_then(|parts| self.registry.from_url(url, parts).err()).map(|error| error.reason),
        }
    }

    fn unknown_group(&self, group: &str) -> Option<String> {
        let known: Vec<&str> = self.collective.iter().map(String::as_str).collect();
        (!known.contains(&group)).then(|| format!("unknown group `{group}`{}", way_out(group, &known)))
    }

    fn unknown_platform(&self, platform: &PlatformName) -> Option<String> {
        let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
        let none = if known.is_empty() { ", no platform is configured" } else { "" };
        let name = platform.as_str();
        (!known.contains(&name)).then(|| format!("unknown platform `{name}`{}{none}", way_out(name, &known)))
    }

    fn unreachable(&self, name: &PlatformName, recipient: Option<&str>) -> Option<String> {
        let default = self.platforms.get(name).and_then(|platform| platform.recipient.as_deref());
        let error = self.accounts.get(name)?.verify(recipient.or(default)).err()?;
        Some(error.reason().to_owned())
    }
}

/// The names in a section of named tables or lists.
pub(super) fn names(draft: &Draft<'_>, section: &str) -> Vec<String> {
    draft.merged.find(&[section]).and_then(Merged::section).into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

/// The targets of a list that are well written, with their positions; the others were reported when it was checked.
pub(super) fn targets(draft: &Draft<'_>, path: &[&str]) -> Vec<(usize, Target)> {
    let list = draft.merged.find(path).map(Merged::json).unwrap_or_default();
    let texts = list.as_array().into_iter().flatten().enumerate();
    texts.filter_map(|(position, text)| Some((position, text.as_str()?.parse().ok()?))).collect()
}
