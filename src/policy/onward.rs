//! Whether a task that has another way takes it.

use std::time::SystemTime;

use crate::task::{DeadReason, Disposition, StepReason, Task};

/// How a task stands at its step.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    /// Whether there is a step after it.
    pub has_next: bool,
    /// Until when it may wait here.
    pub until: Option<SystemTime>,
    /// Whether nothing is sent here, since the platform fails or refuses us.
    pub shut: bool,
}

/// What becomes of a task of which an attempt, or the look of things, says `so`: where it would be dead or wait too long here, it
/// goes to its next step. What may have arrived and is not to be sent twice, what kills processes and what cannot be read goes
/// nowhere else.
pub fn onward(so: Disposition, at: Standing) -> Disposition {
    if !at.has_next {
        return so;
    }
    match so {
        Disposition::Dead(DeadReason::Ambiguous | DeadReason::Poison | DeadReason::Damaged) => so,
        Disposition::Dead(reason) => Disposition::NextStep(StepReason::Failed(reason)),
        Disposition::Retry { .. } if at.shut => Disposition::NextStep(StepReason::Open),
        Disposition::Retry { due, .. } if at.until.is_some_and(|until| due >= until) => Disposition::NextStep(StepReason::Late),
        _ => so,
    }
}

/// What becomes of a task whose platform is no longer configured.
pub fn gone(task: &Task) -> Disposition {
    unsent(task, DeadReason::PlatformGone)
}

/// What becomes of a task whose endpoint is sent to no more.
pub fn disabled(task: &Task) -> Disposition {
    unsent(task, DeadReason::Disabled)
}

fn unsent(task: &Task, reason: DeadReason) -> Disposition {
    let standing = Standing { has_next: task.next_step().is_some(), until: None, shut: true };
    onward(Disposition::Dead(reason), standing)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use notifyhub_platforms::contract::ErrorKind;

    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;
    const HERE: Standing = Standing { has_next: true, until: Some(NOW), shut: false };

    fn retry(seconds: u64) -> Disposition {
        Disposition::Retry { due: NOW + Duration::from_secs(seconds), counts: true }
    }

    #[test]
    fn what_failed_for_good_goes_on_and_what_may_have_arrived_or_kills_does_not() {
        for reason in DeadReason::ALL {
            let ends = matches!(reason, DeadReason::Ambiguous | DeadReason::Poison | DeadReason::Damaged);
            let next = if ends { Disposition::Dead(reason) } else { Disposition::NextStep(StepReason::Failed(reason)) };
            assert_eq!(onward(Disposition::Dead(reason), HERE), next);
        }
    }

    #[test]
    fn a_retry_is_made_where_there_is_time_for_it_and_the_lane_is_open() {
        let until = Some(NOW + Duration::from_secs(60));
        let here = Standing { until, ..HERE };
        assert_eq!(onward(retry(59), here), retry(59));
        assert_eq!(onward(retry(60), here), Disposition::NextStep(StepReason::Late));
        assert_eq!(onward(retry(1), Standing { shut: true, ..here }), Disposition::NextStep(StepReason::Open));
        assert_eq!(onward(retry(99), Standing { until: None, ..here }), retry(99));
    }

    #[test]
    fn the_last_step_is_the_last() {
        let last = Standing { has_next: false, until: None, shut: true };
        for so in [retry(1), Disposition::Dead(DeadReason::Refused(ErrorKind::InvalidRecipient))] {
            assert_eq!(onward(so, last), so);
        }
    }

    #[test]
    fn what_is_over_is_over() {
        for so in [Disposition::Delivered, Disposition::Expired, Disposition::Cancelled] {
            assert_eq!(onward(so, Standing { shut: true, ..HERE }), so);
        }
    }
}
