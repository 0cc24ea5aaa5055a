//! The platform's proof of acceptance.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a platform answered when it accepted an envelope.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The platform's own id of the message (a Slack `ts`, a Message-ID), where it gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Box<str>>,
    /// More the platform said about it (a channel, a queue id), for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Box<str>>,
    /// How long the lane should rest now, where the platform said with its answer that its allowance is used up. Not kept
    /// with the attempt.
    #[serde(skip)]
    pub rest: Option<Duration>,
}

impl Receipt {
    /// A receipt of a platform that gives no id.
    pub fn accepted() -> Self {
        Self::default()
    }

    /// A receipt with the platform's id.
    pub fn with_id(id: impl Into<Box<str>>) -> Self {
        Self { id: Some(id.into()), ..Self::default() }
    }

    /// Adds how long the lane should rest.
    #[must_use]
    pub fn rest(mut self, rest: Option<Duration>) -> Self {
        self.rest = rest;
        self
    }

    /// Adds what else the platform said.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Box<str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}
