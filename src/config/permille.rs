//! Shares and factors: written as numbers such as `0.7`, kept as whole thousandths, so that no decision is a float's.

use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// For `#[serde(with = …)]`. The schema bounds the value; here it only has to fit.
pub(crate) fn serialize<S: Serializer>(permille: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(f64::from(*permille) / 1000.0)
}

/// For `#[serde(with = …)]`.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let value = f64::deserialize(deserializer)?;
    if (0.0..=1000.0).contains(&value) {
        Ok((value * 1000.0).round() as u32)
    } else {
        Err(D::Error::custom("expected a number from 0 to 1000"))
    }
}
