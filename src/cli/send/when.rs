//! A moment, as people write it: RFC 3339, or so long from now.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use crate::config::duration;

/// A moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// This one.
    At(SystemTime),
    /// So long from now.
    In(Duration),
}

impl When {
    /// The moment, at `now`.
    pub fn moment(self, now: SystemTime) -> SystemTime {
        match self {
            Self::At(moment) => moment,
            Self::In(wait) => now.checked_add(wait).unwrap_or(now),
        }
    }
}

/// Reads `2026-11-21T08:00:00+01:00`, `in 5m` or `+5m`.
pub fn parse(text: &str) -> Result<When, String> {
    let text = text.trim();
    if let Some(wait) = text.strip_prefix("in ").or_else(|| text.strip_prefix('+')) {
        return duration::parse(wait).map(When::In);
    }
    let moment: Timestamp = text
        .parse()
        .map_err(|_| "expected a time such as \"2026-11-21T08:00:00+01:00\" (with its offset), \"in 5m\" or \"+5m\"")?;
    Ok(When::At(moment.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_timestamp_or_so_long_from_now() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        for (text, seconds) in [
            ("1970-01-12T13:46:45Z", 1_000_005),
            ("1970-01-12T14:46:45+01:00", 1_000_005),
            ("in 5m", 1_000_300),
            (" +1h 30m ", 1_005_400),
            ("in  2s", 1_000_002),
        ] {
            let moment = parse(text).expect(text).moment(now);
            assert_eq!(moment, SystemTime::UNIX_EPOCH + Duration::from_secs(seconds), "{text}");
        }
    }

    #[test]
    fn a_time_without_its_offset_and_a_bare_number_are_refused() {
        for text in ["2026-11-21T08:00:00", "08:00", "5m", "tomorrow", "in", "+", "in -5m", ""] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
