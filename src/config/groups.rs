//! `[groups]`: names for several targets.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    load::Draft,
    references::{References, names, targets},
    tree::{dotted, index},
};
use crate::task::{PlatformName, Target};

type Groups = BTreeMap<Box<str>, Vec<Target>>;

/// Reads all groups; reports targets that cannot be.
pub(super) fn read(draft: &mut Draft<'_>, references: &References<'_>) -> Groups {
    let written: BTreeMap<String, Vec<(usize, Target)>> =
        names(draft, "groups").into_iter().map(|name| (name.clone(), targets(draft, &["groups", &name]))).collect();
    for (name, targets) in &written {
        let path = ["groups".to_owned(), name.clone()];
        if let Err(error) = name.parse::<PlatformName>() {
            draft.report_at(&path, error.to_string().replacen("platform", "group", 1));
        }
        for (position, target) in targets {
            if let Some(reason) = references.wrong(target) {
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

fn reaches(from: &str, to: &str, written: &BTreeMap<String, Vec<(usize, Target)>>, seen: &mut BTreeSet<String>) -> bool {
    written.get(from).into_iter().flatten().any(|(_, target)| match target {
        Target::Group(group) => **group == *to || (seen.insert(group.to_string()) && reaches(group, to, written, seen)),
        Target::Platform { .. } | Target::Url(_) => false,
    })
}
