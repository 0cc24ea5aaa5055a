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

    /// The rank of what was accepted at this moment: the lower, the earlier.
    pub fn next(&mut self, accepted_at: SystemTime, priority: Priority) -> i64 {
        let since = accepted_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.last = self.last.max(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX));
        self.last.saturating_sub(head_start(priority))
    }
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
        let mut at =
            |minute: u64, priority| ranks.next(SystemTime::UNIX_EPOCH + Duration::from_secs(6000 + 60 * minute), priority);
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
        assert!(ranks.next(at(50), Priority::Normal) >= first);
    }
}
