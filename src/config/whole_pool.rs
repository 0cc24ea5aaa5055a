//! `[pool]`: whether its keys fit each other, and whether the platforms it names exist.

use super::{PoolConfig, layering::Merged, load::Draft, suggest::way_out, tree::dotted};

/// Reports what does not fit.
pub(super) fn check(draft: &mut Draft<'_>, pool: &PoolConfig) {
    let path = |key: &str| ["pool".to_owned(), key.to_owned()];
    if pool.max_workers != 0 && pool.max_workers < pool.min_workers {
        let (max, min) = (pool.max_workers, pool.min_workers);
        let message = format!("`pool.max_workers` is {max}, expected at least min_workers, which is {min}, or 0");
        draft.report_at(&path("max_workers"), message);
    }
    if pool.scale_down_load_permille >= pool.target_load_permille {
        let shown = |permille: u32| f64::from(permille) / 1000.0;
        let (down, target) = (shown(pool.scale_down_load_permille), shown(pool.target_load_permille));
        let message = format!("`pool.scale_down_load` is {down}, expected less than target_load, which is {target}");
        draft.report_at(&path("scale_down_load"), message);
    }
    let known = draft.merged.find(&["platforms"]).and_then(Merged::section);
    let known: Vec<String> = known.into_iter().flatten().map(|(name, _)| name.clone()).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    for name in pool.affinity.iter().flat_map(|table| &table.platforms) {
        if !known.contains(&name.as_str()) {
            let path = path("affinity");
            let message = format!("`{}`: unknown platform `{name}`{}", dotted(&path), way_out(name.as_str(), &known));
            draft.report_at(&path, message);
        }
    }
}
