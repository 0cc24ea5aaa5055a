//! What must hold in the end: everything that was accepted is final, for a reason that the far end knows of.

use std::sync::Arc;

use notifyhub::{
    Hub, TaskState,
    config::OnAmbiguous,
    task::{DeadReason, TargetOutcome},
};

use super::world::{Name, World};

/// Judges everything that was accepted.
pub async fn judge(world: &Arc<World>, hub: &Hub) {
    let accepted = world.state().accepted.clone();
    for (name, id) in accepted {
        let Ok(Some(outcome)) = hub.outcome(id).await else {
            world.violated(format!("{name:?} was accepted as {id}, and is lost"));
            continue;
        };
        for target in &outcome.targets {
            let platform: usize = target.platform.as_str()[1..].parse().expect("p0, p1, …");
            if let Some(wrong) = wrong(world, name, platform, target) {
                world.violated(format!("{name:?} on platform {platform} is {} {:?}: {wrong}", target.state, target.dead));
            }
        }
    }
}

/// What is wrong with what became of a target, if anything is.
fn wrong(world: &World, name: Name, platform: usize, outcome: &TargetOutcome) -> Option<&'static str> {
    let (scenario, state) = (&world.scenario, world.state());
    let wish = &scenario.wishes[name.0][name.1];
    let target = state.targets.get(&(name, platform)).cloned().unwrap_or_default();
    let later = |other: &Name| other.0 == name.0 && other.1 > name.1;
    let replaced = wish.replace && state.accepted.keys().any(|other| later(other) && scenario.wishes[other.0][other.1].replace);
    let delivery = &scenario.platforms[platform];
    let at_most_once = delivery.on_ambiguous == OnAmbiguous::Dead;
    let has_next = wish.routed && wish.platforms.last() != Some(&platform);
    if has_next && matches!(outcome.dead, Some(DeadReason::Refused(_) | DeadReason::OutOfAttempts)) {
        return Some("it had another step");
    }
    match (outcome.state, outcome.dead) {
        (TaskState::Delivered, _) if target.answered == 0 => Some("the platform never said yes"),
        (TaskState::Delivered, _) => None,
        (TaskState::Cancelled, _) if state.cancelled.contains(&name) || replaced || wish.dedupe => None,
        (TaskState::Cancelled, _) => Some("nobody asked for that"),
        (TaskState::Expired, _) if wish.expires.is_some() => None,
        (TaskState::Expired, _) => Some("it does not expire"),
        (TaskState::Dead, Some(DeadReason::Refused(_))) if target.invalid => None,
        (TaskState::Dead, Some(DeadReason::Refused(_))) => Some("the platform did not refuse it"),
        (TaskState::Dead, Some(DeadReason::OutOfAttempts))
            if outcome.attempts.len() >= delivery.max_attempts.min(50) as usize =>
        {
            None
        }
        (TaskState::Dead, Some(DeadReason::OutOfAttempts)) => Some("it had attempts left"),
        (TaskState::Dead, Some(DeadReason::Ambiguous)) if at_most_once => None,
        (TaskState::Dead, Some(DeadReason::Ambiguous)) => Some("it may be sent twice"),
        (TaskState::Dead, Some(DeadReason::Poison)) if state.crashes >= 5 => None,
        (TaskState::Dead, Some(DeadReason::Poison)) => Some("no five processes died"),
        (TaskState::Dead, _) => Some("there is no reason for that"),
        (TaskState::Waiting | TaskState::Leased, _) => Some("it is not final"),
    }
}
