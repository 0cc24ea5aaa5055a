//! Which file a message goes to, and that it is one below the root.

use std::{
    borrow::Cow,
    path::{Component, Path, PathBuf},
};

use super::FileConfig;
use crate::{
    contract::{ConfigError, Envelope, RecipientRule, SendError},
    render::template::{Placeholder, Template},
};

/// What a path may ask for: what is short and has few values, so that there are few files.
const PLACEHOLDERS: [&str; 4] = ["date", "recipient", "priority", "kind"];

/// The files of one platform.
#[derive(Debug)]
pub(super) struct Place {
    root: Option<PathBuf>,
    path: Option<Named>,
}

#[derive(Debug)]
enum Named {
    /// The same for all messages.
    Fixed(PathBuf),
    /// Relative to the root; depends on the message.
    Template(Template),
}

impl Place {
    /// Reads `path` and `root`.
    pub(super) fn of(config: &FileConfig) -> Result<Self, ConfigError> {
        let at = |reason: &str| ConfigError::at("path", reason);
        let Some(path) = &config.path else {
            return match &config.root {
                Some(_) => Ok(Self { root: config.root.clone(), path: None }),
                None => Err(at("expected the file to append to (or `root`, the folder of files that targets name)")),
            };
        };
        if path.file_name().is_none() {
            return Err(at("expected the path of a file"));
        }
        let below = match &config.root {
            Some(root) => path.strip_prefix(root).unwrap_or(path),
            None => path,
        };
        if config.root.is_some() && !is_below(below) {
            return Err(at("leads out of `root`: expected a path relative to it, without `..`"));
        }
        let template = match below.to_str().filter(|path| path.contains(['{', '}'])) {
            Some(text) => Template::parse(text, &PLACEHOLDERS).map_err(|reason| at(&reason))?,
            None => return Ok(Self::fixed_at(config, below)),
        };
        if let Some(literal) = template.literal() {
            return Ok(Self::fixed_at(config, Path::new(&literal)));
        }
        if config.root.is_none() {
            return Err(ConfigError::at("root", "expected the folder that a `path` with placeholders stays in"));
        }
        Ok(Self { root: config.root.clone(), path: Some(Named::Template(template)) })
    }

    fn fixed_at(config: &FileConfig, below: &Path) -> Self {
        let path = config.root.as_deref().map_or_else(|| below.to_owned(), |root| root.join(below));
        Self { root: config.root.clone(), path: Some(Named::Fixed(path)) }
    }

    /// The folder that no message leads out of.
    pub(super) fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// The one file, where it does not depend on the message.
    pub(super) fn fixed(&self) -> Option<&Path> {
        match &self.path {
            Some(Named::Fixed(path)) => Some(path),
            _ => None,
        }
    }

    /// Whether targets name a recipient.
    pub(super) fn recipient_rule(&self) -> RecipientRule {
        match (&self.root, &self.path) {
            (None, _) => RecipientRule::Never,
            (Some(_), Some(path)) if !path.needs_recipient() => RecipientRule::Optional,
            (Some(_), _) => RecipientRule::Required,
        }
    }

    /// Whether `recipient` is one.
    pub(super) fn verify(&self, recipient: Option<&str>) -> Result<(), SendError> {
        match (recipient, self.recipient_rule()) {
            (None, RecipientRule::Required) => {
                Err(SendError::invalid_recipient("expected a file name, such as `audit.ndjson`: there is no `path` without one"))
            }
            (Some(_), RecipientRule::Never) => {
                Err(SendError::invalid_recipient("this platform has one file, targets name none (set `root` to allow it)"))
            }
            (Some(name), _) if !is_file_name(name) => Err(SendError::invalid_recipient(
                "expected a plain file name such as `audit.ndjson`: letters, digits, `.`, `_`, `-`, no dot in front",
            )),
            _ => Ok(()),
        }
    }

    /// The file of `envelope`: what the template says, else what its recipient names below the root, else the one file.
    ///
    /// # Errors
    ///
    /// An invalid recipient, or an invalid message where it lacks what the template asks for.
    pub(super) fn path(&self, envelope: &Envelope) -> Result<PathBuf, SendError> {
        let recipient = envelope.recipient.as_deref();
        self.verify(recipient)?;
        let root = self.root.as_deref().unwrap_or(Path::new(""));
        match (&self.path, recipient) {
            (Some(path @ Named::Template(template)), _) if recipient.is_none() || path.needs_recipient() => {
                let below = PathBuf::from(template.render(envelope, fill)?);
                if !is_below(&below) {
                    return Err(SendError::invalid_message("the message leads out of `root`"));
                }
                Ok(root.join(below))
            }
            (Some(Named::Fixed(path)), None) => Ok(path.clone()),
            (_, name) => Ok(root.join(name.expect("a missing recipient was refused above"))),
        }
    }
}

impl Named {
    fn needs_recipient(&self) -> bool {
        matches!(self, Self::Template(template) if template.placeholders().any(|asked| *asked == Placeholder::Recipient))
    }
}

fn fill(path: &mut String, placeholder: &Placeholder, value: Option<Cow<'_, str>>) -> Result<(), SendError> {
    match value {
        Some(value) if is_file_name(&value) => path.push_str(&value),
        Some(_) => return Err(SendError::invalid_message(format!("the {placeholder} cannot be part of a file name"))),
        None => return Err(SendError::invalid_message(format!("the message has no {placeholder}, which names its file"))),
    }
    Ok(())
}

/// Whether a relative path stays below where it starts, as far as names tell.
fn is_below(path: &Path) -> bool {
    path.file_name().is_some() && path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

fn is_file_name(name: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
    !name.is_empty() && name.len() <= 200 && !name.starts_with('.') && name.chars().all(plain)
}
