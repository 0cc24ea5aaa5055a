//! Platforms that misbehave, and write down what arrives before they answer.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use notifyhub::{
    clock::Clock,
    config::OnAmbiguous,
    platforms::{
        Platform,
        contract::{Capabilities, Envelope, Receipt, SendError},
    },
};

use super::world::{Name, SimClock, World};

/// One platform, in one life of the process.
pub struct SimPlatform {
    pub index: usize,
    pub world: Arc<World>,
    pub clock: SimClock,
}

/// A request that is under way, until it is answered or dropped.
struct UnderWay<'a> {
    platform: &'a SimPlatform,
    name: Name,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut state = self.platform.world.state();
        let target = state.targets.entry((self.name, self.platform.index)).or_default();
        target.in_flight = target.in_flight.saturating_sub(1);
    }
}

/// What it does with a request.
#[derive(Debug, Clone, Copy)]
enum Does {
    Takes,
    Refuses,
    Rejects,
    TakesAndLosesTheAnswer,
    TakesAndHangs,
    Limits(Duration),
    TakesAndPanics,
    Kills,
}

impl SimPlatform {
    fn decide(&self, name: Name) -> Does {
        let (world, faults) = (&self.world, &self.world.scenario.faults);
        if world.scenario.wishes[name.0][name.1].poison {
            return Does::Kills;
        }
        let now = self.clock.since_start();
        match () {
            () if world.scenario.outages[self.index].as_ref().is_some_and(|outage| outage.contains(&now)) => Does::Refuses,
            () if world.strikes(faults.refused) => Does::Refuses,
            () if world.strikes(faults.invalid) => Does::Rejects,
            () if world.strikes(faults.lost_answer) => Does::TakesAndLosesTheAnswer,
            () if world.strikes(faults.hang) => Does::TakesAndHangs,
            () if world.strikes(faults.limited) => Does::Limits(world.up_to(Duration::from_secs(3))),
            () if world.strikes(faults.panic) => Does::TakesAndPanics,
            () => Does::Takes,
        }
    }

    /// Whether it may arrive now.
    fn check(&self, name: Name) {
        let (world, wall) = (&self.world, self.clock.wall());
        let wish = &world.scenario.wishes[name.0][name.1];
        let state = world.state();
        let target = state.targets.get(&(name, self.index)).cloned().unwrap_or_default();
        let wished_at = state.wished_at.get(&name).copied();
        let last = state.last_of_order.get(&(name.0, self.index)).copied();
        let beside = state.targets.iter().filter(|((other, platform), target)| {
            *platform == self.index && other.0 == name.0 && *other != name && target.in_flight > 0
        });
        let ordered_beside =
            beside.filter(|((other, _), _)| world.scenario.wishes[other.0][other.1].order).map(|((other, _), _)| *other).next();
        drop(state);
        if !wish.platforms.contains(&self.index) {
            world.violated(format!("{name:?} arrived at platform {}, which nobody asked for", self.index));
        }
        if target.in_flight > 0 {
            world.violated(format!("{name:?} is sent twice at once to platform {}", self.index));
        }
        self.check_steps(name);
        self.check_breaker();
        if let Some(state) = target.settled {
            world.violated(format!("{name:?} arrived at platform {} after it was recorded as {state}", self.index));
        }
        if let (Some(not_before), Some(wished_at)) = (wish.not_before, wished_at)
            && wall < wished_at + not_before
        {
            world.violated(format!("{name:?} arrived before its time"));
        }
        if target.not_before.is_some_and(|not_before| wall < not_before) {
            world.violated(format!("{name:?} came again sooner than platform {} asked for", self.index));
        }
        if wish.order && (last.is_some_and(|last| last > name.1) || ordered_beside.is_some()) {
            world.violated(format!("{name:?} is out of order at platform {}: {last:?}, {ordered_beside:?}", self.index));
        }
    }

    /// A task with several ways takes one at a time, and never goes back.
    fn check_steps(&self, name: Name) {
        let (world, chain) = (&self.world, &self.world.scenario.wishes[name.0][name.1]);
        if !chain.routed {
            return;
        }
        let state = world.state();
        let target = |platform: &usize| state.targets.get(&(name, *platform)).cloned().unwrap_or_default();
        let others = chain.platforms.iter().filter(|platform| **platform != self.index);
        let (mut taken, mut ambiguous, mut wrong) = (0, 0, None);
        for (platform, target) in others.map(|platform| (*platform, target(platform))) {
            (taken, ambiguous) = (taken + target.taken, ambiguous + target.ambiguous);
            if target.in_flight > 0 {
                wrong = Some(format!("while it is under way to platform {platform}"));
            } else if platform > self.index && target.arrived > 0 {
                wrong = Some(format!("after its next step, platform {platform}"));
            }
        }
        drop(state);
        if let Some(wrong) = wrong {
            world.violated(format!("{name:?} arrived at platform {}, {wrong}", self.index));
        }
        if taken > ambiguous {
            world.violated(format!("{name:?} arrived at platform {} though another had taken it", self.index));
        }
    }

    /// Failures in a row open the breaker: what was under way may still arrive, and nothing else for a while.
    fn check_breaker(&self) {
        let (world, now) = (&self.world, self.clock.since_start());
        let delivery = &world.scenario.platforms[self.index];
        let most = delivery.breaker.failure_threshold as usize + delivery.max_in_flight + world.scenario.pool.batch_size;
        let mut state = world.state();
        let failures = &mut state.failures[self.index];
        while failures.front().is_some_and(|at| now - *at >= delivery.breaker.recovery_timeout) {
            failures.pop_front();
        }
        let recent = failures.len();
        drop(state);
        if recent > most {
            world.violated(format!("platform {} failed {recent} times within its recovery time, and is sent to", self.index));
        }
    }

    /// What it answers says that it fails, or that it does not.
    fn answers(&self, fails: bool) {
        let (mut state, now) = (self.world.state(), self.clock.since_start());
        let failures = &mut state.failures[self.index];
        if fails { failures.push_back(now) } else { failures.clear() }
    }

    /// Writes down that it arrived.
    fn arrive(&self, name: Name, does: Does) {
        let world = &self.world;
        let takes = matches!(does, Does::Takes | Does::TakesAndLosesTheAnswer | Does::TakesAndHangs | Does::TakesAndPanics);
        let at_most_once = world.scenario.platforms[self.index].on_ambiguous == OnAmbiguous::Dead;
        let mut state = world.state();
        if world.scenario.wishes[name.0][name.1].order {
            state.last_of_order.insert((name.0, self.index), name.1);
        }
        let target = state.targets.entry((name, self.index)).or_default();
        target.arrived += 1;
        target.in_flight += 1;
        if takes {
            target.taken += 1;
            target.taken_unsettled += 1;
        }
        let (taken, ambiguous) = (target.taken, target.ambiguous);
        drop(state);
        if taken > 1 + ambiguous {
            world
                .violated(format!("{name:?} came {taken} times to platform {}, of which {ambiguous} were ambiguous", self.index));
        }
        if at_most_once && taken > 1 {
            world.violated(format!("{name:?} came {taken} times to platform {}, which takes nothing twice", self.index));
        }
    }

    fn ambiguous(&self, name: Name) {
        let mut state = self.world.state();
        let target = state.targets.entry((name, self.index)).or_default();
        target.ambiguous += 1;
        target.taken_unsettled = 0;
    }
}

/// The notification that says who it is.
pub fn name_of(body: &str) -> Name {
    let mut numbers = body.split(' ').filter_map(|word| word.parse().ok());
    (numbers.next().expect("a producer"), numbers.next().expect("a place"))
}

#[async_trait]
impl Platform for SimPlatform {
    fn capabilities(&self) -> Capabilities {
        Capabilities { batch_max: if self.index == 2 { 4 } else { 1 }, ..Capabilities::default() }
    }

    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        let (name, world) = (name_of(&envelope.message.body), &self.world);
        self.check(name);
        let does = self.decide(name);
        world.step(&self.clock, format!("platform {} {does:?} {name:?}, attempt {}", self.index, envelope.attempt));
        self.arrive(name, does);
        let _under_way = UnderWay { platform: self, name };
        if world.strikes(world.scenario.faults.slow) {
            // It may take longer than it is waited for.
            self.clock.sleep_until(self.clock.now() + world.up_to(Duration::from_millis(1_500))).await;
        }
        self.answers(matches!(does, Does::Refuses));
        match does {
            Does::Takes => {
                world.state().targets.entry((name, self.index)).or_default().answered += 1;
                Ok(Receipt::accepted())
            }
            Does::Refuses => Err(SendError::unavailable("down")),
            Does::Rejects => {
                world.state().targets.entry((name, self.index)).or_default().invalid = true;
                Err(SendError::invalid_message("no"))
            }
            Does::TakesAndLosesTheAnswer => {
                self.ambiguous(name);
                Err(SendError::ambiguous("lost"))
            }
            Does::TakesAndHangs => std::future::pending().await,
            Does::Limits(wait) => {
                // The answer to one of a native batch is lost if the batch takes too long: it binds nobody then.
                if self.capabilities().batch_max == 1 {
                    let target = (name, self.index);
                    world.state().targets.entry(target).or_default().not_before = Some(self.clock.wall() + wait);
                }
                Err(SendError::rate_limited("slow down").with_retry_after(Some(wait)))
            }
            Does::TakesAndPanics => {
                self.ambiguous(name);
                std::panic::resume_unwind(Box::new("as the seed says"))
            }
            Does::Kills => {
                world.dies.notify_one();
                std::future::pending().await
            }
        }
    }

    async fn check(&self) -> Result<(), SendError> {
        Ok(())
    }
}
