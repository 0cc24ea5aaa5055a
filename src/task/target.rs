//! Where a notification goes, as a user writes it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{NameError, PlatformName};

/// One destination: a platform with or without a recipient, a group of targets, or a URL that needs no configuration.
///
/// ```
/// use notifyhub::Target;
/// assert!(matches!("ops:#alerts".parse(), Ok(Target::Platform { .. })));
/// assert!(matches!("@oncall".parse(), Ok(Target::Group(name)) if &*name == "oncall"));
/// assert!(matches!("json://example.com/hook".parse(), Ok(Target::Url(_))));
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Target {
    /// `ops` (its default recipient) or `ops:#alerts`.
    Platform {
        /// The platform.
        platform: PlatformName,
        /// The recipient after the colon, if any; never empty.
        recipient: Option<Box<str>>,
    },
    /// `@oncall`: all targets of `[groups] oncall`.
    Group(Box<str>),
    /// `json://host/path`: a platform described by the URL itself. It may hold a secret: printed, it shows the scheme only.
    Url(Box<str>),
}

/// Why a text is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// Nothing there.
    #[error("empty target, expected `platform`, `platform:recipient`, `@group` or a URL")]
    Empty,
    /// `ops:` without anything after the colon.
    #[error("target `{0}:` has nothing after its colon, expected `{0}` or `{0}:recipient`")]
    NoRecipient(PlatformName),
    /// What stands before the colon is no platform name.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl Target {
    /// `platform:recipient`.
    pub fn new(platform: PlatformName, recipient: impl Into<Box<str>>) -> Self {
        Self::Platform { platform, recipient: Some(recipient.into()) }
    }

    /// A platform's default recipient.
    pub fn bare(platform: PlatformName) -> Self {
        Self::Platform { platform, recipient: None }
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TargetError::Empty);
        }
        if let Some(group) = text.strip_prefix('@') {
            return match group.parse::<PlatformName>() {
                Ok(_) => Ok(Self::Group(group.into())),
                Err(error) => Err(error.into()),
            };
        }
        if text.contains("://") && !text.starts_with(':') && is_scheme(text) {
            return Ok(Self::Url(text.into()));
        }
        match text.split_once(':') {
            None => Ok(Self::bare(text.parse()?)),
            Some((platform, "")) => Err(TargetError::NoRecipient(platform.parse()?)),
            Some((platform, recipient)) => Ok(Self::new(platform.parse()?, recipient)),
        }
    }
}

/// Whether the text before `://` is a URL scheme (RFC 3986, section 3.1) and not `platform:recipient://…`.
fn is_scheme(text: &str) -> bool {
    let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

impl TryFrom<String> for Target {
    type Error = TargetError;

    fn try_from(text: String) -> Result<Self, TargetError> {
        text.parse()
    }
}

/// The whole target, URL included: for storing it, not for showing it.
impl From<Target> for String {
    fn from(target: Target) -> Self {
        match target {
            Target::Url(url) => url.into(),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform { platform, recipient: Some(recipient) } => write!(f, "{platform}:{recipient}"),
            Self::Platform { platform, recipient: None } => write!(f, "{platform}"),
            Self::Group(name) => write!(f, "@{name}"),
            Self::Url(url) => write!(f, "{}://…", url.split_once("://").map_or("", |(scheme, _)| scheme)),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_platform_a_recipient_a_group_or_a_url() {
        for (text, shown) in [
            ("ops", "ops"),
            (" ops:#alerts ", "ops:#alerts"),
            ("mail:Ada <ada@example.com>", "mail:Ada <ada@example.com>"),
            ("hooks:https://example.com/a?b=c", "hooks:https://example.com/a?b=c"),
            ("@oncall", "@oncall"),
            ("json://user:s3cret@example.com/x", "json://…"),
        ] {
            let target: Target = text.parse().expect(text);
            assert_eq!(target.to_string(), shown);
            assert_eq!(String::from(target).parse::<Target>().expect("round trip").to_string(), shown);
        }
    }

    #[test]
    fn a_text_that_is_no_target_says_what_one_looks_like() {
        for (text, part) in [
            ("", "expected `platform`"),
            ("ops:", "nothing after its colon"),
            ("@", "invalid platform name ``"),
            ("two words", "invalid platform name `two words`"),
            (":x", "invalid platform name ``"),
        ] {
            let error = text.parse::<Target>().expect_err(text).to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
