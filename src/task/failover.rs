//! A task with several ways to its reader: the steps of a route, tried one after the other.

use std::{
    fmt,
    ops::Deref,
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{DeadReason, Disposition, LaneKey, PlatformName, Task};

/// The ways of one task, fixed when it is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failover {
    /// Which of its notification's tasks, by its place.
    pub task: u32,
    /// The route's name.
    pub route: Arc<str>,
    /// How long a step has, if there is another after it.
    pub step_timeout: Duration,
    /// Its steps, at least one, no two of them the same.
    pub steps: Box<[Step]>,
}

/// The ways of those tasks of a notification that have several, as a slice. Nearly none has any, and so many notifications wait
/// in memory that it takes one word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failovers(Option<Box<List>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct List(Box<[Failover]>);

impl Deref for Failovers {
    type Target = [Failover];

    fn deref(&self) -> &[Failover] {
        self.0.as_ref().map_or(&[], |list| &list.0)
    }
}

impl FromIterator<Failover> for Failovers {
    fn from_iter<I: IntoIterator<Item = Failover>>(all: I) -> Self {
        let all: Box<[Failover]> = all.into_iter().collect();
        Self((!all.is_empty()).then(|| Box::new(List(all))))
    }
}

/// One way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The lane.
    pub lane: LaneKey,
    /// The recipient, if the target or the platform's table names one.
    pub recipient: Option<Arc<str>>,
}

/// Why a task left a step for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StepReason {
    /// It failed there for good.
    Failed(DeadReason),
    /// The circuit breaker of its lane is open, or the lane is suspended.
    Open,
    /// The step's time was over, or would have been before another attempt.
    Late,
}

/// A step that a task has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepLeft {
    /// The route.
    pub route: Arc<str>,
    /// The step's target as users write it.
    pub target: Arc<str>,
    /// How many attempts the task had behind it by then: those up to this number were made there, or before.
    pub attempts: u32,
    /// When (wall clock).
    pub at: SystemTime,
    /// Why.
    pub why: StepReason,
}

impl StepReason {
    /// The reason as one word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed(reason) => reason.as_str(),
            Self::Open => "open",
            Self::Late => "late",
        }
    }

    /// The reason that is written as this word.
    pub fn from_word(word: &str) -> Option<Self> {
        let failed = DeadReason::ALL.into_iter().map(Self::Failed);
        failed.chain([Self::Open, Self::Late]).find(|reason| reason.as_str() == word)
    }
}

impl fmt::Display for StepReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(reason) => write!(f, "{reason}"),
            Self::Open => f.write_str("nothing is sent there while its platform fails"),
            Self::Late => f.write_str("its time was over"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&target_text(&self.lane.platform, self.recipient.as_deref()))
    }
}

/// A platform and a recipient as users write them.
pub fn target_text(platform: &PlatformName, recipient: Option<&str>) -> String {
    match recipient {
        Some(recipient) => format!("{platform}:{recipient}"),
        None => platform.to_string(),
    }
}

impl Task {
    /// Its ways, and which of them it is at, if it has several.
    pub fn failover(&self) -> Option<(&Failover, usize)> {
        let failover = self.head.failovers.iter().find(|failover| failover.task == self.index)?;
        let at = failover.steps.iter().position(|step| step.lane == self.lane && step.recipient == self.recipient)?;
        Some((failover, at))
    }

    /// The step after the one it is at.
    pub fn next_step(&self) -> Option<&Step> {
        let (failover, at) = self.failover()?;
        failover.steps.get(at + 1)
    }

    /// The same task at its next step, which begins at `wall`.
    pub fn at_next_step(&self, wall: SystemTime) -> Option<Self> {
        let (failover, at) = self.failover()?;
        let Step { lane, recipient } = failover.steps.get(at + 1)?.clone();
        let until = failover.until(at + 1, wall);
        Some(Self { lane, recipient, until, ..self.clone() })
    }

    /// What a step that is left at `wall` is remembered by; `attempts` were made until then.
    pub fn step_left(&self, attempts: u32, wall: SystemTime, why: StepReason) -> Option<StepLeft> {
        let (failover, _) = self.failover()?;
        let target = target_text(self.platform(), self.recipient.as_deref()).into();
        Some(StepLeft { route: failover.route.clone(), target, attempts, at: wall, why })
    }

    /// When waiting for an attempt ends: when it expires, or has no time at this step any more.
    pub fn ends_at(&self) -> Option<SystemTime> {
        self.head.expires_at.into_iter().chain(self.until).min()
    }

    /// What becomes of it at `wall` without an attempt, if it may not wait for one any longer.
    pub fn ending(&self, wall: SystemTime) -> Option<Disposition> {
        if self.head.is_expired(wall) {
            return Some(Disposition::Expired);
        }
        self.until.filter(|until| *until <= wall).map(|_| Disposition::NextStep(StepReason::Late))
    }
}

impl Failover {
    /// Until when the step with this number has time that begins at `wall`; the last has all the time there is.
    pub fn until(&self, step: usize, wall: SystemTime) -> Option<SystemTime> {
        if step + 1 < self.steps.len() { wall.checked_add(self.step_timeout) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use notifyhub_platforms::contract::Message;

    use super::*;
    use crate::task::{Head, NotificationId};

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn task(expires_at: Option<SystemTime>) -> Task {
        let step = |name: &str| Step { lane: LaneKey::whole(name.parse().expect("a name")), recipient: Some("ada".into()) };
        let steps: Box<[Step]> = ["a", "b", "c"].into_iter().map(step).collect();
        let failover = Failover { task: 3, route: "critical".into(), step_timeout: Duration::from_secs(60), steps };
        let (first, until) = (failover.steps[0].clone(), failover.until(0, NOW));
        let head = Head {
            id: NotificationId::from_bits(1),
            message: Arc::new(Message::text("x")),
            correlation: None,
            accepted_at: NOW,
            not_before: None,
            expires_at,
            failovers: [failover].into_iter().collect(),
        };
        Task { id: head.id.task(3), index: 3, head: Arc::new(head), lane: first.lane, recipient: first.recipient, until }
    }

    #[test]
    fn a_task_goes_from_step_to_step_each_with_its_time_and_the_last_with_all() {
        let (first, minute) = (task(None), Duration::from_secs(60));
        assert_eq!(first.ends_at(), Some(NOW + minute));
        assert_eq!(first.ending(NOW + Duration::from_secs(59)), None);
        assert_eq!(first.ending(NOW + minute), Some(Disposition::NextStep(StepReason::Late)));
        let second = first.at_next_step(NOW + minute).expect("a second step");
        assert_eq!((second.platform().as_str(), second.ends_at()), ("b", Some(NOW + 2 * minute)));
        let last = second.at_next_step(NOW + minute).expect("a third step");
        assert_eq!((last.platform().as_str(), last.ends_at()), ("c", None));
        assert!(last.next_step().is_none() && last.at_next_step(NOW).is_none());
    }

    #[test]
    fn what_has_expired_goes_to_no_other_step() {
        let task = task(Some(NOW + Duration::from_secs(60)));
        assert_eq!(task.ending(NOW + Duration::from_secs(60)), Some(Disposition::Expired));
    }

    #[test]
    fn a_reason_is_read_as_it_is_written() {
        for reason in DeadReason::ALL.into_iter().map(StepReason::Failed).chain([StepReason::Open, StepReason::Late]) {
            assert_eq!(StepReason::from_word(reason.as_str()), Some(reason));
        }
        assert_eq!(StepReason::from_word("boredom"), None);
    }
}
