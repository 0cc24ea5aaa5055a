//! `[groups]`: whether what they name exists.

use std::collections::{BTreeMap, BTreeSet};

use notifyhub_platforms::{Registry, contract::Parts};

use super::{
    PlatformConfig,
    accounts::Accounts,
    layering::Merged,
    load::Draft,
    suggest::way_out,
    tree::{dotted, index},
};
use crate::task::{PlatformName, Target};

type Groups = BTreeMap<Box<str>, Vec<Target>>;

/// Reads all groups; reports targets that cannot be.
pub(super) fn read(
    draft: &mut Draft<'_>,
    platforms: &BTreeMap<PlatformName, PlatformConfig>,
    accounts: &Accounts,
    registry: &Registry,
    parts: Option<&Parts>,
) -> Groups {
    let written: BTreeMap<String, Vec<(usize, Target)>> =
        names(draft, "groups").into_iter().map(|name| (name.clone(), targets(draft, &name))).collect();
    let known = names(draft, "platforms");
    for (name, targets) in &written {
        let path = ["groups".to_owned(), name.clone()];
        if let Err(error) = name.parse::<PlatformName>() {
            draft.report_at(&path, error.to_string().replacen("platform", "group", 1));
        }
        for (position, target) in targets {
            let wrong = match target {
                Target::Group(group) => unknown_group(group, &written),
                Target::Platform { platform, recipient } => unknown_platform(platform, &known)
                    .or_else(|| unreachable_recipient(platform, recipient.as_deref(), platforms, accounts)),
                Target::Url(url) => parts.and_then(|parts| registry.from_url(url, parts).err()).map(|error| error.reason),
            };
            if let Some(reason) = wrong {
                let path = [path[0].clone(), path[1].clone(), index(*position)];
                draft.report_at(&path, format!("`{}`: {reason}", dotted(&path)));
            }
        }
        if reaches(name, name, &written, &mut BTreeSet::new()) {
            draft.report_at(&path, format!("group `{name}` contains itself"));
        }
    }
    written.into_iter().map(|(name, targets)| (name.into(), targets.into_iter().map(|(_, target)| target).collect())).collect()
}

fn names(draft: &Draft<'_>, section: &str) -> Vec<String> {
    draft.merged.find(&[section]).and_then(Merged::section).into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

/// The targets of a group that are well written, with their positions; the others were reported when it was checked.
fn targets(draft: &Draft<'_>, name: &str) -> Vec<(usize, Target)> {
    let list = draft.merged.find(&["groups", name]).map(Merged::json).unwrap_or_default();
    let texts = list.as_array().into_iter().flatten().enumerate();
    texts.filter_map(|(position, text)| Some((position, text.as_str()?.parse().ok()?))).collect()
}

fn unknown_group(group: &str, written: &BTreeMap<String, Vec<(usize, Target)>>) -> Option<String> {
    let known: Vec<&str> = written.keys().map(String::as_str).collect();
    (!written.contains_key(group)).then(|| format!("unknown group `{group}`{}", way_out(group, &known)))
}

fn unknown_platform(platform: &PlatformName, known: &[String]) -> Option<String> {
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let none = if known.is_empty() { ", no platform is configured" } else { "" };
    let name = platform.as_str();
    (!known.contains(&name)).then(|| format!("unknown platform `{name}`{}{none}", way_out(name, &known)))
}

fn unreachable_recipient(
    name: &PlatformName,
    recipient: Option<&str>,
    platforms: &BTreeMap<PlatformName, PlatformConfig>,
    accounts: &Accounts,
) -> Option<String> {
    let default = platforms.get(name).and_then(|platform| platform.recipient.as_deref());
    let error = accounts.get(name)?.verify(recipient.or(default)).err()?;
    Some(error.reason().to_owned())
}

fn reaches(from: &str, to: &str, written: &BTreeMap<String, Vec<(usize, Target)>>, seen: &mut BTreeSet<String>) -> bool {
    written.get(from).into_iter().flatten().any(|(_, target)| match target {
        Target::Group(group) => **group == *to || (seen.insert(group.to_string()) && reaches(group, to, written, seen)),
        Target::Platform { .. } | Target::Url(_) => false,
    })
}
