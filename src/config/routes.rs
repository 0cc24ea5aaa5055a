//! `[routes.NAME]`: targets that are tried one after the other, until one has delivered.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    duration,
    load::Draft,
    references::{References, names, targets},
    tree::{dotted, index},
};
use crate::task::{PlatformName, Target};

/// One route: a notification to `@name` goes to the first of its targets; to the next when that failed for good, when its
/// circuit breaker is open, or when its time is over. The first delivery ends it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    /// The targets, in order: `platform`, `platform:recipient` or a URL, 2 to 16 of them, each once.
    #[schemars(schema_with = "chain_schema")]
    pub chain: Vec<Target>,
    /// How long each of them has before the next is tried, 1 ms to 366 d; the last has all the time there is. An attempt that
    /// is under way then is waited for. Default: 2 m.
    #[serde(with = "duration", default = "step_timeout")]
    #[schemars(schema_with = "duration::schema", extend("default" = "2m"))]
    pub step_timeout: Duration,
}

/// Fewest and most steps of a route.
pub(crate) const STEPS: std::ops::RangeInclusive<usize> = 2..=16;

/// How long a step has where nothing is said.
fn step_timeout() -> Duration {
    Duration::from_secs(120)
}

fn chain_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "array",
        "minItems": STEPS.start(),
        "maxItems": STEPS.end(),
        "items": {"type": "string", "minLength": 1, "x-format": "target"}
    })
}

impl RouteConfig {
    /// Why these cannot be the steps of a route, if so.
    ///
    /// # Errors
    ///
    /// What is wrong, and what is allowed.
    pub fn check(chain: &[Target]) -> Result<(), String> {
        if !STEPS.contains(&chain.len()) {
            let (min, max) = (STEPS.start(), STEPS.end());
            return Err(format!("it has {} targets, expected {min} to {max}", chain.len()));
        }
        for (position, target) in chain.iter().enumerate() {
            if let Target::Group(name) = target {
                return Err(format!("`@{name}` is several targets, a step of a route is one"));
            }
            if chain.iter().take(position).any(|earlier| earlier == target) {
                return Err(format!("`{target}` is there twice"));
            }
        }
        Ok(())
    }
}

/// Reads all routes; reports what cannot be.
pub(super) fn read(draft: &mut Draft<'_>, references: &References<'_>) -> BTreeMap<Box<str>, RouteConfig> {
    let (mut routes, groups) = (BTreeMap::new(), names(draft, "groups"));
    for name in names(draft, "routes") {
        let path = ["routes".to_owned(), name.clone()];
        if let Err(error) = name.parse::<PlatformName>() {
            draft.report_at(&path, error.to_string().replacen("platform", "route", 1));
        }
        if groups.contains(&name) {
            draft.report_at(&path, format!("`{name}` is a group too: `@{name}` can mean one of them only"));
        }
        if !draft.is_sound(&["routes", &name]) {
            continue;
        }
        let chain = [path[0].clone(), path[1].clone(), "chain".to_owned()];
        if draft.merged.find(&["routes", &name, "chain"]).is_none() {
            draft.report_at(&path, format!("`{}` needs the key `chain`: its targets, in order", dotted(&path)));
            continue;
        }
        let Some(route) = draft.value::<RouteConfig>(&["routes", &name]) else { continue };
        if let Err(reason) = RouteConfig::check(&route.chain) {
            draft.report_at(&chain, format!("`{}`: {reason}", dotted(&chain)));
            continue;
        }
        for (position, target) in targets(draft, &["routes", &name, "chain"]) {
            if let Some(reason) = references.wrong(&target) {
                let path = [chain[0].clone(), chain[1].clone(), chain[2].clone(), index(position)];
                draft.report_at(&path, format!("`{}`: {reason}", dotted(&path)));
            }
        }
        routes.insert(name.into(), route);
    }
    routes
}
