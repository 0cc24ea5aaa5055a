//! `[platforms.NAME]`: from tables to platforms.

use std::{collections::BTreeMap, sync::Arc};

use notifyhub_platforms::{
    Platform, Registry,
    contract::{ConfigError, Parts},
};
use serde_json::{Map, Value};

use super::{
    DeliveryConfig, PlatformConfig,
    layering::Merged,
    load::Draft,
    schema::{defaults, shared_keys},
    shape::Shape,
    tree::{Node, dotted},
    value,
};
use crate::task::PlatformName;

/// The platforms of a configuration, ready to send.
pub type Accounts = BTreeMap<PlatformName, Arc<dyn Platform>>;

/// Reads every platform whose table is sound; reports keys that are missing and limits that contradict each other.
pub(super) fn read(draft: &mut Draft<'_>) -> BTreeMap<PlatformName, PlatformConfig> {
    check_backoff(draft, &["delivery"]);
    let names: Vec<String> =
        draft.merged.find(&["platforms"]).and_then(Merged::section).into_iter().flatten().map(|(name, _)| name.clone()).collect();
    let mut platforms = BTreeMap::new();
    for name in names {
        missing_keys(draft, &name);
        check_backoff(draft, &["platforms", &name]);
        if !draft.is_sound(&["platforms", &name]) {
            continue;
        }
        let path = ["platforms".to_owned(), name.clone()];
        let table = draft.merged.find(&path).map(Merged::json).unwrap_or_default();
        let delivery = draft.merged.find(&["delivery"]).filter(|_| draft.is_sound(&["delivery"])).map(Merged::json);
        let delivery = delivery.unwrap_or_else(|| defaults()["delivery"].take());
        match (name.parse(), platform(table, delivery)) {
            (Ok(name), Ok(platform)) => drop(platforms.insert(name, platform)),
            (Ok(_), Err(reason)) => draft.report_at(&path, reason),
            (Err(_), _) => {} // reported with its place when the table was checked
        }
    }
    platforms
}

/// Takes a platform's table apart: its type, what all platforms share, and what is its adapter's.
fn platform(table: Value, mut delivery: Value) -> Result<PlatformConfig, String> {
    let Value::Object(mut table) = table else { return Err("expected a table".into()) };
    let shared = shared_keys();
    let text = |value: Option<Value>| value.and_then(|value| value.as_str().map(str::to_owned));
    let kind = text(table.remove("type")).unwrap_or_default();
    let recipient = text(table.remove("recipient"));
    let (own, settings): (Map<_, _>, Map<_, _>) = table.into_iter().partition(|(key, _)| shared.contains_key(key));
    overlay(&mut delivery, Value::Object(own));
    let delivery: DeliveryConfig = serde_json::from_value(delivery).map_err(|error| error.to_string())?;
    Ok(PlatformConfig { kind, recipient, delivery, settings: Value::Object(settings) })
}

/// Lays a platform's own keys over those of `[delivery]`. Of its backoff and breaker, it may name only a part.
fn overlay(below: &mut Value, above: Value) {
    for (key, value) in above.as_object().cloned().into_iter().flatten() {
        match (below.get_mut(&key), value) {
            (Some(below), value) if key == "backoff" || key == "breaker" => overlay(below, value),
            (_, value) => below[key] = value,
        }
    }
}

fn missing_keys(draft: &mut Draft<'_>, name: &str) {
    let path = ["platforms".to_owned(), name.to_owned()];
    let Some(table) = draft.merged.find(&path).and_then(Merged::section) else { return };
    let Some(shape) = draft.shape.find(&path) else {
        if !table.contains_key("type") {
            let kinds = draft.shape.find(&path[..1]).map(|shape| shape.kinds().join(", ")).unwrap_or_default();
            draft.report_at(&path, format!("`{}` needs a `type`, one of: {kinds}", dotted(&path)));
        }
        return;
    };
    for (path, key) in missing_below(shape, table, &path) {
        draft.report_at(&path, format!("`{}` needs the key `{key}`", dotted(&path)));
    }
}

/// The keys that a section and the sections in it lack.
fn missing_below(shape: Shape<'_>, section: &BTreeMap<String, Merged>, path: &[String]) -> Vec<(Vec<String>, String)> {
    let Some(shape) = shape.alternatives().into_iter().find(|shape| shape.takes("object")) else { return Vec::new() };
    let lacking = shape.required().into_iter().filter(|key| !section.contains_key(*key));
    let mut missing: Vec<_> = lacking.map(|key| (path.to_vec(), key.to_owned())).collect();
    for (key, merged) in section {
        if let (Some(below), Some(shape)) = (merged.section(), shape.property(key)) {
            let path: Vec<String> = path.iter().chain([key]).cloned().collect();
            missing.extend(missing_below(shape, below, &path));
        }
    }
    missing
}

/// The first wait cannot be longer than the longest.
fn check_backoff(draft: &mut Draft<'_>, section: &[&str]) {
    let text = |section: &[&str], key: &str| {
        let path: Vec<&str> = section.iter().copied().chain(["backoff", key]).collect();
        draft.merged.find(&path).map(Merged::json).and_then(|value| value.as_str().map(str::to_owned))
    };
    let own = |key| text(section, key);
    if own("initial").is_none() && own("max").is_none() {
        return;
    }
    let value = |key| own(key).or_else(|| text(&["delivery"], key));
    let (Some(initial), Some(max)) = (value("initial"), value("max")) else { return };
    let read = |text: &str| super::duration::parse(text).ok();
    if read(&initial).zip(read(&max)).is_some_and(|(initial, max)| initial > max) {
        let key = if own("initial").is_some() { "initial" } else { "max" };
        let path: Vec<String> = section.iter().chain(&["backoff", key]).map(|key| (*key).to_owned()).collect();
        let message = format!("`{}`: the first wait of {initial} is longer than the longest, {max}", dotted(&path));
        draft.report_at(&path, message);
    }
}

/// Builds every platform; what adapters refuse is reported at its key.
pub(super) fn build(
    draft: &mut Draft<'_>,
    platforms: &BTreeMap<PlatformName, PlatformConfig>,
    registry: &Registry,
    parts: &Parts,
) -> Accounts {
    let mut accounts = Accounts::new();
    for (name, config) in platforms {
        match registry.build(&config.kind, config.settings.clone(), parts) {
            Ok(account) => {
                if let Some(recipient) = &config.recipient
                    && let Err(error) = account.verify(Some(recipient))
                {
                    let path = ["platforms", name.as_str(), "recipient"].map(str::to_owned);
                    draft.report_at(&path, format!("`{}`: {}", dotted(&path), error.reason()));
                }
                accounts.insert(name.clone(), account);
            }
            Err(error) => refused(draft, name, config, error),
        }
    }
    accounts
}

fn refused(draft: &mut Draft<'_>, name: &PlatformName, config: &PlatformConfig, error: ConfigError) {
    let mut path = vec!["platforms".to_owned(), name.to_string()];
    path.extend(error.key.iter().flat_map(|key| segments(key)));
    let mut secrets = Vec::new();
    if let Some(shape) = draft.shape.find(&path[..2]) {
        value::secrets(shape, &Node::bare(config.settings.clone()), &mut secrets);
    }
    // An adapter should not repeat a secret; this makes sure.
    let reason = secrets.iter().fold(error.reason, |reason, secret| reason.replace(secret, "[redacted]"));
    draft.report_at(&path, format!("`{}`: {reason}", dotted(&path)));
}

/// The keys of a path as serde writes it: `headers.x`, `sources[1].key`.
pub(super) fn segments(path: &str) -> Vec<String> {
    let spaced = path.replace('[', ".[");
    spaced.split('.').filter(|key| !key.is_empty() && *key != "?").map(str::to_owned).collect()
}
