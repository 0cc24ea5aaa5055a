//! What stands in `[platforms.NAME]` and before the colon of a target.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// The name of a configured platform: 1 to 64 of `a-z A-Z 0-9 _ - .`, starting with a letter or digit.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct PlatformName(Arc<str>);

/// Why a text is no platform name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid platform name `{0}`, expected 1 to 64 of letters, digits, `_`, `-` and `.`, starting with a letter or digit")]
pub struct NameError(String);

impl PlatformName {
    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name the engine made itself: that of a platform given as a URL is the URL as it may be shown. Not checked.
    pub(crate) fn internal(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }
}

impl FromStr for PlatformName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        let valid = text.len() <= NAME_BYTES_MAX
            && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
            && text.bytes().all(plain);
        if valid { Ok(Self(text.into())) } else { Err(NameError(text.chars().take(80).collect())) }
    }
}

impl TryFrom<String> for PlatformName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<PlatformName> for String {
    fn from(name: PlatformName) -> Self {
        name.0.as_ref().into()
    }
}

impl Borrow<str> for PlatformName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PlatformName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PlatformName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
