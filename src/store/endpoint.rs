//! Endpoints that fail, or that are sent to no more.

use std::{sync::Arc, time::SystemTime};

use crate::task::PlatformName;

/// Where tasks end: a recipient of a platform, or the platform where it has no recipients.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// The platform.
    pub platform: PlatformName,
    /// The recipient, if it has some.
    pub recipient: Option<Arc<str>>,
}

/// An endpoint that fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// Which.
    pub endpoint: Endpoint,
    /// Since when nothing but errors came from it.
    pub since: SystemTime,
    /// Since when nothing is sent to it any more, if so.
    pub disabled: Option<Disabled>,
}

/// That an endpoint is sent to no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disabled {
    /// Since when.
    pub at: SystemTime,
    /// Why, in plain words.
    pub why: Arc<str>,
}
