//! The keys of a Discord table.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::contract::{ConfigError, Secret};

/// Most characters of the name of a thread.
pub(super) const THREAD_NAME_CHARS_MAX: usize = 100;
/// Most tags of a thread.
const TAGS_MAX: usize = 5;

/// `[platforms.x]` with `type = "discord"`: give `webhook_url` or `token`, not both.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DiscordConfig {
    /// Secret. URL of a channel's webhook: `https://discord.com/api/webhooks/ID/TOKEN`. A `/slack` or `/github` at its end
    /// is dropped. Give this or `token`.
    pub webhook_url: Option<Secret>,
    /// Secret. Token of a bot that may view the channels it posts into and send messages there; recipients are then the
    /// ids of channels or threads. Give this or `webhook_url`.
    pub token: Option<Secret>,
    /// Where to send instead: for `token` the address of the API (default: `https://discord.com/api/v10`), for
    /// `webhook_url` what replaces its scheme and host (default: nothing).
    pub base_url: Option<String>,
    /// Whether addresses in private networks, plain http and hosts other than Discord's may be used. Default: false.
    pub allow_private_networks: bool,
    /// Name to post as: 1 to 80 characters, without the words clyde and discord; webhooks only. Default: the webhook's.
    pub username: Option<String>,
    /// Picture to post with, as a URL; webhooks only. Default: the webhook's.
    pub avatar_url: Option<String>,
    /// Id of the thread to post into; a recipient overrides it; webhooks only. Default: none, the channel itself.
    pub thread_id: Option<String>,
    /// For webhooks of forum and media channels: the name of the thread each message opens, unless it goes into an existing
    /// one. Messages with a `thread_key` open one thread per key, named after the key, and follow it as long as the process
    /// lives. Default: none, the channel is no forum.
    pub thread_name: Option<String>,
    /// For webhooks of forum and media channels: ids of the tags of new threads, at most 5. Default: none.
    pub applied_tags: Vec<String>,
    /// Whether messages are read aloud. Default: false.
    pub tts: bool,
    /// Whether messages of low priority arrive without a sound. Default: false.
    pub silent: bool,
    /// Whether Discord shows a preview below the links in short texts. Default: true.
    pub link_previews: bool,
    /// Which of a message's mentions may ping: users, roles, everyone. Default: all of them.
    pub mentions_allowed: Vec<MentionKind>,
}

impl Default for DiscordConfig {
    fn default() -> Self {
        Self {
            webhook_url: None,
            token: None,
            base_url: None,
            allow_private_networks: false,
            username: None,
            avatar_url: None,
            thread_id: None,
            thread_name: None,
            applied_tags: Vec::new(),
            tts: false,
            silent: false,
            link_previews: true,
            mentions_allowed: MentionKind::all(),
        }
    }
}

impl DiscordConfig {
    /// A table with nothing but the URL of a webhook.
    pub fn new(webhook_url: Secret) -> Self {
        Self { webhook_url: Some(webhook_url), ..Self::default() }
    }

    /// Refuses values Discord would refuse on every send.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if let Some(username) = &self.username {
            check_username(username)?;
        }
        if self.thread_id.as_deref().is_some_and(|id| !is_snowflake(id)) {
            return Err(ConfigError::at("thread_id", "is no id: expected 15 to 20 digits"));
        }
        if !self.applied_tags.iter().all(|tag| is_snowflake(tag)) {
            return Err(ConfigError::at("applied_tags", "holds ids only: 15 to 20 digits each"));
        }
        if self.applied_tags.len() > TAGS_MAX {
            return Err(ConfigError::at("applied_tags", format!("holds at most {TAGS_MAX} ids")));
        }
        match &self.thread_name {
            Some(name) if name.trim().is_empty() || name.chars().count() > THREAD_NAME_CHARS_MAX => {
                Err(ConfigError::at("thread_name", format!("must have 1 to {THREAD_NAME_CHARS_MAX} characters")))
            }
            None if !self.applied_tags.is_empty() => {
                Err(ConfigError::at("applied_tags", "tags new threads only: set `thread_name` too"))
            }
            _ => Ok(()),
        }
    }
}

/// Kinds of mentions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MentionKind {
    /// Single users.
    Users,
    /// Roles.
    Roles,
    /// `@everyone` and `@here`.
    Everyone,
}

impl MentionKind {
    fn all() -> Vec<Self> {
        vec![Self::Users, Self::Roles, Self::Everyone]
    }
}

/// Discord's ids are 64-bit numbers written in decimal; real ones have 17 to 20 digits.
pub(super) fn is_snowflake(id: &str) -> bool {
    (15..=20).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit())
}

fn check_username(username: &str) -> Result<(), ConfigError> {
    let lower = username.to_lowercase();
    if lower.contains("clyde") || lower.contains("discord") {
        return Err(ConfigError::at("username", "must not contain clyde or discord, which Discord keeps for itself"));
    }
    if username.trim().is_empty() || username.chars().count() > 80 {
        return Err(ConfigError::at("username", "must have 1 to 80 characters"));
    }
    Ok(())
}
