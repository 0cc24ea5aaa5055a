//! The traits.

use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use url::Url;

use super::{
    super::record,
    FileConfig, FileFormat,
    appender::{Appender, Line, Rules},
    config, failure,
    place::Place,
    rotation::{Day, Rotation},
};
use crate::{
    contract::{
        Adapter, Capabilities, Clock, ConfigError, Envelope, Format, Idempotency, Parts, Platform, Receipt, SendError, UrlTarget,
    },
    render::template::Template,
};

/// Most lines of one batch.
const BATCH_MAX: usize = 1000;
const KEEP_MAX: u32 = 100;

/// Appends one line per message to a file. See [`FileConfig`] for its keys.
pub struct FileLog {
    place: Place,
    layout: Layout,
    /// Held by the blocking thread that writes, never across an await.
    appender: Arc<Mutex<Appender>>,
    clock: Arc<dyn Clock>,
}

#[derive(Debug)]
enum Layout {
    Ndjson,
    Text,
    Template(Template),
}

impl fmt::Debug for FileLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileLog").field("place", &self.place).field("layout", &self.layout).finish_non_exhaustive()
    }
}

#[async_trait]
impl Platform for FileLog {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            formats: &[Format::Text, Format::Markdown, Format::Html],
            batch_max: BATCH_MAX,
            idempotency: Idempotency::Receiver,
            attachments: matches!(self.layout, Layout::Ndjson),
            recipient: self.place.recipient_rule(),
            ..Capabilities::default()
        }
    }

    fn verify(&self, recipient: Option<&str>) -> Result<(), SendError> {
        self.place.verify(recipient)
    }

    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        let mut results = self.send_batch(std::slice::from_ref(envelope)).await;
        results.pop().expect("one result per envelope")
    }

    async fn send_batch(&self, batch: &[Envelope]) -> Vec<Result<Receipt, SendError>> {
        let lines: Vec<_> = batch.iter().map(|envelope| self.line(envelope)).collect();
        let good: Vec<Line> = lines.iter().filter_map(|line| line.as_ref().ok().cloned()).collect();
        let today = self.today();
        let mut appended = self.on_a_blocking_thread(move |appender| appender.append(&good, today)).await.map(Vec::into_iter);
        let mut next = || match &mut appended {
            Ok(results) => results.next().expect("one result per line"),
            Err(error) => Err(error.clone()),
        };
        lines.into_iter().map(|line| line.and_then(|_| next()).map(|()| Receipt::accepted())).collect()
    }

    /// Opens the file as a send would; where files depend on messages, looks for the folder they are in.
    async fn check(&self) -> Result<(), SendError> {
        let (fixed, root) = (self.place.fixed().map(Path::to_owned), self.place.root().map(Path::to_owned));
        let today = self.today();
        self.on_a_blocking_thread(move |appender| match (fixed, root) {
            (Some(path), _) => appender.check(&path, today),
            (None, Some(root)) if !root.is_dir() => Err(SendError::unauthorized(failure::no_folder(&root))),
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
        let path = self.place.path(envelope)?;
        let line = match &self.layout {
            Layout::Ndjson => record::json_line(envelope, Self::KIND)?,
            Layout::Text => record::text_line(envelope) + "\n",
            Layout::Template(template) => template.line(envelope) + "\n",
        };
        Ok((path, line))
    }

    fn today(&self) -> Day {
        Day::of(self.clock.wall())
    }
}

impl Layout {
    fn of(config: &FileConfig) -> Result<Self, ConfigError> {
        let at = |reason: String| ConfigError::at("template", reason);
        match (config.format, &config.template) {
            (FileFormat::Template, Some(template)) => Ok(Self::Template(Template::parse_line(template).map_err(at)?)),
            (FileFormat::Template, None) => Err(at("expected the line that `format = \"template\"` writes".into())),
            (_, Some(_)) => Err(at("works with `format = \"template\"` only".into())),
            (FileFormat::Ndjson, None) => Ok(Self::Ndjson),
            (FileFormat::Text, None) => Ok(Self::Text),
        }
    }
}

impl Adapter for FileLog {
    const KIND: &'static str = "file";
    const SUMMARY: &'static str = "Lines appended to a file: NDJSON, text or a template of your own";
    const SCHEMES: &'static [&'static str] = &["file"];
    type Config = FileConfig;

    fn build(config: FileConfig, parts: &Parts) -> Result<Self, ConfigError> {
        if config.is_from_url && !parts.allow_private_networks {
            return Err(ConfigError::new(
                "a file can be named by a URL on one's own command line only: configure a platform of type `file`",
            ));
        }
        let (place, layout) = (Place::of(&config)?, Layout::of(&config)?);
        let mode = u32::from_str_radix(&config.mode, 8).ok().filter(|mode| *mode <= 0o777);
        let mode = mode.ok_or_else(|| ConfigError::at("mode", "expected permissions as octal digits such as \"0640\""))?;
        if config.rotate_bytes == Some(0) {
            return Err(ConfigError::at("rotate_bytes", "expected at least 1; leave it out to never rotate"));
        }
        if !(1..=KEEP_MAX).contains(&config.keep) {
            return Err(ConfigError::at("keep", format!("expected 1 to {KEEP_MAX}")));
        }
        let rotation = Rotation { bytes_max: config.rotate_bytes, daily: config.rotate_daily, keep: config.keep };
        let rules = Rules { root: config.root, mode, fsync: config.fsync, rotation };
        Ok(Self { place, layout, appender: Arc::new(Mutex::new(Appender::new(rules))), clock: parts.clock.clone() })
    }

    fn from_url(url: &str) -> Result<UrlTarget<FileConfig>, ConfigError> {
        config::from_url(url)
    }

    fn shown_url(url: &str) -> Option<String> {
        Some(Url::parse(url).ok()?.path().to_owned())
    }
}
