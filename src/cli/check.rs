//! `notifyhub check`: is the configuration right, and do the platforms take our credentials?

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Args;
use futures_util::future::join_all;
use notifyhub_platforms::contract::{Clock, ErrorKind, Platform, SendError};
use serde_json::{Value, json};

use super::{Context, Exit, Failure, exit::note, planes};
use crate::{
    clock::SystemClock,
    config::{Accounts, Config, duration},
    task::PlatformName,
};

/// Check the configuration; with --live, also whether the platforms take our credentials
#[derive(Debug, Args)]
pub struct Check {
    /// Ask every platform whether it takes our credentials; nobody is notified
    #[arg(long)]
    live: bool,
    /// Look the store's file over: whether the database is whole, and everything in it adds up
    #[arg(long)]
    store: bool,
    /// How long a platform may take to answer
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration::parse, requires = "live")]
    timeout: Duration,
}

impl Check {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let runtime = planes::one_for_all()?;
        runtime.block_on(async {
            let (loaded, accounts) = context.load_and_build()?;
            if accounts.is_empty() {
                note(&without_platform(&loaded.files));
            }
            if self.store {
                super::store::check(context, &loaded.config.store)?;
            }
            if self.live { self.live(context, &loaded.config, &accounts).await } else { offline(context, &loaded.config) }
        })
    }

    async fn live(&self, context: &Context, config: &Config, accounts: &Accounts) -> Result<Exit, Failure> {
        let answers = join_all(accounts.iter().map(|(name, account)| self.ask(name, account.as_ref()))).await;
        let records: Vec<Value> = answers.iter().map(|answer| answer.record(config)).collect();
        context.output().list(&["platform", "type", "result", "ms", "reason"], &records)?;
        Ok(verdict(answers.iter().filter_map(|answer| answer.result.as_ref().err())))
    }

    async fn ask<'a>(&self, name: &'a PlatformName, account: &dyn Platform) -> Answer<'a> {
        let clock = SystemClock::new();
        let start = clock.now();
        let late = || SendError::unavailable(format!("no answer within {}", duration::written(self.timeout)));
        let result = tokio::time::timeout(self.timeout, account.check()).await.unwrap_or_else(|_| Err(late()));
        Answer { name, result, took: took(start, clock.now()) }
    }
}

fn without_platform(files: &[PathBuf]) -> String {
    match files {
        [] => "no configuration file and so no platform; `notifyhub init --platform TYPE` writes a file to start from, \
            `notifyhub platforms` lists the types"
            .to_owned(),
        [.., file] => format!(
            "no mistakes, but no platform: put a table [platforms.NAME] into {}; `notifyhub platforms` lists the types, \
            `notifyhub platforms TYPE` the keys of one",
            file.display()
        ),
    }
}

fn took(start: Instant, end: Instant) -> Duration {
    end.saturating_duration_since(start)
}

fn offline(context: &Context, config: &Config) -> Result<Exit, Failure> {
    let record = |(name, platform): (&PlatformName, &crate::config::PlatformConfig)| json!({"platform": name, "type": platform.kind, "result": "ok"});
    context.output().list(&["platform", "type", "result"], &config.platforms.iter().map(record).collect::<Vec<_>>())?;
    Ok(Exit::Done)
}

/// What a platform answered.
struct Answer<'a> {
    name: &'a PlatformName,
    result: Result<(), SendError>,
    took: Duration,
}

impl Answer<'_> {
    fn record(&self, config: &Config) -> Value {
        let kind = config.platforms.get(self.name).map(|platform| &platform.kind);
        let error = self.result.as_ref().err();
        json!({
            "platform": self.name,
            "type": kind,
            "result": error.map_or("ok", |error| error.kind().as_str()),
            "ms": self.took.as_millis() as u64,
            "reason": error.map(|error| match error.code() {
                Some(code) => format!("{} ({code})", error.reason()),
                None => error.reason().to_owned(),
            }),
        })
    }
}

/// A refusal weighs more than a platform that cannot be reached: waiting does not help.
fn verdict<'a>(errors: impl Iterator<Item = &'a SendError>) -> Exit {
    let refused = |kind| {
        matches!(kind, ErrorKind::Unauthorized | ErrorKind::InvalidRecipient | ErrorKind::Gone | ErrorKind::InvalidMessage)
    };
    errors.fold(
        Exit::Done,
        |exit, error| if exit == Exit::Refused || refused(error.kind()) { Exit::Refused } else { Exit::Unreachable },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_weighs_more_than_a_platform_that_cannot_be_reached() {
        let (refused, away) = (SendError::unauthorized("x"), SendError::unavailable("x"));
        for (errors, expected) in [
            (vec![], Exit::Done),
            (vec![&away], Exit::Unreachable),
            (vec![&refused], Exit::Refused),
            (vec![&refused, &away], Exit::Refused),
            (vec![&away, &refused], Exit::Refused),
        ] {
            assert_eq!(verdict(errors.into_iter()), expected);
        }
    }
}
