//! `type = "slack"` to the code that speaks Slack.

use std::{collections::BTreeMap, fmt, sync::Arc};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

use crate::{
    chat::{Discord, Slack},
    contract::{Adapter, ConfigError, Parts, Platform},
    generic::{console::Console, file::FileLog, webhook::Webhook},
};

/// The adapters a program knows, by the word users type. A value, not a global: two hubs may know different ones.
///
/// ```
/// # use notifyhub_platforms::Registry;
/// let registry = Registry::builtin();
/// assert!(registry.kinds().any(|kind| kind == "webhook"));
/// ```
#[derive(Clone, Default)]
pub struct Registry {
    entries: BTreeMap<&'static str, Entry>,
}

/// A platform named by a URL, ready to send.
pub struct FromUrl {
    /// The adapter's kind.
    pub kind: &'static str,
    /// The platform.
    pub platform: Arc<dyn Platform>,
    /// The recipient in the URL, if it names one.
    pub recipient: Option<String>,
    /// The URL as it may be shown: without secrets, e.g. `json://example.com/…`.
    pub shown: String,
}

type Built = Result<Arc<dyn Platform>, ConfigError>;
type BuiltFromUrl = Result<(Arc<dyn Platform>, Option<String>, String), ConfigError>;

#[derive(Clone, Copy)]
struct Entry {
    summary: &'static str,
    schemes: &'static [&'static str],
    build: fn(Value, &Parts) -> Built,
    from_url: fn(&str, &Parts) -> BuiltFromUrl,
    schema: fn() -> Schema,
}

impl Registry {
    /// A registry without adapters.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Every adapter this package ships.
    pub fn builtin() -> Self {
        let registry = Self::empty().with::<Discord>().with::<Slack>().with::<Webhook>().with::<FileLog>().with::<Console>();
        #[cfg(feature = "email")]
        let registry = registry.with::<crate::email::Email>();
        registry
    }

    /// Adds an adapter; one of the same kind is replaced.
    #[must_use]
    pub fn with<A>(mut self) -> Self
    where
        A: Adapter,
        A::Config: JsonSchema,
    {
        let entry = Entry {
            summary: A::SUMMARY,
            schemes: A::SCHEMES,
            build: build::<A>,
            from_url: from_url::<A>,
            schema: || SchemaGenerator::default().into_root_schema_for::<A::Config>(),
        };
        self.entries.insert(A::KIND, entry);
        self
    }

    /// The kinds it knows, in alphabetical order.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.entries.keys().copied()
    }

    /// One line on what an adapter delivers to.
    pub fn summary(&self, kind: &str) -> Option<&'static str> {
        Some(self.entries.get(kind)?.summary)
    }

    /// The URL schemes that stand for an adapter.
    pub fn schemes(&self, kind: &str) -> &'static [&'static str] {
        self.entries.get(kind).map_or(&[], |entry| entry.schemes)
    }

    /// The JSON Schema of an adapter's table (without the keys that all platforms share).
    pub fn schema(&self, kind: &str) -> Option<Schema> {
        Some((self.entries.get(kind)?.schema)())
    }

    /// Makes a platform of `kind` from its table (without `type` and the keys that all platforms share).
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for an unknown kind, with the list of known ones, and for everything the adapter refuses.
    pub fn build(&self, kind: &str, table: Value, parts: &Parts) -> Result<Arc<dyn Platform>, ConfigError> {
        let entry = self.entries.get(kind).ok_or_else(|| self.unknown_kind(kind))?;
        (entry.build)(table, parts)
    }

    /// Makes a platform from a URL such as `json://host/path`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for an unknown scheme, with the list of known ones, and for everything the adapter refuses.
    pub fn from_url(&self, url: &str, parts: &Parts) -> Result<FromUrl, ConfigError> {
        let scheme = url.split_once("://").map_or(url, |(scheme, _)| scheme).to_ascii_lowercase();
        let (kind, entry) = self
            .entries
            .iter()
            .find(|(_, entry)| entry.schemes.contains(&&*scheme))
            .ok_or_else(|| self.unknown_scheme(&scheme))?;
        let (platform, recipient, shown) = (entry.from_url)(url, parts)?;
        Ok(FromUrl { kind, platform, recipient, shown: format!("{scheme}://{shown}") })
    }

    fn unknown_kind(&self, kind: &str) -> ConfigError {
        let known: Vec<_> = self.kinds().collect();
        ConfigError::at("type", format!("unknown platform type `{kind}`, expected one of: {}", known.join(", ")))
    }

    fn unknown_scheme(&self, scheme: &str) -> ConfigError {
        let mut known: Vec<_> =
            self.entries.values().flat_map(|entry| entry.schemes).map(|scheme| format!("{scheme}://")).collect();
        known.sort_unstable();
        ConfigError::new(format!("unknown URL scheme `{scheme}://`, expected one of: {}", known.join(", ")))
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.kinds()).finish()
    }
}

fn build<A: Adapter>(table: Value, parts: &Parts) -> Built {
    let config = serde_path_to_error::deserialize(table).map_err(|error| {
        let key = error.path().to_string();
        ConfigError { key: (key != ".").then_some(key), reason: error.into_inner().to_string() }
    })?;
    Ok(Arc::new(A::build(config, parts)?))
}

fn from_url<A: Adapter>(url: &str, parts: &Parts) -> BuiltFromUrl {
    let target = A::from_url(url)?;
    let shown = A::shown_url(url).unwrap_or_else(|| "…".to_owned());
    Ok((Arc::new(A::build(target.config, parts)?), target.recipient, shown))
}
