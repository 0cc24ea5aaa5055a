//! The order of tasks within a lane.

use std::time::SystemTime;

use notifyhub_platforms::contract::Priority;

/// Gives every task its rank: by the time it was accepted, with a head start for what is urgent. What has waited longer
/// than the head start is never overtaken, so nothing starves; and tasks of one priority keep their order even where the
/// clock goes back.
#[derive(Debug, Default)]
pub struct Ranks {
    last: i64,
}

impl Ranks {
    /// Goes on behind what was accepted at `last`, in nanoseconds since 1970.
    #[cfg(feature = "sqlite")]
    pub fn behind(last: i64) -> Self {
        Self { last }
    }

    /// The rank of what was accepted at this moment.
    pub fn next(&mut self, accepted_at: SystemTime, priority: Priority) -> Rank {
        self.last = self.last.max(nanos(accepted_at));
        Rank { accepted: self.last, head_start: head_start(priority) }
    }
}

/// Where the tasks of a notification stand among those of their lanes.
#[derive(Debug, Clone, Copy)]
pub struct Rank {
    accepted: i64,
    head_start: i64,
}

impl Rank {
    /// As a number: the lower, the earlier. What goes before everything that was accepted earlier is below zero.
    pub fn of(self, newest_first: bool) -> i64 {
        if newest_first {
            self.accepted.saturating_add(self.head_start).saturating_neg()
        } else {
            self.accepted.saturating_sub(self.head_start)
        }
    }
}

/// How fresh a task is: what is fresher goes first where the newest does.
pub fn freshness(accepted_at: SystemTime, priority: Priority) -> i64 {
    nanos(accepted_at).saturating_add(head_start(priority))
}

fn nanos(moment: SystemTime) -> i64 {
    let since = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// By how much it overtakes what was accepted before it, in nanoseconds.
const fn head_start(priority: Priority) -> i64 {
    const MINUTE: i64 = 60 * 1_000_000_000;
    match priority {
        Priority::Low => -10 * MINUTE,
        Priority::Normal => 0,
        Priority::High => 10 * MINUTE,
        Priority::Urgent => 60 * MINUTE,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_urgent_goes_first_but_overtakes_nobody_for_ever() {
        let mut ranks = Ranks::default();
        let mut at = |minute: u64, priority| {
            ranks.next(SystemTime::UNIX_EPOCH + Duration::from_secs(6000 + 60 * minute), priority).of(false)
        };
        let old = at(0, Priority::Normal);
        let low = at(0, Priority::Low);
        assert!(at(1, Priority::High) < old && at(1, Priority::Urgent) < old && at(5, Priority::Normal) < low);
        assert!(at(61, Priority::Urgent) > old && at(61, Priority::Normal) > low);
    }

    #[test]
    fn a_clock_that_goes_back_changes_no_order() {
        let mut ranks = Ranks::default();
        let at = |second| SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        let first = ranks.next(at(100), Priority::Normal);
        let second = ranks.next(at(50), Priority::Normal);
        assert!(second.of(false) >= first.of(false) && second.of(true) <= first.of(true));
    }

    #[test]
    fn where_the_newest_goes_first_so_does_what_is_urgent() {
        let at = |minute: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(6000 + 60 * minute);
        let of = |minute, priority| Ranks::default().next(at(minute), priority).of(true);
        assert!(of(1, Priority::Normal) < of(0, Priority::Normal) && of(0, Priority::Urgent) < of(59, Priority::Normal));
        assert!(of(0, Priority::Low) > of(0, Priority::Normal) && of(0, Priority::Low) < 0);
        assert!(freshness(at(0), Priority::Urgent) > freshness(at(59), Priority::Normal));
    }
}
