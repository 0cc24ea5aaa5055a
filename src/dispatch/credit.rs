//! How much of each lane this process holds: enough to go on while more is claimed, and never so much that no room is left
//! for the others.

use std::time::{Duration, Instant};

use super::{dispatcher::Dispatcher, owners::Owner};
use crate::{
    config::{DeliveryConfig, RateWindow},
    event::BreakerState,
};

/// Room in this process, at least: more tasks do not make it faster and cost memory. A unit is a task, or 128 KiB of one:
/// [`Task::room`](crate::task::Task::room).
const ROOM: usize = 512;

/// Where very many lanes have something to send there is more, so that each can have this much,
const ROOM_OF_EACH: usize = 16;

/// up to so much: 256 MiB.
const ROOM_OF_MANY: usize = 2048;

/// A lane may hold so many times what room is left.
const TIMES_LEFT: usize = 4;

/// A lane with a rate limit holds what it may send in this time.
const SOON: Duration = Duration::from_secs(2);

impl Dispatcher {
    /// All room there is: enough to keep every worker busy while the next tasks are claimed.
    pub(super) fn room_max(&self) -> usize {
        let many = (self.ledger.busy_lanes() * ROOM_OF_EACH).min(ROOM_OF_MANY);
        ROOM.max(2 * self.roster.workers() * self.worker_capacity).max(many)
    }

    /// The room that is left.
    pub(super) fn room(&self) -> usize {
        self.room_max().saturating_sub(self.ledger.room())
    }

    /// Most room that the tasks of a lane may take now: a few times what is left and no more, so that however many lanes want all
    /// they can get, each has the same and some is left for one that has nothing yet (a dynamic threshold, Choudhury and Hahne 1998).
    fn room_for(&self, index: usize) -> usize {
        self.lanes[index].room_max.min(self.room() * TIMES_LEFT)
    }

    /// Whether a lane holds as much as it may.
    pub(super) fn is_full(&self, index: usize) -> bool {
        self.ledger.room_of(index) >= self.room_for(index)
    }

    /// How many more tasks a lane can take, queued and in flight together.
    pub(super) fn credit(&self, index: usize, now: Instant) -> usize {
        let lane = &self.lanes[index];
        if lane.is_resting(now) || matches!(lane.owner, Owner::Elsewhere(_)) {
            return 0;
        }
        let (taken, held) = (self.ledger.room_of(index), lane.held());
        let room = self.room_for(index).saturating_sub(taken);
        // Those to come are taken to be as large as those that are here.
        let tasks = if taken > held { (room * held).div_ceil(taken) } else { room };
        match lane.gate.breaker() {
            BreakerState::Closed => tasks,
            _ => tasks.min(lane.gate.free(held)),
        }
    }

    /// Whether a lane should be refilled from the store.
    pub(super) fn wants_more(&self, index: usize, now: Instant) -> bool {
        let lane = &self.lanes[index];
        if !lane.backlog {
            return false;
        }
        match lane.gate.breaker() {
            BreakerState::Closed => {
                let (taken, room) = (self.ledger.room_of(index), self.room_for(index));
                room.saturating_sub(taken) >= room.div_ceil(2).max(1) && self.credit(index, now) > 0
            }
            _ => self.credit(index, now) > 0,
        }
    }

    /// Whether no more of a lane's tasks may be set aside: the others need room too.
    pub(super) fn is_aside_full(&self, index: usize) -> bool {
        let lane = &self.lanes[index];
        lane.aside >= lane.room_max / 2
    }
}

/// Most room that the tasks of a lane take here, queued and in flight together: enough to go on while more are claimed, and no
/// more than its rate limit lets go soon, where each that is counted may carry up to `batch_max` tasks.
pub fn room_max(delivery: &DeliveryConfig, batch_max: usize) -> usize {
    let soon = |window: &RateWindow| {
        let paced = SOON.as_nanos() * u128::from(window.count.get()) / window.per.as_nanos().max(1);
        usize::try_from(paced).unwrap_or(usize::MAX).saturating_add(window.burst.get() as usize)
    };
    let limited = delivery.rate_limit.iter().map(soon).min().unwrap_or(usize::MAX);
    limited.saturating_mul(batch_max).min(2 * delivery.max_in_flight)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn a_lane_holds_no_more_than_its_rate_limit_lets_go_soon() {
        let number = |n| NonZeroU32::new(n).expect("not zero");
        let window =
            |count, seconds, burst| RateWindow { count: number(count), per: Duration::from_secs(seconds), burst: number(burst) };
        for (rate_limit, expected) in [
            (vec![], 128),
            (vec![window(1, 3600, 1)], 1),
            (vec![window(10, 1, 1)], 21),
            (vec![window(10, 1, 1), window(30, 60, 10)], 11),
            (vec![window(u32::MAX, 1, u32::MAX)], 128),
        ] {
            let delivery = DeliveryConfig { rate_limit, ..DeliveryConfig::default() };
            assert_eq!(room_max(&delivery, 1), expected, "{:?}", delivery.rate_limit);
        }
        let delivery = DeliveryConfig { rate_limit: vec![window(1, 1, 1)], ..DeliveryConfig::default() };
        assert_eq!(room_max(&delivery, 10), 30, "where requests are counted, three full ones");
    }
}
