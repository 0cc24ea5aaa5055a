//! The key of a lane: the road to one platform, or to one host of it.

use std::{fmt, sync::Arc};

use super::PlatformName;

/// Which lane a task travels on. Tasks of one lane share their limits and their fate; lanes do not share anything.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneKey {
    /// The platform.
    pub platform: PlatformName,
    /// The part of it that fails on its own (a webhook's host), where its adapter knows such parts.
    pub part: Option<Arc<str>>,
}

impl LaneKey {
    /// The one lane of a whole platform.
    pub fn whole(platform: PlatformName) -> Self {
        Self { platform, part: None }
    }
}

impl fmt::Display for LaneKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.part {
            Some(part) => write!(f, "{}/{part}", self.platform),
            None => write!(f, "{}", self.platform),
        }
    }
}

impl fmt::Debug for LaneKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
