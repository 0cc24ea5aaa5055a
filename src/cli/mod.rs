//! The command `notifyhub`, one file per subcommand.
//!
//! | file | what it holds |
//! |---|---|
//! | `context` | what every command is given: registry, sources, output, runtime |
//! | `exit` | exit codes, and how a command fails |
//! | `planes`, `listeners` | the runtimes of a command that delivers, and what it answers over HTTP meanwhile |
//! | `remote` | asking a running service |
//! | `output` | tables, JSON and NDJSON to stdout |
//! | `log` | log lines to stderr |
//! | `progress` | how far a long command is |
//! | `demo/`, `send/`, `serve/`, `tasks`, `endpoints`, `store`, `check`, `platforms`, `config`, `init`, `completion`, `man` | the commands |
//!
//! An own binary with an own platform in it is `notifyhub::cli::run(Registry::builtin().with::<Acme>())`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use notifyhub_platforms::Registry;

pub use context::{Context, Global};
pub use exit::{Exit, Failure};
pub use output::Format;

mod check;
mod completion;
mod config;
mod context;
mod demo;
mod endpoints;
mod exit;
mod init;
mod listeners;
mod log;
mod man;
mod output;
mod planes;
mod platforms;
mod progress;
mod remote;
mod send;
mod serve;
mod store;
mod tasks;

/// What the command line says.
#[derive(Debug, Parser)]
#[command(
    name = "notifyhub",
    version,
    about = "Delivers notifications to any platform, reliably and fast",
    after_help = exit::AFTER_HELP,
    propagate_version = true
)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
#[non_exhaustive]
pub enum Command {
    /// Send to platforms that misbehave, and count what arrives
    Demo(demo::DemoArgs),
    /// Send a notification now, and wait until it is delivered
    Send(send::SendArgs),
    /// Deliver what is in the store, until told to stop
    Serve(serve::Serve),
    /// List, show or cancel tasks in the store
    #[command(subcommand)]
    Tasks(tasks::Tasks),
    /// List dead letters, show, requeue or drop them
    #[command(subcommand)]
    Dead(tasks::Dead),
    /// List endpoints that fail or are sent to no more, or enable them
    #[command(subcommand)]
    Endpoints(endpoints::Endpoints),
    /// Look after the store's file
    #[command(subcommand)]
    Store(store::Store),
    /// Write a configuration file to start from
    Init(init::Init),
    /// Check the configuration; with --live, also whether the platforms take our credentials
    Check(check::Check),
    /// List the platform types, or every key of one
    Platforms(platforms::Platforms),
    /// Show the configuration, its schema or its files
    #[command(subcommand)]
    Config(config::Config),
    /// Print a completion script for a shell
    Completion(completion::Completion),
    /// Print the manual page, or write one per command to a folder
    Man(man::Man),
}

/// Runs the command that this process was started with.
pub fn run(registry: Registry) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help that nobody reads is no failure.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    let context = Context::new(registry, cli.global);
    exit::end(cli.command.run(&context))
}

impl Command {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::Demo(demo) => demo.run(context),
            Self::Send(send) => send.run(context),
            Self::Serve(serve) => serve.run(context),
            Self::Tasks(tasks) => tasks.run(context),
            Self::Dead(dead) => dead.run(context),
            Self::Endpoints(endpoints) => endpoints.run(context),
            Self::Store(store) => store.run(context),
            Self::Init(init) => init.run(context),
            Self::Check(check) => check.run(context),
            Self::Platforms(platforms) => platforms.run(context),
            Self::Config(config) => config.run(context),
            Self::Completion(completion) => completion.run(context),
            Self::Man(man) => man.run(context),
        }
    }
}
