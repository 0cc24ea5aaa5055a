//! `Retry-After` in all the forms platforms send it.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, header::RETRY_AFTER};

/// No wait is ever longer than this, whatever a platform writes; the engine clamps further by configuration.
pub const WAIT_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// The wait a platform asks for: whole or decimal seconds, or an HTTP date (RFC 9110, section 10.2.3), the
/// largest where there are several. A date in the past is zero; anything else is as if it were not there.
pub fn from_headers(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    headers.get_all(RETRY_AFTER).iter().filter_map(|value| parse(value.to_str().ok()?, now)).max()
}

/// The wait in a header that holds seconds only, such as Discord's `X-RateLimit-Reset-After`.
pub fn from_seconds_header(headers: &HeaderMap, name: &HeaderName) -> Option<Duration> {
    seconds(headers.get(name)?.to_str().ok()?.trim())
}

/// Reads one value; see [`from_headers`].
pub fn parse(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    seconds(value).or_else(|| {
        let date = httpdate::parse_http_date(value).ok()?;
        Some(date.duration_since(now).unwrap_or_default().min(WAIT_MAX))
    })
}

/// Whole or decimal seconds, never negative, clamped to [`WAIT_MAX`].
pub fn seconds(value: &str) -> Option<Duration> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole = whole.parse().map_or(WAIT_MAX, Duration::from_secs);
    let nanos = fraction.bytes().chain(std::iter::repeat(b'0')).take(9).fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    Some(whole.saturating_add(Duration::new(0, nanos)).min(WAIT_MAX))
}

/// Seconds as a JSON number, as some platforms put them into the body.
pub fn from_json(value: &serde_json::Value) -> Option<Duration> {
    let wait = value.as_f64().filter(|seconds| *seconds >= 0.0)?;
    Some(Duration::try_from_secs_f64(wait).unwrap_or(WAIT_MAX).min(WAIT_MAX))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn at(unix_seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(unix_seconds)
    }

    #[test]
    fn every_known_form_is_read_and_clamped() {
        let now = at(1_700_000_000); // Tue, 14 Nov 2023 22:13:20 GMT
        for (value, expected) in [
            ("5", Some(Duration::from_secs(5))),
            (" 0 ", Some(Duration::ZERO)),
            ("1.25", Some(Duration::from_millis(1250))),
            ("0.0000000019", Some(Duration::from_nanos(1))),
            ("9223372037", Some(WAIT_MAX)),
            ("99999999999999999999", Some(WAIT_MAX)),
            ("Tue, 14 Nov 2023 22:13:50 GMT", Some(Duration::from_secs(30))),
            ("Tuesday, 14-Nov-23 22:13:50 GMT", Some(Duration::from_secs(30))),
            ("Tue Nov 14 22:13:50 2023", Some(Duration::from_secs(30))),
            ("Tue, 14 Nov 2023 22:00:00 GMT", Some(Duration::ZERO)),
            ("Thu, 31 Dec 2099 23:59:59 GMT", Some(WAIT_MAX)),
            ("-1", None),
            ("", None),
            ("1e9", None),
            ("soon", None),
            (".5", None),
        ] {
            assert_eq!(parse(value, now), expected, "{value:?}");
        }
    }

    #[test]
    fn of_several_headers_the_longest_wait_counts() {
        let mut headers = HeaderMap::new();
        for value in ["3", "junk", "7"] {
            headers.append(RETRY_AFTER, HeaderValue::from_static(value));
        }
        assert_eq!(from_headers(&headers, at(0)), Some(Duration::from_secs(7)));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic_and_within_bounds(value in ".*", now in 0u64..=1 << 40) {
            prop_assert!(parse(&value, at(now)).unwrap_or_default() <= WAIT_MAX);
        }

        #[test]
        fn any_json_number_is_read_within_bounds(value in any::<f64>()) {
            prop_assert!(from_json(&value.into()).unwrap_or_default() <= WAIT_MAX);
        }
    }
}
