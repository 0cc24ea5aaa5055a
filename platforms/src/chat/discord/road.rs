//! Which of Discord's two roads the keys choose, and where on it a message goes.

use url::Url;

use super::config::DiscordConfig;
use crate::{
    contract::{ConfigError, Endpoint, Secret},
    http::address,
};

/// Where the API is when `base_url` does not say otherwise.
const API: &str = "https://discord.com/api/v10";
const HOSTS: [&str; 6] =
    ["discord.com", "ptb.discord.com", "canary.discord.com", "discordapp.com", "ptb.discordapp.com", "canary.discordapp.com"];

/// How messages reach Discord.
#[derive(Debug)]
pub(super) enum Road {
    /// A webhook: its address without query, and the thread that was in it.
    Webhook { hook: Secret, thread: Option<String> },
    /// A bot: where the API is, and the token.
    Bot { api: String, token: Secret },
}

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// The webhook's channel.
    Webhook,
    /// A thread of the webhook's channel.
    Thread(&'a str),
    /// A new thread of this name in the webhook's forum.
    NewThread(&'a str),
    /// Any channel or thread, by bot.
    Channel(&'a str),
}

impl Road {
    /// Chooses the road.
    pub(super) fn of(config: &DiscordConfig, allow_private: bool) -> Result<Self, ConfigError> {
        if let Some(base_url) = &config.base_url {
            address::check(base_url, allow_private).map_err(|reason| ConfigError::at("base_url", reason))?;
        }
        match (&config.webhook_url, &config.token) {
            (Some(url), None) => webhook(url, config, allow_private),
            (None, Some(token)) => bot(token, config),
            (Some(_), Some(_)) => {
                Err(ConfigError::new("`webhook_url` and `token` are two ways to the same place: give one of them"))
            }
            (None, None) => Err(ConfigError::new("give `webhook_url` (a channel's webhook) or `token` (a bot's token)")),
        }
    }

    /// Every form in which the credential could come back in an answer.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        match self {
            Self::Webhook { hook, .. } => address::secrets_of(hook),
            Self::Bot { token, .. } => vec![token.clone()],
        }
    }

    /// The address that takes a message for `place`.
    pub(super) fn messages(&self, place: Place<'_>, has_components: bool) -> Endpoint {
        let hook = match (self, place) {
            (Self::Bot { api, .. }, Place::Channel(id)) => return Endpoint::new(format!("{api}/channels/{id}/messages")),
            (Self::Bot { api, .. }, _) => api,
            (Self::Webhook { hook, .. }, _) => hook.expose(),
        };
        let mut url = format!("{hook}?wait=true");
        if let Place::Thread(id) = place {
            url.push_str("&thread_id=");
            url.extend(url::form_urlencoded::byte_serialize(id.as_bytes()));
        }
        // Without it, components of webhooks that belong to no application are dropped silently.
        if has_components {
            url.push_str("&with_components=true");
        }
        Endpoint::new(url)
    }

    /// The address that says who we are, which notifies nobody.
    pub(super) fn own(&self) -> Endpoint {
        match self {
            Self::Webhook { hook, .. } => Endpoint::new(hook.expose()),
            Self::Bot { api, .. } => Endpoint::new(format!("{api}/users/@me")),
        }
    }
}

fn webhook(given: &Secret, config: &DiscordConfig, allow_private: bool) -> Result<Road, ConfigError> {
    let at = |reason: String| ConfigError::at("webhook_url", reason);
    let rebased = match &config.base_url {
        Some(base_url) => address::rebase(given.expose(), base_url).map_err(at)?,
        None => given.expose().to_owned(),
    };
    let mut url = address::check(&rebased, allow_private).map_err(at)?;
    let is_known = url.host_str().is_some_and(|host| HOSTS.contains(&host));
    if !is_known && config.base_url.is_none() && !allow_private {
        return Err(at("is not at discord.com; give another host as `base_url`".to_owned()));
    }
    let thread = url.query_pairs().find(|(key, _)| key == "thread_id").map(|(_, value)| value.into_owned());
    let path =
        hook_path(&url).ok_or_else(|| at("is no webhook, expected https://discord.com/api/webhooks/ID/TOKEN".to_owned()))?;
    url.set_path(&path);
    url.set_query(None);
    url.set_fragment(None);
    Ok(Road::Webhook { hook: Secret::new(String::from(url)), thread: config.thread_id.clone().or(thread) })
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

fn bot(token: &Secret, config: &DiscordConfig) -> Result<Road, ConfigError> {
    let webhook_only = [
        ("username", config.username.is_some()),
        ("avatar_url", config.avatar_url.is_some()),
        ("thread_id", config.thread_id.is_some()),
        ("thread_name", config.thread_name.is_some()),
        ("applied_tags", !config.applied_tags.is_empty()),
    ];
    if let Some((key, _)) = webhook_only.into_iter().find(|(_, is_given)| *is_given) {
        let way_out = if key == "thread_id" { ": with a `token` the recipient is the id of a channel or a thread" } else { "" };
        return Err(ConfigError::at(key, format!("works with `webhook_url` only{way_out}")));
    }
    if token.expose().is_empty() || !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ConfigError::at("token", "is no token: expected the bot's token alone, without `Bot` or white space"));
    }
    let api = config.base_url.as_deref().unwrap_or(API).trim_end_matches('/');
    Ok(Road::Bot { api: api.to_owned(), token: token.clone() })
}
