//! The keys of a Discord table, and the address they make.

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use crate::{
    contract::{ConfigError, Secret},
    http::address,
};

const HOSTS: [&str; 6] =
    ["discord.com", "ptb.discord.com", "canary.discord.com", "discordapp.com", "ptb.discordapp.com", "canary.discordapp.com"];

/// `[platforms.x]` with `type = "discord"`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiscordConfig {
    /// Secret. URL of the webhook: `https://discord.com/api/webhooks/ID/TOKEN`. A `/slack` or `/github` at its end is
    /// dropped. Required.
    pub webhook_url: Secret,
    /// Replaces scheme and host of `webhook_url`, for a proxy. Default: nothing.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Whether addresses in private networks, plain http and hosts other than Discord's may be used. Default: false.
    #[serde(default)]
    pub allow_private_networks: bool,
    /// Name to post as: 1 to 80 characters, without the words clyde and discord. Default: the webhook's.
    #[serde(default)]
    pub username: Option<String>,
    /// Picture to post with, as a URL. Default: the webhook's.
    #[serde(default)]
    pub avatar_url: Option<String>,
    /// Id of the thread to post into; a recipient overrides it. Default: none, the channel itself.
    #[serde(default)]
    pub thread_id: Option<String>,
    /// For forum and media channels: the name of the thread each message opens, unless it goes into an existing one.
    /// Default: none.
    #[serde(default)]
    pub thread_name: Option<String>,
    /// For forum and media channels: ids of the tags of new threads. Default: none.
    #[serde(default)]
    pub applied_tags: Vec<String>,
    /// Whether messages are read aloud. Default: false.
    #[serde(default)]
    pub tts: bool,
    /// Whether messages of low priority arrive without a sound. Default: false.
    #[serde(default)]
    pub silent: bool,
    /// Which of a message's mentions may ping: users, roles, everyone. Default: all of them.
    #[serde(default = "MentionKind::all")]
    pub mentions_allowed: Vec<MentionKind>,
}

impl DiscordConfig {
    /// A table with nothing but the URL.
    pub fn new(webhook_url: Secret) -> Self {
        Self {
            webhook_url,
            base_url: None,
            allow_private_networks: false,
            username: None,
            avatar_url: None,
            thread_id: None,
            thread_name: None,
            applied_tags: Vec::new(),
            tts: false,
            silent: false,
            mentions_allowed: MentionKind::all(),
        }
    }

    /// The webhook's address without query, and the thread that was in it.
    pub(super) fn address(&self, allow_private: bool) -> Result<(Secret, Option<String>), ConfigError> {
        let at = |reason: String| ConfigError::at("webhook_url", reason);
        let given = self.webhook_url.expose();
        let rebased = match &self.base_url {
            Some(base_url) => {
                address::check(base_url, allow_private).map_err(|reason| ConfigError::at("base_url", reason))?;
                address::rebase(given, base_url).map_err(at)?
            }
            None => given.to_owned(),
        };
        let mut url = address::check(&rebased, allow_private).map_err(at)?;
        let is_known = url.host_str().is_some_and(|host| HOSTS.contains(&host));
        if !is_known && self.base_url.is_none() && !allow_private {
            return Err(at("is not at discord.com; give another host as `base_url`".to_owned()));
        }
        let thread = url.query_pairs().find(|(key, _)| key == "thread_id").map(|(_, value)| value.into_owned());
        let path =
            hook_path(&url).ok_or_else(|| at("is no webhook, expected https://discord.com/api/webhooks/ID/TOKEN".to_owned()))?;
        url.set_path(&path);
        url.set_query(None);
        url.set_fragment(None);
        Ok((Secret::new(String::from(url)), thread))
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
        match &self.thread_name {
            Some(name) if name.trim().is_empty() || name.chars().count() > 100 => {
                Err(ConfigError::at("thread_name", "must have 1 to 100 characters"))
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

/// `…/webhooks/ID/TOKEN` of the path, without what follows.
fn hook_path(url: &Url) -> Option<String> {
    let (before, behind) = url.path().split_once("/webhooks/")?;
    let mut segments = behind.split('/');
    let (id, token) = (segments.next()?, segments.next()?);
    let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    let rest: Vec<&str> = segments.filter(|segment| !segment.is_empty()).collect();
    let is_bare = matches!(rest.as_slice(), [] | ["slack" | "github"]);
    (is_id && is_bare && !token.is_empty()).then(|| format!("{before}/webhooks/{id}/{token}"))
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
