//! Rate limits as users write them: `"1/s"`, `["5/2s", "30/min"]`, `{ rate = "30/min", burst = 10 }`.

use std::{num::NonZeroU32, time::Duration};

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::{RateWindow, duration};

/// Reads `N/T`: one or more per unit (`s`, `min`, `h`, `d`) or per duration (`2s`).
pub(crate) fn parse(text: &str) -> Result<RateWindow, String> {
    let wrong = || "expected a rate such as \"1/s\", \"5/2s\" or \"30/min\"".to_owned();
    let (count, per) = text.split_once('/').ok_or_else(wrong)?;
    let count: NonZeroU32 = count.trim().parse().map_err(|_| wrong())?;
    let per = per.trim();
    let bare_unit = per.starts_with(|c: char| c.is_ascii_alphabetic());
    let per = duration::parse(&if bare_unit { format!("1{per}") } else { per.to_owned() }).map_err(|_| wrong())?;
    if per.is_zero() || per > duration::DURATION_MAX {
        return Err(wrong());
    }
    Ok(RateWindow { count, per, burst: NonZeroU32::MIN })
}

/// The table form. A text or a list of texts is short for it.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Table {
    rate: String,
    #[serde(default = "one")]
    burst: NonZeroU32,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Window {
    Text(String),
    Table(Table),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    List(Vec<Window>),
    One(Window),
}

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

impl Window {
    fn read(self) -> Result<RateWindow, String> {
        match self {
            Self::Text(text) => parse(&text),
            Self::Table(table) => {
                let window = RateWindow { burst: table.burst, ..parse(&table.rate)? };
                if window.burst > window.count {
                    return Err(format!("a burst of {} is more than the rate {} allows", window.burst, table.rate));
                }
                Ok(window)
            }
        }
    }
}

/// For `#[serde(with = …)]`.
pub(crate) fn serialize<S: Serializer>(windows: &[RateWindow], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(
        windows.iter().map(|window| Table { rate: format!("{}/{}", window.count, written(window.per)), burst: window.burst }),
    )
}

/// A duration without spaces: `30s`, `90s`.
fn written(per: Duration) -> String {
    duration::written(per).replace(' ', "")
}

/// For `#[serde(with = …)]`.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<RateWindow>, D::Error> {
    let windows = match Written::deserialize(deserializer)? {
        Written::List(windows) => windows,
        Written::One(window) => vec![window],
    };
    windows.into_iter().map(|window| window.read().map_err(D::Error::custom)).collect()
}

/// One window or a list of them, all of which hold.
pub(crate) fn schema(_: &mut SchemaGenerator) -> Schema {
    let text = json_schema!({"type": "string", "x-format": "rate", "pattern": "^\\s*[0-9]+\\s*/"});
    let table = json_schema!({
        "type": "object",
        "properties": {
            "rate": {"type": "string", "x-format": "rate", "description": "How many per how long."},
            "burst": {"type": "integer", "minimum": 1, "maximum": u32::MAX, "default": 1, "description": "How many of them may go at once after a pause."},
        },
        "required": ["rate"],
        "additionalProperties": false,
        "x-format": "rate-table",
    });
    let list = json_schema!({"type": "array", "items": {"anyOf": [text.clone(), table.clone()]}});
    json_schema!({"anyOf": [text, table, list]})
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(value: Value) -> Result<Vec<(u32, u64, u32)>, String> {
        let windows = deserialize(value).map_err(|error| error.to_string())?;
        Ok(windows.iter().map(|window| (window.count.get(), window.per.as_millis() as u64, window.burst.get())).collect())
    }

    #[test]
    fn a_rate_limit_is_a_text_a_list_or_a_table() {
        assert_eq!(read(json!("1/s")), Ok(vec![(1, 1_000, 1)]));
        assert_eq!(read(json!(["5/2s", "30/min"])), Ok(vec![(5, 2_000, 1), (30, 60_000, 1)]));
        assert_eq!(read(json!({"rate": "30/min", "burst": 10})), Ok(vec![(30, 60_000, 10)]));
        assert_eq!(read(json!(["100/h", {"rate": "2 / s"}])), Ok(vec![(100, 3_600_000, 1), (2, 1_000, 1)]));
        assert_eq!(read(json!([])), Ok(vec![]));
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        for text in ["", "1", "0/s", "-1/s", "1/", "1/0s", "1.5/s", "1/fortnight", "s/1", "99999999999/s"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(read(json!({"rate": "3/s", "burst": 4})).is_err());
    }

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["1/s", "5/90s", "30/min", "7/2d"] {
            let windows = [parse(text).expect(text)];
            let json = serialize(&windows, serde_json::value::Serializer).expect("a rate is written");
            assert_eq!(deserialize(json).expect("a rate is read"), windows);
        }
    }
}
