//! Targets to routes, or every mistake in them at once.

use std::{sync::Arc, time::Duration};

use notifyhub_platforms::contract::RecipientRule;

use super::{Directory, PlatformEntry};
use crate::{
    config::RouteConfig,
    task::{LaneKey, Target},
};

/// Groups within groups, at most.
const GROUP_DEPTH_MAX: usize = 8;

/// Where one task goes.
#[derive(Debug, Clone)]
pub struct Route {
    /// The platform.
    pub entry: Arc<PlatformEntry>,
    /// The recipient, if the target or the platform's table names one.
    pub recipient: Option<Arc<str>>,
    /// The lane.
    pub lane: LaneKey,
    /// Where it goes if it cannot go there.
    pub further: Option<Further>,
}

/// The other steps of a configured route.
#[derive(Debug, Clone)]
pub struct Further {
    /// The route's name.
    pub name: Arc<str>,
    /// How long a step has, if there is another after it.
    pub step_timeout: Duration,
    /// The steps behind the first.
    pub steps: Vec<Route>,
}

/// A target that cannot be sent to, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("target `{target}`: {reason}")]
pub struct TargetMistake {
    /// The target as it was written, without secrets.
    pub target: String,
    /// What is wrong with it, and the way out.
    pub reason: String,
}

/// The routes of `targets`, in order, each once.
///
/// # Errors
///
/// Every mistake in any of them; nothing of a notification is sent unless all its targets can be.
pub fn resolve(directory: &Directory, targets: &[Arc<str>]) -> Result<Vec<Route>, Vec<TargetMistake>> {
    if targets.is_empty() {
        return Err(vec![TargetMistake { target: String::new(), reason: "the notification names no target".into() }]);
    }
    let mut found = Found { directory, routes: Vec::with_capacity(targets.len()), mistakes: Vec::new() };
    for text in targets {
        // The name of a platform that came as a URL is its URL as it is shown: nobody else may send through it by that.
        if !text.contains("://")
            && let Some(entry) = directory.platforms.get(&**text)
        {
            found.note(text, |found| found.route(entry.clone(), None));
            continue;
        }
        match text.parse::<Target>() {
            Ok(target) => found.add(&target, 0),
            Err(error) => found.mistakes.push(TargetMistake { target: text.to_string(), reason: error.to_string() }),
        }
    }
    if found.mistakes.is_empty() { Ok(found.routes) } else { Err(found.mistakes) }
}

struct Found<'a> {
    directory: &'a Directory,
    routes: Vec<Route>,
    mistakes: Vec<TargetMistake>,
}

impl Found<'_> {
    /// Notes the mistake, if there is one.
    fn note(&mut self, target: impl ToString, add: impl FnOnce(&mut Self) -> Result<(), String>) {
        if let Err(reason) = add(self) {
            self.mistakes.push(TargetMistake { target: target.to_string(), reason });
        }
    }

    fn add(&mut self, target: &Target, depth: usize) {
        self.note(target, |found| found.try_add(target, depth));
    }

    fn try_add(&mut self, target: &Target, depth: usize) -> Result<(), String> {
        match target {
            Target::Platform { platform, recipient } => match self.directory.platforms.get(platform) {
                Some(entry) => self.route(entry.clone(), recipient.as_deref().map(Arc::from)),
                None => Err(unknown("platform", platform.as_str(), self.directory.platforms.keys().map(|name| name.as_str()))),
            },
            Target::Group(name) => match self.directory.routes.get(name) {
                Some(route) => self.follow(name, route),
                None => self.expand(name, depth),
            },
            Target::Url(url) => match self.directory.urls.get(url) {
                Some((name, recipient)) => match self.directory.platforms.get(name) {
                    Some(entry) => self.route(entry.clone(), recipient.clone()),
                    None => Err("its platform was removed".to_owned()),
                },
                None => Err("URL targets are not allowed here; configure a platform and use its name".to_owned()),
            },
        }
    }

    fn expand(&mut self, name: &str, depth: usize) -> Result<(), String> {
        if depth >= GROUP_DEPTH_MAX {
            return Err(format!("groups are nested more than {GROUP_DEPTH_MAX} deep"));
        }
        let directory = self.directory;
        match directory.groups.get(name) {
            Some(targets) => targets.iter().for_each(|target| self.add(target, depth + 1)),
            None => {
                let known = directory.groups.keys().chain(directory.routes.keys());
                return Err(unknown("group", name, known.map(|name| &**name)));
            }
        }
        Ok(())
    }

    /// The first step of a configured route, with the others behind it.
    fn follow(&mut self, name: &str, route: &RouteConfig) -> Result<(), String> {
        let mut steps = Found { directory: self.directory, routes: Vec::new(), mistakes: Vec::new() };
        route.chain.iter().for_each(|target| steps.add(target, GROUP_DEPTH_MAX));
        if !steps.mistakes.is_empty() {
            self.mistakes.append(&mut steps.mistakes);
            return Ok(());
        }
        let mut steps = steps.routes.into_iter();
        let Some(first) = steps.next() else { return Ok(()) };
        let known = |route: &Route| route.further.as_ref().is_some_and(|further| *further.name == *name);
        if !self.routes.iter().any(known) {
            let further = Further { name: name.into(), step_timeout: route.step_timeout, steps: steps.collect() };
            self.routes.push(Route { further: Some(further), ..first });
        }
        Ok(())
    }

    fn route(&mut self, entry: Arc<PlatformEntry>, recipient: Option<Arc<str>>) -> Result<(), String> {
        let recipient = match entry.capabilities.recipient {
            RecipientRule::Never if recipient.is_some() => {
                return Err(format!("platform type `{}` has one destination, write `{}` alone", entry.kind, entry.name));
            }
            RecipientRule::Never => None,
            _ => recipient.or_else(|| entry.recipient.clone()),
        };
        if recipient.is_none() && entry.capabilities.recipient == RecipientRule::Required {
            let name = &entry.name;
            if name.as_str().contains("://") {
                return Err("needs a recipient, and the URL names none".to_owned());
            }
            return Err(format!("needs a recipient: write `{name}:recipient`, or set `recipient` in [platforms.{name}]"));
        }
        entry.platform.verify(recipient.as_deref()).map_err(|error| error.reason().to_owned())?;
        let part = entry.platform.lane(recipient.as_deref()).map(Arc::from);
        let lane = LaneKey { platform: entry.name.clone(), part };
        let known = |route: &Route| route.further.is_none() && route.entry.name == entry.name && route.recipient == recipient;
        if !self.routes.iter().any(known) {
            self.routes.push(Route { entry, recipient, lane, further: None });
        }
        Ok(())
    }
}

/// `unknown platform `x`, expected one of: a, b`.
fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let mut known: Vec<_> = known.collect();
    known.sort_unstable();
    if known.is_empty() {
        return format!("unknown {what} `{name}`, and no {what} is configured");
    }
    format!("unknown {what} `{name}`, expected one of: {}", known.join(", "))
}
