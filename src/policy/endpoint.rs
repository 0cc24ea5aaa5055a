//! Whether an endpoint, one recipient of a platform that has many, is sent to no more: it says that it is gone, or nothing but
//! errors have come from it for days.

use std::time::{Duration, SystemTime};

use notifyhub_platforms::contract::{ErrorKind, Receipt, SendError};

/// Attempts that have failed, at least: one error on Monday and one on Friday are no week of errors.
const FAILURES_MIN: u32 = 10;

/// What has failed for so long is worth remembering over a restart.
const KEPT_AFTER: Duration = Duration::from_secs(60 * 60);

/// How an endpoint fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streak {
    /// Since when.
    pub since: SystemTime,
    /// Whether it is kept in the store.
    pub kept: bool,
    failures: u32,
}

/// What follows from an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// It is to be kept in the store that it fails.
    Keep,
    /// It is sent to no more.
    Disable,
}

/// What an attempt says of its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// It is there.
    Works,
    /// It fails, whoever is to blame.
    Fails,
    /// It says itself that it is gone for good.
    Gone,
    /// Nothing: it asks to wait, or the message is no good.
    Nothing,
}

impl Word {
    /// What the result of an attempt says.
    pub fn of(result: &Result<Receipt, SendError>) -> Self {
        match result.as_ref().map_err(SendError::kind) {
            Ok(_) => Self::Works,
            Err(ErrorKind::Gone) => Self::Gone,
            Err(ErrorKind::InvalidMessage | ErrorKind::RateLimited) => Self::Nothing,
            Err(_) => Self::Fails,
        }
    }
}

impl Streak {
    /// It begins to fail.
    pub fn new(since: SystemTime) -> Self {
        Self { since, kept: false, failures: 0 }
    }

    /// It is known from the store that it fails.
    pub fn kept(since: SystemTime) -> Self {
        Self { kept: true, ..Self::new(since) }
    }

    /// An attempt has failed. `disable_after` is how long errors are borne; zero: for ever.
    pub fn fails(&mut self, disable_after: Duration, wall: SystemTime) -> Change {
        self.failures = self.failures.saturating_add(1);
        let lasts = wall.duration_since(self.since).unwrap_or_default();
        if !disable_after.is_zero() && lasts >= disable_after && self.failures >= FAILURES_MIN {
            Change::Disable
        } else if !disable_after.is_zero() && lasts >= KEPT_AFTER && !std::mem::replace(&mut self.kept, true) {
            Change::Keep
        } else {
            Change::None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn nothing_but_errors_for_long_enough_disables_and_is_kept_after_an_hour() {
        let start = SystemTime::UNIX_EPOCH;
        let mut streak = Streak::new(start);
        let mut changes = (0..).map(|hour| streak.fails(12 * HOUR, start + hour * HOUR));
        assert_eq!(changes.next(), Some(Change::None));
        assert_eq!(changes.next(), Some(Change::Keep));
        assert!(changes.by_ref().take(10).all(|change| change == Change::None));
        assert_eq!(changes.next(), Some(Change::Disable));
    }

    #[test]
    fn a_few_errors_far_apart_are_borne_and_so_are_all_where_nothing_is_to_be_disabled() {
        let start = SystemTime::UNIX_EPOCH;
        let mut streak = Streak::kept(start);
        assert!((1..FAILURES_MIN).all(|day| streak.fails(HOUR, start + day * 24 * HOUR) == Change::None));
        assert_eq!(streak.fails(HOUR, start + 240 * HOUR), Change::Disable);
        let mut streak = Streak::new(start);
        assert!((0..1000).all(|day| streak.fails(Duration::ZERO, start + day * 24 * HOUR) == Change::None));
    }

    #[test]
    fn a_bad_message_and_a_request_to_wait_say_nothing_of_an_endpoint() {
        let word = |kind| Word::of(&Err(SendError::new(kind, "x")));
        let said = ErrorKind::ALL.map(|kind| (kind, word(kind)));
        for (kind, said) in said {
            let expected = match kind {
                ErrorKind::Gone => Word::Gone,
                ErrorKind::InvalidMessage | ErrorKind::RateLimited => Word::Nothing,
                _ => Word::Fails,
            };
            assert_eq!(said, expected, "{kind}");
        }
        assert_eq!(Word::of(&Ok(Receipt::accepted())), Word::Works);
    }
}
