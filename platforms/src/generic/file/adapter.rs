//! The traits.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use url::Url;

use super::{
    super::record,
    FileConfig, FileFormat,
    appender::{Appender, Line, Rules},
    config,
};
use crate::contract::{
    Adapter, Capabilities, ConfigError, Envelope, Format, Idempotency, Parts, Platform, Receipt, RecipientRule, SendError,
    UrlTarget,
};

/// Most lines of one batch.
const BATCH_MAX: usize = 1000;
const KEEP_MAX: u32 = 100;

/// Appends one line per message to a file. See [`FileConfig`] for its keys.
#[derive(Debug)]
pub struct FileLog {
    path: Option<PathBuf>,
    root: Option<PathBuf>,
    format: FileFormat,
    /// Held by the blocking thread that writes, never across an await.
    appender: Arc<Mutex<Appender>>,
}

#[async_trait]
impl Platform for FileLog {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            formats: &[Format::Text, Format::Markdown, Format::Html],
            batch_max: BATCH_MAX,
            idempotency: Idempotency::Receiver,
            attachments: self.format == FileFormat::Ndjson,
            recipient: match (&self.root, &self.path) {
                (None, _) => RecipientRule::Never,
                (Some(_), Some(_)) => RecipientRule::Optional,
                (Some(_), None) => RecipientRule::Required,
            },
            ..Capabilities::default()
        }
    }

    fn verify(&self, recipient: Option<&str>) -> Result<(), SendError> {
        self.path_of(recipient).map(drop)
    }

    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        let mut results = self.send_batch(std::slice::from_ref(envelope)).await;
        results.pop().expect("one result per envelope")
    }

    async fn send_batch(&self, batch: &[Envelope]) -> Vec<Result<Receipt, SendError>> {
        let lines: Vec<_> = batch.iter().map(|envelope| self.line(envelope)).collect();
        let good: Vec<Line> = lines.iter().filter_map(|line| line.as_ref().ok().cloned()).collect();
        let mut appended = self.on_a_blocking_thread(move |appender| appender.append(&good)).await.map(Vec::into_iter);
        let mut next = || match &mut appended {
            Ok(results) => results.next().expect("one result per line"),
            Err(error) => Err(error.clone()),
        };
        lines.into_iter().map(|line| line.and_then(|_| next()).map(|()| Receipt::accepted())).collect()
    }

    async fn check(&self) -> Result<(), SendError> {
        let (path, root) = (self.path.clone(), self.root.clone());
        self.on_a_blocking_thread(move |appender| match (path, root) {
            (Some(path), _) => appender.check(&path),
            (None, Some(root)) if !root.is_dir() => Err(SendError::unauthorized(format!("`{}` is no folder", root.display()))),
            (None, _) => Ok(()),
        })
        .await
        .flatten()
    }
}

impl FileLog {
    async fn on_a_blocking_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Appender) -> T + Send + 'static,
    ) -> Result<T, SendError> {
        let appender = self.appender.clone();
        let done = tokio::task::spawn_blocking(move || work(&mut appender.lock().unwrap_or_else(PoisonError::into_inner)));
        done.await.map_err(|error| SendError::ambiguous(format!("the writing thread failed: {error}")))
    }

    fn line(&self, envelope: &Envelope) -> Result<Line, SendError> {
        let path = self.path_of(envelope.recipient.as_deref())?;
        let line = match self.format {
            FileFormat::Ndjson => record::json_line(envelope, Self::KIND)?,
            FileFormat::Text => record::text_line(envelope) + "\n",
        };
        Ok((path, line))
    }

    /// Which file a recipient stands for. Only a plain name below `root`, so that no target leads out of it.
    fn path_of(&self, recipient: Option<&str>) -> Result<PathBuf, SendError> {
        match (recipient, &self.root, &self.path) {
            (None, _, Some(path)) => Ok(path.clone()),
            (None, _, None) => Err(SendError::invalid_recipient("expected a file name, there is no `path`")),
            (Some(_), None, _) => {
                Err(SendError::invalid_recipient("this platform has one file, targets name none (set `root` to allow it)"))
            }
            (Some(name), Some(root), _) if is_file_name(name) => Ok(root.join(name)),
            (Some(_), Some(_), _) => Err(SendError::invalid_recipient(
                "expected a plain file name such as `audit.ndjson`: letters, digits, `.`, `_`, `-`, no dot in front",
            )),
        }
    }
}

fn is_file_name(name: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
    !name.is_empty() && name.len() <= 200 && !name.starts_with('.') && name.chars().all(plain)
}

impl Adapter for FileLog {
    const KIND: &'static str = "file";
    const SUMMARY: &'static str = "Lines appended to a file, NDJSON or text";
    const SCHEMES: &'static [&'static str] = &["file"];
    type Config = FileConfig;

    fn build(config: FileConfig, parts: &Parts) -> Result<Self, ConfigError> {
        if config.is_from_url && !parts.allow_private_networks {
            return Err(ConfigError::new(
                "a file can be named by a URL on one's own command line only: configure a platform of type `file`",
            ));
        }
        let is_named = |path: &Path| path.file_name().is_some();
        match (&config.path, &config.root) {
            (None, None) => {
                return Err(ConfigError::at(
                    "path",
                    "expected the file to append to (or `root`, the folder of files that targets name)",
                ));
            }
            (Some(path), _) if !is_named(path) => return Err(ConfigError::at("path", "expected the path of a file")),
            _ => {}
        }
        let mode = u32::from_str_radix(&config.mode, 8).ok().filter(|mode| *mode <= 0o777);
        let mode = mode.ok_or_else(|| ConfigError::at("mode", "expected permissions as octal digits such as \"0640\""))?;
        if config.rotate_bytes == Some(0) {
            return Err(ConfigError::at("rotate_bytes", "expected at least 1; leave it out to never rotate"));
        }
        if !(1..=KEEP_MAX).contains(&config.keep) {
            return Err(ConfigError::at("keep", format!("expected 1 to {KEEP_MAX}")));
        }
        let rules = Rules { mode, fsync: config.fsync, rotate_bytes: config.rotate_bytes, keep: config.keep };
        Ok(Self {
            path: config.path,
            root: config.root,
            format: config.format,
            appender: Arc::new(Mutex::new(Appender::new(rules))),
        })
    }

    fn from_url(url: &str) -> Result<UrlTarget<FileConfig>, ConfigError> {
        config::from_url(url)
    }

    fn shown_url(url: &str) -> Option<String> {
        Some(Url::parse(url).ok()?.path().to_owned())
    }
}
