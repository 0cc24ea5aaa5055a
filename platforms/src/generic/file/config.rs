//! The keys of a `type = "file"` table, and `file://` URLs.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use crate::contract::{ConfigError, UrlTarget};

/// The keys of a `type = "file"` table.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileConfig {
    /// The file to append to; its folder must exist. Required unless `root` is given. With `root` it is relative to it
    /// and may hold the placeholders `{date}` (UTC, of acceptance), `{recipient}`, `{priority}` and `{kind}`, as in
    /// `{date}/{priority}.ndjson`; folders below `root` are made, and a message that lacks what is asked for is refused.
    /// `{{` and `}}` are the braces themselves.
    #[serde(default)]
    pub path: Option<PathBuf>,
    /// A folder that must exist and that no message leads out of. Recipients name files in it: a target `x:audit.ndjson` is
    /// appended to `ROOT/audit.ndjson`, unless `path` says where recipients go. Default: targets name no file.
    #[serde(default)]
    pub root: Option<PathBuf>,
    /// One line per message: of `ndjson` (default), of `text`, or of what `template` says.
    #[serde(default)]
    pub format: FileFormat,
    /// For `format = "template"`: the line, with placeholders `{id}`, `{time}`, `{date}`, `{recipient}`, `{priority}`,
    /// `{kind}`, `{title}`, `{body}`, `{correlation_id}`, `{field.NAME}`. Default: none.
    #[serde(default)]
    pub template: Option<String>,
    /// Permissions of files that are created, as octal digits. Default: "0640".
    #[serde(default = "mode")]
    pub mode: String,
    /// When lines are synced to the disk before they count as delivered: `never` (default), `batch` (once per batch) or `always` (each).
    #[serde(default)]
    pub fsync: Fsync,
    /// Size in bytes at which a file is moved to `PATH.1` and a new one begun. Default: never.
    #[serde(default)]
    pub rotate_bytes: Option<u64>,
    /// Whether a file that was last written to on an earlier day (UTC) is moved to `PATH.1` and a new one begun. Default: false.
    #[serde(default)]
    pub rotate_daily: bool,
    /// How many rotated files are kept, 1 to 100. Default: 5.
    #[serde(default = "keep")]
    pub keep: u32,
    /// Whether it came from a URL: then only a speaker who may do anything on this machine is listened to.
    #[serde(skip)]
    pub(super) is_from_url: bool,
}

/// How a message is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FileFormat {
    /// One JSON object per line.
    #[default]
    Ndjson,
    /// For people.
    Text,
    /// As `template` says.
    Template,
}

/// When lines are synced to the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fsync {
    /// When the operating system likes.
    #[default]
    Never,
    /// After the last line of a batch.
    Batch,
    /// After every line.
    Always,
}

impl FileConfig {
    /// The defaults, for this file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: Some(path.into()),
            root: None,
            format: FileFormat::default(),
            template: None,
            mode: mode(),
            fsync: Fsync::default(),
            rotate_bytes: None,
            rotate_daily: false,
            keep: keep(),
            is_from_url: false,
        }
    }
}

fn mode() -> String {
    "0640".into()
}

fn keep() -> u32 {
    5
}

/// Reads `file:///var/log/notify.ndjson?format=text`. Its path is taken as it is, without placeholders.
pub(super) fn from_url(url: &str) -> Result<UrlTarget<FileConfig>, ConfigError> {
    let wrong = || ConfigError::new("expected file:///absolute/path[?format=ndjson|text][&fsync=never|batch|always]");
    let url = Url::parse(url).map_err(|_| wrong())?;
    let mut path = url.to_file_path().map_err(|()| wrong())?;
    if let Some(text) = path.to_str() {
        path = text.replace('{', "{{").replace('}', "}}").into();
    }
    let mut config = FileConfig { is_from_url: true, ..FileConfig::new(path) };
    for (key, value) in url.query_pairs() {
        match (&*key, &*value) {
            ("format", "ndjson") => config.format = FileFormat::Ndjson,
            ("format", "text") => config.format = FileFormat::Text,
            ("fsync", "never") => config.fsync = Fsync::Never,
            ("fsync", "batch") => config.fsync = Fsync::Batch,
            ("fsync", "always") => config.fsync = Fsync::Always,
            _ => return Err(wrong()),
        }
    }
    Ok(UrlTarget { config, recipient: None })
}
