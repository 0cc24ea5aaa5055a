//! The keys of a Slack table, and which of Slack's roads they choose.

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use crate::{
    contract::{ConfigError, Secret},
    http::address,
};

/// Where the Web API lives when `base_url` does not say otherwise.
const WEB_API: &str = "https://slack.com/api";

/// `[platforms.x]` with `type = "slack"`: give `webhook_url` or `token`, not both.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SlackConfig {
    /// Secret. URL of an incoming webhook (`https://hooks.slack.com/services/…`) or of a workflow
    /// trigger (`https://hooks.slack.com/triggers/…`). Give this or `token`.
    pub webhook_url: Option<Secret>,
    /// Secret. Bot token (xoxb-…) with the scope chat:write; chat:write.public for public channels it has not joined,
    /// chat:write.customize for `username` and icons, files:write for attachments, users:read.email for
    /// recipients that are mail addresses. Give this or `webhook_url`.
    pub token: Option<Secret>,
    /// Where to send instead: for `token` the address of the Web API (default: `https://slack.com/api`), for `webhook_url`
    /// what replaces its scheme and host (default: nothing). The government cloud is `https://slack-gov.com/api`.
    pub base_url: Option<String>,
    /// Whether addresses in private networks, and plain http, may be used. Default: false.
    pub allow_private_networks: bool,
    /// Name to post as. Webhooks of apps ignore it. Default: the app's.
    pub username: Option<String>,
    /// Icon to post with, as an emoji name such as :fire:. Webhooks of apps ignore it. Default: the app's.
    pub icon_emoji: Option<String>,
    /// Icon to post with, as a URL. Default: the app's.
    pub icon_url: Option<String>,
    /// blocks: rich, with a colour bar unless the priority is normal; attachment: rich, always with a colour bar; text:
    /// plain mrkdwn. Default: blocks.
    pub layout: Layout,
    /// block: CommonMark goes to Slack as it is, in a block of its own that knows tables and code; mrkdwn: it is converted
    /// to Slack's own marks. What a workspace refuses as a block is sent as mrkdwn. Default: block.
    pub markdown_mode: MarkdownMode,
    /// Key of the thread of messages that have no `thread_key`, with placeholders `{kind}`, `{title}`, `{priority}`,
    /// `{recipient}`, `{correlation_id}`, `{date}`, `{field.NAME}`: the first message of a key opens the thread, later ones
    /// reply in it; a message that lacks one of them stands alone. With `token` only. Default: none.
    pub thread_by: Option<String>,
    /// Whether replies in a thread are shown in the channel too; with `token` only. Default: false.
    pub reply_broadcast: bool,
    /// Whether Slack previews linked pages. Default: false.
    pub unfurl_links: bool,
    /// Whether Slack previews linked media. Default: false.
    pub unfurl_media: bool,
    /// For workflow triggers: the variables the workflow declares. `title`, `text`, `priority` and `url` are filled from
    /// the message, any other name from the message's field of that name. Default: title and text.
    pub workflow_variables: Option<Vec<String>>,
}

/// How messages are laid out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Rich, with a colour bar unless the priority is normal.
    #[default]
    Blocks,
    /// Rich, always with a colour bar.
    Attachment,
    /// Plain mrkdwn.
    Text,
}

/// How CommonMark is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MarkdownMode {
    /// As it is, in a block of its own.
    #[default]
    Block,
    /// Converted to Slack's own marks.
    Mrkdwn,
}

/// How messages reach Slack.
#[derive(Debug, Clone)]
pub(super) enum Road {
    /// An incoming webhook.
    Webhook(Secret),
    /// A workflow trigger and the variables it declares.
    Workflow(Secret, Vec<String>),
    /// The Web API: where it is, and the bot token.
    WebApi(String, Secret),
}

impl Road {
    /// Chooses the road.
    pub(super) fn of(config: &SlackConfig, allow_private: bool) -> Result<Self, ConfigError> {
        if let Some(base_url) = &config.base_url {
            address::check(base_url, allow_private).map_err(|reason| ConfigError::at("base_url", reason))?;
        }
        match (&config.webhook_url, &config.token) {
            (Some(url), None) => webhook(url, config, allow_private),
            (None, Some(token)) => web_api(token, config),
            (Some(_), Some(_)) => {
                Err(ConfigError::new("`webhook_url` and `token` are two ways to the same place: give one of them"))
            }
            (None, None) => Err(ConfigError::new("give `webhook_url` (an incoming webhook) or `token` (a bot token, xoxb-…)")),
        }
    }

    /// Every form in which the credential could come back in an answer.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        match self {
            Self::Webhook(url) | Self::Workflow(url, _) => address::secrets_of(url),
            Self::WebApi(_, token) => vec![token.clone()],
        }
    }
}

fn webhook(url: &Secret, config: &SlackConfig, allow_private: bool) -> Result<Road, ConfigError> {
    let at = |reason| ConfigError::at("webhook_url", reason);
    for (key, is_given) in [("reply_broadcast", config.reply_broadcast), ("thread_by", config.thread_by.is_some())] {
        if is_given {
            return Err(ConfigError::at(key, "works with `token` only"));
        }
    }
    let url = match &config.base_url {
        Some(base_url) => address::rebase(url.expose(), base_url).map_err(at)?,
        None => url.expose().to_owned(),
    };
    let parsed = address::check(&url, allow_private).map_err(at)?;
    if parsed.path().len() < 2 {
        return Err(at("names no hook, expected https://hooks.slack.com/services/T…/B…/…".to_owned()));
    }
    let url = Secret::new(url);
    if is_workflow(&parsed) {
        let variables = config.workflow_variables.clone();
        return Ok(Road::Workflow(url, variables.unwrap_or_else(|| vec!["title".to_owned(), "text".to_owned()])));
    }
    if config.workflow_variables.is_some() {
        return Err(ConfigError::at("workflow_variables", "works with the URL of a workflow trigger only (…/triggers/…)"));
    }
    Ok(Road::Webhook(url))
}

fn is_workflow(url: &Url) -> bool {
    url.path().contains("/triggers/") || url.path().contains("/workflows/")
}

fn web_api(token: &Secret, config: &SlackConfig) -> Result<Road, ConfigError> {
    if config.workflow_variables.is_some() {
        return Err(ConfigError::at("workflow_variables", "works with `webhook_url` only"));
    }
    if token.expose().is_empty() || !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ConfigError::at("token", "is no token: expected xoxb-… without white space"));
    }
    let base = config.base_url.as_deref().unwrap_or(WEB_API).trim_end_matches('/');
    Ok(Road::WebApi(base.to_owned(), token.clone()))
}
