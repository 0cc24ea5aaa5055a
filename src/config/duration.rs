//! Durations as users write them: `"5s"`, `"250ms"`, `"1h 30m"`, `"7d"`.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// Longest duration any key takes: a year, so that no deadline can overflow a clock.
pub(crate) const DURATION_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Reads a duration. A day is 24 hours, a week 7 days; months and years have no fixed length and are refused.
///
/// # Errors
///
/// What a duration looks like.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a duration such as \"250ms\", \"5s\", \"1h 30m\" or \"7d\"".to_owned();
    let span: Span = text.trim().parse().map_err(|_| wrong())?;
    let span = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    Duration::try_from(span).map_err(|_| "expected a duration that is not negative".to_owned())
}

/// Writes a duration so that [`parse`] reads it again: the largest units that divide it evenly, e.g. `1h 30m`.
pub fn written(duration: Duration) -> String {
    const UNITS: [(&str, u128); 7] = [
        ("d", 86_400_000_000_000),
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
        ("ns", 1),
    ];
    let mut rest = duration.as_nanos();
    let mut parts = Vec::new();
    for (unit, nanos) in UNITS {
        if rest >= nanos {
            parts.push(format!("{}{unit}", rest / nanos));
            rest %= nanos;
        }
    }
    if parts.is_empty() { "0s".into() } else { parts.join(" ") }
}

/// For `#[serde(with = …)]`.
pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&written(*duration))
}

/// For `#[serde(with = …)]`.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// A duration of more than nothing and at most a year. `x-min` and `x-max` are ours: JSON Schema knows no bounds for text.
pub(crate) fn schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "pattern": "^\\s*[0-9P]", "x-format": "duration", "x-min": "1ms", "x-max": "366d"})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_read_as_people_write_it_and_written_so_that_it_is_read_again() {
        for (text, millis, shown) in [
            ("5s", 5_000, "5s"),
            ("250ms", 250, "250ms"),
            ("1h 30m", 5_400_000, "1h 30m"),
            ("1h30m", 5_400_000, "1h 30m"),
            ("7d", 604_800_000, "7d"),
            ("1w", 604_800_000, "7d"),
            ("2 minutes", 120_000, "2m"),
            ("0s", 0, "0s"),
            ("1.5s", 1_500, "1s 500ms"),
        ] {
            let duration = parse(text).expect(text);
            assert_eq!(duration, Duration::from_millis(millis), "{text}");
            assert_eq!(written(duration), shown);
            assert_eq!(parse(&written(duration)), Ok(duration));
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "5", "soon", "-5s", "5 parsecs", "1 month", "1y", "5s ago", "99999999999999999999s"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
