//! Standard output, standard error or any other writer, `type = "console"`.

use std::{
    env,
    ffi::OsStr,
    fmt,
    io::{self, ErrorKind, IsTerminal, Write},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::record;
use crate::{
    contract::{
        Adapter, Capabilities, ConfigError, Envelope, Format, Idempotency, Parts, Platform, Priority, Receipt, RecipientRule,
        SendError, UrlTarget,
    },
    render::template::Template,
};

/// The keys of a `type = "console"` table.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsoleConfig {
    /// Where to: `stdout` (default) or `stderr`.
    #[serde(default)]
    pub stream: Stream,
    /// One line per message: of `text` (default), of `json`, or of what `template` says.
    #[serde(default)]
    pub format: ConsoleFormat,
    /// For `format = "template"`: the line, with placeholders `{id}`, `{time}`, `{date}`, `{recipient}`, `{priority}`,
    /// `{kind}`, `{title}`, `{body}`, `{correlation_id}`, `{field.NAME}`. Default: none.
    #[serde(default)]
    pub template: Option<String>,
    /// Whether text is coloured by priority: `auto` (default: on a terminal, unless `NO_COLOR` is set), `always`, `never`.
    #[serde(default)]
    pub color: Color,
}

/// A standard stream of the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    #[default]
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a message is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConsoleFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object.
    Json,
    /// As `template` says.
    Template,
}

/// When text is coloured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Writes one line per message. Control characters are escaped: no message can move the cursor, forge a line or talk to the terminal.
///
/// Lines are written whole, one after the other, on a thread that may block.
#[derive(Clone)]
pub struct Console {
    layout: Layout,
    is_colored: bool,
    target: Arc<Mutex<Box<dyn Write + Send>>>,
}

#[derive(Debug, Clone)]
enum Layout {
    Text,
    Json,
    Template(Template),
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("layout", &self.layout).field("is_colored", &self.is_colored).finish_non_exhaustive()
    }
}

impl Console {
    /// Writes to any writer instead of a standard stream; `auto` is without colours.
    ///
    /// # Errors
    ///
    /// As [`build`](Adapter::build).
    pub fn to(writer: impl Write + Send + 'static, config: &ConsoleConfig) -> Result<Self, ConfigError> {
        Self::of(config, Box::new(writer), false)
    }

    fn of(config: &ConsoleConfig, target: Box<dyn Write + Send>, is_terminal: bool) -> Result<Self, ConfigError> {
        let at = |reason: String| ConfigError::at("template", reason);
        let layout = match (config.format, &config.template) {
            (ConsoleFormat::Template, Some(template)) => Layout::Template(Template::parse_line(template).map_err(at)?),
            (ConsoleFormat::Template, None) => return Err(at("expected the line that `format = \"template\"` writes".into())),
            (_, Some(_)) => return Err(at("works with `format = \"template\"` only".into())),
            (ConsoleFormat::Text, None) => Layout::Text,
            (ConsoleFormat::Json, None) => Layout::Json,
        };
        let (no_color, term) = (env::var_os("NO_COLOR"), env::var_os("TERM"));
        let is_colored = config.color.is_on(is_terminal, no_color.as_deref(), term.as_deref());
        Ok(Self { layout, is_colored, target: Arc::new(Mutex::new(target)) })
    }

    fn line(&self, envelope: &Envelope) -> Result<String, SendError> {
        let text = match &self.layout {
            Layout::Json => return record::json_line(envelope, Self::KIND),
            Layout::Text => record::text_line(envelope),
            Layout::Template(template) => template.line(envelope),
        };
        let color = match envelope.message.priority {
            Priority::Urgent => "1;31",
            Priority::High => "33",
            Priority::Normal => "",
            Priority::Low => "2",
        };
        Ok(if self.is_colored && !color.is_empty() { format!("\x1b[{color}m{text}\x1b[0m\n") } else { text + "\n" })
    }
}

impl Color {
    fn is_on(self, is_terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => is_terminal && no_color.is_none_or(OsStr::is_empty) && term.is_none_or(|term| term != "dumb"),
        }
    }
}

#[async_trait]
impl Platform for Console {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            formats: &[Format::Text, Format::Markdown, Format::Html],
            idempotency: Idempotency::Receiver,
            attachments: matches!(self.layout, Layout::Json),
            recipient: RecipientRule::Optional,
            ..Capabilities::default()
        }
    }

    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        let line = self.line(envelope)?;
        let target = self.target.clone();
        // A pipe whose reader is slow blocks whoever writes.
        let written = tokio::task::spawn_blocking(move || {
            let mut target = target.lock().unwrap_or_else(PoisonError::into_inner);
            target.write_all(line.as_bytes()).and_then(|()| target.flush())
        });
        match written.await {
            Ok(Ok(())) => Ok(Receipt::accepted()),
            Ok(Err(error)) => Err(verdict(&error)),
            Err(error) => Err(SendError::ambiguous(format!("the writing thread failed: {error}"))),
        }
    }

    /// There is nothing to prove without writing.
    async fn check(&self) -> Result<(), SendError> {
        Ok(())
    }
}

/// A reader that has gone away does not come back; a full disk may be emptied. After a failed write part of the
/// line may have been seen.
fn verdict(error: &io::Error) -> SendError {
    match error.kind() {
        ErrorKind::BrokenPipe => SendError::unauthorized("nobody reads the console any more"),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            SendError::unavailable(format!("the console cannot be written to: {error}"))
        }
        _ => SendError::ambiguous(format!("the console cannot be written to: {error}")),
    }
}

impl Adapter for Console {
    const KIND: &'static str = "console";
    const SUMMARY: &'static str = "Standard output or standard error, one line per message";
    const SCHEMES: &'static [&'static str] = &["console"];
    type Config = ConsoleConfig;

    fn build(config: ConsoleConfig, _parts: &Parts) -> Result<Self, ConfigError> {
        let (target, is_terminal): (Box<dyn Write + Send>, bool) = match config.stream {
            Stream::Stdout => (Box::new(io::stdout()), io::stdout().is_terminal()),
            Stream::Stderr => (Box::new(io::stderr()), io::stderr().is_terminal()),
        };
        Self::of(&config, target, is_terminal)
    }

    /// `console://`, `console://stderr`, `console://stdout?format=json`.
    fn from_url(url: &str) -> Result<UrlTarget<ConsoleConfig>, ConfigError> {
        let wrong = || ConfigError::new("expected console://[stdout|stderr][?format=text|json]");
        let url = Url::parse(url).map_err(|_| wrong())?;
        let stream = match url.host_str().unwrap_or_default() {
            "" | "stdout" => Stream::Stdout,
            "stderr" => Stream::Stderr,
            _ => return Err(wrong()),
        };
        let mut config = ConsoleConfig { stream, ..ConsoleConfig::default() };
        for (key, value) in url.query_pairs() {
            config.format = match (&*key, &*value) {
                ("format", "text") => ConsoleFormat::Text,
                ("format", "json") => ConsoleFormat::Json,
                _ => return Err(wrong()),
            };
        }
        Ok(UrlTarget { config, recipient: None })
    }

    fn shown_url(url: &str) -> Option<String> {
        Some(Url::parse(url).ok()?.host_str().unwrap_or_default().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_that_want_them() {
        let (none, dumb, one, empty) = (None, Some(OsStr::new("dumb")), Some(OsStr::new("1")), Some(OsStr::new("")));
        for (color, is_terminal, no_color, term, is_on) in [
            (Color::Auto, true, none, none, true),
            (Color::Auto, true, empty, Some(OsStr::new("xterm")), true),
            (Color::Auto, true, one, none, false),
            (Color::Auto, true, none, dumb, false),
            (Color::Auto, false, none, none, false),
            (Color::Always, false, one, dumb, true),
            (Color::Never, true, none, none, false),
        ] {
            assert_eq!(color.is_on(is_terminal, no_color, term), is_on, "{color:?} {is_terminal} {no_color:?} {term:?}");
        }
    }
}
