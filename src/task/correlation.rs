//! The id that ties everything the engine does for a notification to the caller's own records.

use std::{fmt, sync::Arc};

use serde::{Serialize, Serializer};

use super::NotificationId;

/// Stands in every log line, event and attempt of a notification: the caller's own id, else the notification's.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum CorrelationId {
    /// The caller's.
    Given(Arc<str>),
    /// None was given.
    Own(NotificationId),
}

impl CorrelationId {
    /// The caller's id, if there is one.
    pub fn given(&self) -> Option<&Arc<str>> {
        match self {
            Self::Given(id) => Some(id),
            Self::Own(_) => None,
        }
    }
}

impl fmt::Display for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(id) => f.write_str(id),
            Self::Own(id) => fmt::Display::fmt(id, f),
        }
    }
}

impl fmt::Debug for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for CorrelationId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
