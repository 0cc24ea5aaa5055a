//! `notifyhub man`: the manual pages.

use std::{fs, path::PathBuf};

use clap::{Args, CommandFactory};

use super::{Cli, Context, Exit, Failure};

/// Print the manual page, or write one per command to a folder
#[derive(Debug, Args)]
pub struct Man {
    /// Where to write notifyhub.1, notifyhub-check.1, …; made if need be
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl Man {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.folder {
            Some(folder) => fs::create_dir_all(&folder)
                .and_then(|()| clap_mangen::generate_to(Cli::command(), &folder))
                .map_err(|error| Failure::new(Exit::Failed, format!("cannot write to `{}`: {error}", folder.display())))?,
            None => {
                let mut page = Vec::new();
                clap_mangen::Man::new(Cli::command()).render(&mut page)?;
                context.output().text(&String::from_utf8_lossy(&page))?;
            }
        }
        Ok(Exit::Done)
    }
}
