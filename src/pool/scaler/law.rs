//! The law of the pool's size.

use std::time::{Duration, Instant};

use super::{Decision, History, LoadSample, Reason, Rules, trend::Trend};

/// Nothing is decided from samples that are older.
const STALE_AFTER: Duration = Duration::from_secs(2);

/// How many workers there should be. Within the minimum and the maximum of the rules, unless they are pinned.
pub fn workers_wanted(history: &History, now: Instant, rules: &Rules) -> Decision {
    let decided = |workers, reason| Decision { workers, reason };
    if let Some(workers) = rules.pinned {
        return decided(workers, Reason::Pinned);
    }
    let (Some(latest), Some(trend)) = (history.latest(), Trend::of(history, rules)) else {
        return decided(rules.workers_min, Reason::NothingMeasured);
    };
    if latest.workers < rules.workers_min {
        return decided(rules.workers_min, Reason::BelowMinimum);
    }
    if latest.workers > rules.workers_max {
        return decided(rules.workers_max, Reason::AboveMaximum);
    }
    let age = now.saturating_duration_since(latest.at);
    if age > STALE_AFTER {
        return decided(latest.workers, Reason::Stale { age });
    }
    let change = up_at_once(latest, &trend, rules).or_else(|| up(latest, &trend, rules)).or_else(|| down(latest, &trend, rules));
    change.unwrap_or_else(|| decided(latest.workers, why_held(latest, &trend, rules)))
}

/// More workers now, because tasks wait.
fn up_at_once(latest: &LoadSample, trend: &Trend, rules: &Rules) -> Option<Decision> {
    let workers = trend.wanted_at_once.min(rules.workers_max);
    let reason = Reason::Waiting { tasks: latest.waiting, wait: trend.wait, goal: rules.wait_goal };
    (workers > latest.workers).then_some(Decision { workers, reason })
}

/// More workers, because these have been too busy for long enough.
fn up(latest: &LoadSample, trend: &Trend, rules: &Rules) -> Option<Decision> {
    let lasted = trend.busy_for.filter(|lasted| *lasted >= rules.scale_up_delay)?;
    let workers = trend.wanted.min(rules.workers_max);
    let reason = Reason::TooBusy { load_permille: trend.load_permille, target_permille: rules.target_permille, lasted };
    (workers > latest.workers).then_some(Decision { workers, reason })
}

/// Fewer workers, because these have been too idle for long enough, or some of them had nothing to do at all.
fn down(latest: &LoadSample, trend: &Trend, rules: &Rules) -> Option<Decision> {
    let by_load = trend.idle_for.filter(|lasted| *lasted >= rules.scale_down_delay).map(|lasted| Decision {
        workers: trend.wanted_lately.max(latest.workers.div_ceil(2)).max(rules.workers_min),
        reason: Reason::TooIdle { load_permille: trend.load_permille, below_permille: rules.shrink_below_permille, lasted },
    });
    let busy = latest.workers.saturating_sub(latest.idle_workers);
    let by_idleness = Decision {
        workers: busy.max(trend.wanted).max(rules.workers_min),
        reason: Reason::IdleWorkers { workers: latest.idle_workers, lasted: rules.max_idle_time },
    };
    let fewest = by_load.into_iter().chain([by_idleness]).min_by_key(|decision| decision.workers)?;
    (fewest.workers < latest.workers).then_some(fewest)
}

/// Why nothing changes.
fn why_held(latest: &LoadSample, trend: &Trend, rules: &Rules) -> Reason {
    let load_permille = trend.load_permille;
    let wants_more = trend.busy_for.is_some() || trend.wanted_at_once > latest.workers;
    if wants_more && latest.workers == rules.workers_max {
        return Reason::AtMaximum { load_permille, tasks: latest.waiting };
    }
    if let Some(lasted) = trend.busy_for {
        return Reason::BusyBriefly { load_permille, lasted, delay: rules.scale_up_delay };
    }
    match trend.idle_for {
        Some(_) if latest.workers == rules.workers_min => Reason::AtMinimum { load_permille },
        Some(lasted) if lasted < rules.scale_down_delay => {
            Reason::IdleBriefly { load_permille, lasted, delay: rules.scale_down_delay }
        }
        Some(_) => Reason::WantedLately { load_permille },
        None => Reason::Steady {
            load_permille,
            above_permille: rules.shrink_below_permille,
            below_permille: rules.grow_above_permille(),
        },
    }
}
