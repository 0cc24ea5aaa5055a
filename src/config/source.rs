//! Where configuration comes from: files, the environment, flags.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::Value;

use super::tree::Node;

/// The variable that names the configuration file when no `-c` does.
const FILE_VARIABLE: &str = "NOTIFYHUB_CONFIG";

/// Everything a configuration is read from, as an argument: nothing else is looked at (but for the secrets it refers to).
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The files, in order: a later one overrides an earlier one. Each must exist.
    pub files: Vec<PathBuf>,
    /// The environment. Only `NOTIFYHUB__…` is read.
    pub env: Vec<(String, String)>,
    /// What flags of the command line say; they override everything.
    pub flags: Vec<Flag>,
}

/// One key set by a flag.
#[derive(Debug, Clone)]
pub struct Flag {
    /// The flag as the user wrote it, e.g. `--log-format`.
    pub name: String,
    /// The key, e.g. `["telemetry", "log_format"]`.
    pub key: Vec<String>,
    /// Its value.
    pub value: Value,
}

impl Flag {
    /// `name` sets the key `section.key` to `value`.
    pub fn new(name: impl Into<String>, section: &str, key: &str, value: impl Into<Value>) -> Self {
        Self { name: name.into(), key: vec![section.into(), key.into()], value: value.into() }
    }
}

impl Sources {
    /// The environment and the working directory of this process. `named` are the files of `-c`; without any, the usual
    /// places are looked at ([`Sources::discover`]).
    pub fn from_process(named: &[PathBuf], flags: Vec<Flag>) -> Self {
        // What is not UTF-8 can be neither a name nor a value of ours.
        let env: Vec<_> =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect();
        let files = Self::discover(named, &env, Path::new(""));
        Self { files, env, flags }
    }

    /// Which files to read: the `named` ones; else `$NOTIFYHUB_CONFIG`; else the first that exists of
    /// `notifyhub.toml` in `cwd`, `$XDG_CONFIG_HOME/notifyhub/notifyhub.toml` (by default under `~/.config`) and
    /// `/etc/notifyhub/notifyhub.toml`; else none.
    pub fn discover(named: &[PathBuf], env: &[(String, String)], cwd: &Path) -> Vec<PathBuf> {
        if !named.is_empty() {
            return named.to_vec();
        }
        if let Some(file) = variable(env, FILE_VARIABLE) {
            return vec![file.into()];
        }
        Self::places(env, cwd).into_iter().find(|place| place.exists()).into_iter().collect()
    }

    /// The usual places, first one first.
    pub fn places(env: &[(String, String)], cwd: &Path) -> Vec<PathBuf> {
        let home = || variable(env, "HOME").map(|home| Path::new(home).join(".config"));
        let user = variable(env, "XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute()).or_else(home);
        let folders = user.into_iter().chain(["/etc".into()]).map(|folder| folder.join("notifyhub"));
        [cwd.to_owned()].into_iter().chain(folders).map(|folder| folder.join("notifyhub.toml")).collect()
    }
}

fn variable<'a>(env: &'a [(String, String)], name: &str) -> Option<&'a str> {
    env.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A line of a file.
    File {
        /// The file, as it was named.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable.
    Env(String),
    /// A flag.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Env(name) => write!(f, "env {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// One source and what it says.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    pub(crate) source: Source,
    pub(crate) root: Node,
}

/// One source.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Default,
    File(Arc<FileText>),
    Env(String),
    Flag(String),
}

/// A file that was read.
#[derive(Debug)]
pub(crate) struct FileText {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl FileText {
    /// The number of the line an offset is in, from 1, and where that line begins.
    pub(crate) fn line(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        (before.matches('\n').count() + 1, before.rfind('\n').map_or(0, |newline| newline + 1))
    }
}

impl Layer {
    /// Where the value at an offset of this layer comes from.
    pub(crate) fn origin(&self, offset: usize) -> Origin {
        match &self.source {
            Source::Default => Origin::Default,
            Source::File(file) => Origin::File { path: file.path.clone(), line: file.line(offset).0 },
            Source::Env(name) => Origin::Env(name.clone()),
            Source::Flag(name) => Origin::Flag(name.clone()),
        }
    }
}
