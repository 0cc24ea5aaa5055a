//! How fast each recipient of a lane may be sent to. Whoever must wait is passed over: the rest of the lane flows on.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use foldhash::fast::RandomState;

use crate::{config::RateWindow, policy::Windows};

/// Recipients of one lane that are remembered at most. Who would be one more waits until others are forgotten.
const KNOWN_MAX: usize = 65_536;

/// Wait of whoever would be one too many.
const FULL_WAIT: Duration = Duration::from_secs(1);

/// What is known of the recipients of a lane.
#[derive(Debug)]
pub struct Recipients {
    limit: Vec<RateWindow>,
    /// Time between two tasks of one recipient, at an even pace.
    interval: Duration,
    /// How long what was sent is of interest.
    looks_back: Duration,
    known: HashMap<Arc<str>, Recipient, RandomState>,
}

#[derive(Debug)]
struct Recipient {
    windows: Windows,
    rests_until: Option<Instant>,
    /// The last moment that was promised to one of its tasks.
    promised: Instant,
    used: Instant,
}

impl Recipients {
    /// Nobody was sent to yet; each may be sent to as `limit` says.
    pub fn new(limit: &[RateWindow]) -> Self {
        let interval = limit.iter().map(|window| window.per / window.count.get()).max().unwrap_or_default();
        let looks_back = limit.iter().map(|window| window.per).max().unwrap_or_default();
        // A window's slots are whole or not at all.
        Self { limit: limit.to_vec(), interval, looks_back: looks_back + looks_back / 16, known: HashMap::default() }
    }

    /// Whether anything has to be asked at all.
    pub fn matter(&self) -> bool {
        !self.limit.is_empty() || !self.known.is_empty()
    }

    /// When a task of this recipient may go, if not now. One that has `waited` its time goes before those that come now.
    pub fn wait(&mut self, recipient: &Arc<str>, waited: bool, now: Instant) -> Option<Instant> {
        let Some(known) = self.known.get_mut(recipient) else {
            return (self.known.len() >= KNOWN_MAX && !self.forget(now)).then(|| now + FULL_WAIT);
        };
        let barred = known.windows.wait(1, now).into_iter().chain(known.rests_until).filter(|until| *until > now).max();
        let promised = Some(known.promised).filter(|promised| *promised > now && !waited);
        let until = barred.into_iter().chain(promised).max()?;
        // Each has a moment of its own: they do not all come back at once.
        let moment = if known.promised > now { until.max(known.promised + self.interval) } else { until };
        known.promised = moment;
        Some(moment)
    }

    /// A task goes to this recipient now.
    pub fn take(&mut self, recipient: &Arc<str>, now: Instant) {
        if self.limit.is_empty() {
            return;
        }
        let known = self.known(recipient, now);
        known.windows.take(1, now);
        known.used = now;
    }

    /// Nothing goes to this recipient before `until`.
    pub fn rest(&mut self, recipient: &Arc<str>, until: Instant, now: Instant) {
        if self.known.len() < KNOWN_MAX || self.forget(now) {
            let known = self.known(recipient, now);
            known.rests_until = known.rests_until.max(Some(until));
        }
    }

    /// So many were sent to this recipient, so long ago each.
    pub fn restore(&mut self, recipient: &Arc<str>, sent: &[(Duration, u64)], now: Instant) {
        let last = sent.iter().map(|(ago, _)| *ago).min().unwrap_or_default();
        let known = self.known(recipient, now);
        known.windows.restore(sent, now);
        known.used = now.checked_sub(last).unwrap_or(now);
    }

    fn known(&mut self, recipient: &Arc<str>, now: Instant) -> &mut Recipient {
        let limit = &self.limit;
        self.known.entry(recipient.clone()).or_insert_with(|| Recipient {
            windows: Windows::new(limit, now),
            rests_until: None,
            promised: now,
            used: now,
        })
    }

    /// Forgets those of whom nothing is known any more that matters. Whether there is room now.
    pub fn forget(&mut self, now: Instant) -> bool {
        let looks_back = self.looks_back;
        self.known.retain(|_, known| {
            let rests = known.rests_until.is_some_and(|until| until > now);
            rests || known.promised > now || now.saturating_duration_since(known.used) <= looks_back
        });
        self.known.len() < KNOWN_MAX
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::clock::{Clock, SystemClock};

    const SECOND: Duration = Duration::from_secs(1);

    fn one_per_second() -> Recipients {
        Recipients::new(&[RateWindow { count: NonZeroU32::MIN, per: SECOND, burst: NonZeroU32::MIN }])
    }

    #[test]
    fn whoever_must_wait_is_given_a_moment_of_his_own_and_others_are_not_touched() {
        let (mut recipients, now) = (one_per_second(), SystemClock.now());
        let (ada, bob): (Arc<str>, Arc<str>) = ("ada".into(), "bob".into());
        assert_eq!(recipients.wait(&ada, false, now), None);
        recipients.take(&ada, now);
        let moments: Vec<_> = (0..3).map(|_| recipients.wait(&ada, false, now).expect("must wait")).collect();
        assert!(moments[0] >= now + SECOND && moments[0] < now + SECOND + SECOND / 16);
        assert!(moments.windows(2).all(|pair| pair[1] == pair[0] + SECOND));
        assert_eq!(recipients.wait(&bob, false, now), None);
        assert_eq!(recipients.wait(&ada, true, moments[0]), None, "the first in its turn");
        assert!(recipients.wait(&ada, false, moments[0]).is_some(), "before who comes now");
    }

    #[test]
    fn a_recipient_that_asked_to_be_left_alone_rests_without_any_limit() {
        let (mut recipients, now) = (Recipients::new(&[]), SystemClock.now());
        let ada: Arc<str> = "ada".into();
        assert!(!recipients.matter());
        recipients.rest(&ada, now + SECOND, now);
        assert_eq!(recipients.wait(&ada, true, now), Some(now + SECOND));
        assert_eq!(recipients.wait(&ada, true, now + SECOND), None);
        assert!(recipients.forget(now + 2 * SECOND) && !recipients.matter());
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_limit_holds_all_the_same() {
        let (mut recipients, now) = (one_per_second(), SystemClock.now());
        let name = |n: usize| -> Arc<str> { n.to_string().into() };
        for n in 0..KNOWN_MAX {
            assert_eq!(recipients.wait(&name(n), false, now), None);
            recipients.take(&name(n), now);
        }
        assert!(recipients.wait(&name(KNOWN_MAX), false, now).is_some(), "one too many waits");
        assert_eq!(recipients.known.len(), KNOWN_MAX);
        assert_eq!(recipients.wait(&name(KNOWN_MAX), false, now + 2 * SECOND), None);
        assert_eq!(recipients.known.len(), 0, "the others are forgotten by then");
    }
}
