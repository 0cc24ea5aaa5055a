//! What was sent on lanes with long limits: known to a hub that makes such a lane anew.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::{
    store::{Limit, Settlement, Spent, Whose},
    task::LaneKey,
};

/// What counts together.
type Slot = (LaneKey, Option<Arc<str>>, SystemTime);

#[derive(Default)]
pub struct SpentBook {
    /// Tasks, what they weighed, and for how long they count.
    slots: HashMap<Slot, (u64, u64, Duration)>,
}

impl SpentBook {
    /// Notes what the attempt used up of long limits of its lane.
    pub fn spend(&mut self, settlement: &Settlement) {
        let Some(spends) = settlement.spends else { return };
        let recipient = settlement.task.recipient.clone().filter(|_| spends.recipient);
        let slot = self.slots.entry((settlement.task.lane.clone(), recipient, spends.at)).or_default();
        *slot = (slot.0 + 1, slot.1 + u64::from(spends.weight), spends.counts_for);
    }

    /// What was sent within a limit, as far as it looks back beyond a minute.
    pub fn within(&self, limit: &Limit, wall: SystemTime) -> Vec<Spent> {
        if limit.long.is_zero() {
            return Vec::new();
        }
        let is_of = |lane: &LaneKey| match &limit.whose {
            Whose::Lane(meant) => lane == meant,
            Whose::Platforms(platforms) => platforms.contains(&lane.platform),
        };
        let counts = |at: &SystemTime| wall.duration_since(*at).is_ok_and(|ago| ago < limit.long) || *at > wall;
        let slots = self.slots.iter().filter(|((lane, _, at), _)| is_of(lane) && counts(at));
        let spent = slots.map(|((lane, recipient, at), (tasks, weight, _))| Spent {
            lane: lane.clone(),
            recipient: recipient.clone(),
            at: *at,
            tasks: *tasks,
            weight: *weight,
        });
        spent.collect()
    }

    /// Forgets what counts no more.
    pub fn forget(&mut self, wall: SystemTime) {
        self.slots.retain(|(_, _, at), (.., counts_for)| wall.duration_since(*at).unwrap_or_default() < *counts_for);
    }
}
