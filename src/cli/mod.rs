//! The `notifyhub` command, one file per subcommand.
//!
//! | file | command |
//! |---|---|
//! | `demo/` | `demo` |
//! | `send/` | `send` |
//! | `progress` | how far a long command is |

pub mod demo;
pub mod progress;

use std::{io, io::Write, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::Registry;

#[derive(Debug, Parser)]
#[command(name = "notifyhub", version)]
struct Cli {
    /// Show no progress
    #[arg(short, long, global = true)]
    quiet: bool,
    /// How results are printed
    #[arg(short, long, global = true, default_value = "table")]
    output: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send to platforms that misbehave and count what arrives
    Demo(demo::DemoArgs),
}

/// Runs the command line with the adapters of `registry`.
pub fn run(_registry: Registry) -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    match cli.command {
        Command::Demo(args) => {
            let progress = progress::Progress::new(args.count, cli.quiet);
            let summary = runtime.block_on(demo::run(&args, progress)).expect("runs");
            let mut out = io::stdout().lock();
            if cli.output == "json" {
                let _ = writeln!(out, "{}", serde_json::to_string_pretty(&summary).expect("json"));
            } else {
                summary.write(&mut out).expect("stdout");
            }
            if summary.complete { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
    }
}
