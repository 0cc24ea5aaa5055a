//! `notifyhub init`: a configuration file to start from.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::Args;

use super::{Context, Exit, Failure, exit::note};
use crate::config;

/// Write a configuration file to start from
#[derive(Debug, Args)]
pub struct Init {
    /// Put a table for a platform of this type into it; repeatable
    #[arg(long = "platform", value_name = "TYPE")]
    platforms: Vec<String>,
    /// Overwrite the file if there is one
    #[arg(long)]
    force: bool,
    /// The file
    #[arg(value_name = "FILE", default_value = "notifyhub.toml")]
    file: PathBuf,
}

impl Init {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let text = config::template(&context.registry, &self.platforms).map_err(|reason| Failure::new(Exit::Usage, reason))?;
        let file = self.file.display();
        write(&self.file, &text, self.force).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Failure::new(Exit::Usage, format!("`{file}` exists; --force overwrites it")),
            _ => Failure::new(Exit::Failed, format!("cannot write `{file}`: {error}")),
        })?;
        note(&match self.platforms.is_empty() {
            true => format!(
                "wrote {file}, without a platform: put a table into it (`notifyhub platforms` lists the types), then run `notifyhub check`"
            ),
            false => format!("wrote {file}; fill in what it asks for, then run `notifyhub check`"),
        });
        Ok(Exit::Done)
    }
}

/// Written beside it first, so that a file that was there is replaced whole or not at all. It may come to hold secrets:
/// only its owner can read it.
fn write(file: &Path, text: &str, force: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    if !force {
        return options.open(file)?.write_all(text.as_bytes());
    }
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = file.with_file_name(name);
    let written =
        options.open(&beside).and_then(|mut new| new.write_all(text.as_bytes())).and_then(|()| fs::rename(&beside, file));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}
