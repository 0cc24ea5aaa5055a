//! `notifyhub completion`: a script that completes our commands in a shell.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Context, Exit, Failure};

/// Print a completion script for a shell
#[derive(Debug, Args)]
pub struct Completion {
    /// The shell, e.g. `source <(notifyhub completion bash)`
    #[arg(value_enum)]
    shell: Shell,
}

impl Completion {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "notifyhub", &mut script);
        context.output().text(&String::from_utf8_lossy(&script))?;
        Ok(Exit::Done)
    }
}
