//! Sending the demo's notifications: in groups, and never more under way than a bound.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};

use super::{summary::Measured, verdict::Sent};
use crate::{Hub, HubError, Notification, Outcome, cli::progress::Progress, clock::Clock};

/// Notifications handed to the hub in one call.
const GROUP: u64 = 100;

/// Notifications under way at most: whoever sends faster than the platforms take waits here.
const UNDER_WAY_MAX: usize = 500;

/// One run.
pub struct Flow<'a> {
    hub: &'a Hub,
    clock: Arc<dyn Clock>,
    names: &'a [String],
    progress: Progress,
    under_way: FuturesUnordered<BoxFuture<'static, Result<Finished, HubError>>>,
    sent: Vec<Sent>,
    measured: Measured,
}

/// A notification whose outcome is known.
struct Finished {
    number: usize,
    outcome: Arc<Outcome>,
    latency: Duration,
}

impl<'a> Flow<'a> {
    /// Sends through `hub` to the platforms with these names in turn.
    pub fn new(hub: &'a Hub, clock: Arc<dyn Clock>, names: &'a [String], progress: Progress) -> Self {
        let measured = Measured { latencies: vec![Vec::new(); names.len()], ..Measured::default() };
        Self { hub, clock, names, progress, under_way: FuturesUnordered::new(), sent: Vec::new(), measured }
    }

    /// Sends `count` notifications and waits for all outcomes.
    ///
    /// # Errors
    ///
    /// When the hub does not accept one.
    pub async fn run(mut self, count: u64) -> Result<(Vec<Sent>, Measured), HubError> {
        let began = self.clock.now();
        while self.measured.accepted < count || !self.under_way.is_empty() {
            if self.measured.accepted < count && self.under_way.len() + GROUP as usize <= UNDER_WAY_MAX {
                self.send_group((count - self.measured.accepted).min(GROUP)).await?;
            } else if let Some(finished) = self.under_way.next().await {
                self.finish(finished?);
            }
        }
        self.measured.took = self.clock.now() - began;
        Ok((self.sent, self.measured))
    }

    async fn send_group(&mut self, size: u64) -> Result<(), HubError> {
        let first = self.measured.accepted;
        let target = |number: u64| &*self.names[self.platform(number)];
        let notification = |number| Notification::text(format!("notification {number}")).to(target(number));
        let called = self.clock.now();
        let batch = self.hub.send_all((first..first + size).map(notification)).await?;
        for (number, accepted) in (first..).zip(batch.accepted) {
            let (clock, number) = (self.clock.clone(), self.platform(number));
            self.under_way.push(Box::pin(async move {
                let outcome = accepted.outcome().await?;
                Ok(Finished { number, outcome, latency: since(called, &*clock) })
            }));
        }
        self.measured.accepted += size;
        Ok(())
    }

    /// The number of the platform that notification goes to.
    fn platform(&self, notification: u64) -> usize {
        usize::try_from(notification % self.names.len() as u64).expect("fewer platforms than a usize counts")
    }

    fn finish(&mut self, Finished { number, outcome, latency }: Finished) {
        let delivered = outcome.all_delivered();
        for target in &outcome.targets {
            let errors = target.attempts.iter().filter_map(|attempt| attempt.result.as_ref().err());
            let ambiguous = errors.filter(|error| error.is_ambiguous()).count();
            self.sent.push(Sent { id: target.task, ambiguous: u32::try_from(ambiguous).unwrap_or(u32::MAX) });
        }
        self.measured.delivered += u64::from(delivered);
        self.measured.latencies[number].push(latency);
        self.progress.advance();
    }
}

fn since(began: Instant, clock: &dyn Clock) -> Duration {
    clock.now().saturating_duration_since(began)
}
