//! What the demo found, as a table for people and as JSON.

use std::{
    collections::BTreeMap,
    fmt::{self, Write},
    time::Duration,
};

use serde::Serialize;
use serde_json::Value;

use super::{pool::PoolStory, verdict::Verdict};
use crate::{Stats, TaskId};

/// Missing ids that are named.
const NAMED_MAX: usize = 10;

/// Everything the demo measured and checked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// What decided the faults; the same seed decides the same.
    pub seed: u64,
    /// Notifications the hub accepted.
    pub accepted: u64,
    /// Of these, how many it reported delivered.
    pub delivered: u64,
    /// Of these, how many the sink took.
    pub arrived: u64,
    /// From the first acceptance to the last outcome, in seconds.
    pub seconds: f64,
    /// Deliveries per second.
    pub per_second: f64,
    /// From the call that accepted a notification to its known outcome.
    pub accept_to_delivered: Latency,
    /// Attempts by class; `succeeded` ended with a receipt.
    pub attempts: Attempts,
    /// Attempts that were followed by another.
    pub retries: u64,
    /// Copies the sink took beyond the first, of all ids together.
    pub duplicates: u64,
    /// Attempts of which nobody knows whether they arrived: each allows one copy.
    pub ambiguous_attempts: u64,
    /// One row per platform.
    pub platforms: Vec<PlatformRow>,
    /// How the worker pool grew and shrank.
    pub pool: PoolStory,
    /// Ids the sink never answered with 200; the first ten.
    pub missing: Vec<TaskId>,
    /// How many are missing.
    pub missing_count: usize,
    /// Ids the sink took too often; the first ten.
    pub surplus: Vec<TaskId>,
    /// How many came too often.
    pub surplus_count: usize,
    /// Requests that nobody sent.
    pub strange: u64,
    /// Whether every notification arrived, and none more often than its ambiguous attempts allow.
    pub complete: bool,
}

/// Percentiles in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Latency {
    /// Half were faster.
    pub p50_ms: f64,
    /// 95 of 100 were.
    pub p95_ms: f64,
    /// 99 of 100 were.
    pub p99_ms: f64,
    /// The slowest.
    pub max_ms: f64,
}

/// Attempts by class.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Attempts {
    /// All of them.
    pub total: u64,
    /// Those that ended with a receipt.
    pub succeeded: u64,
    /// The others, by kind; kinds that did not occur are left out.
    pub failed: BTreeMap<&'static str, u64>,
}

/// One platform.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlatformRow {
    /// Its name.
    pub platform: String,
    /// Its attempts.
    pub attempts: Attempts,
    /// Attempts that were followed by another.
    pub retries: u64,
    /// Its latencies.
    pub accept_to_delivered: Latency,
}

/// What was measured while sending.
#[derive(Debug, Default)]
pub struct Measured {
    /// Notifications the hub accepted.
    pub accepted: u64,
    /// Notifications it reported delivered.
    pub delivered: u64,
    /// From the first acceptance to the last outcome.
    pub took: Duration,
    /// From acceptance to outcome, by platform number.
    pub latencies: Vec<Vec<Duration>>,
}

impl Latency {
    /// The percentiles of `latencies`.
    pub fn of(mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        let millis = |permille| percentile(&latencies, permille).as_secs_f64() * 1000.0;
        Self { p50_ms: millis(500), p95_ms: millis(950), p99_ms: millis(990), max_ms: millis(1000) }
    }
}

/// The smallest of the `sorted` values that at least `permille` of 1000 of them do not exceed (nearest rank).
fn percentile(sorted: &[Duration], permille: usize) -> Duration {
    let rank = (sorted.len() * permille).div_ceil(1000).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

impl Summary {
    /// Puts together what was measured, what the hub counted and what the sink saw.
    pub fn new(seed: u64, names: &[String], measured: Measured, stats: &Stats, pool: PoolStory, verdict: &Verdict) -> Self {
        let rows = names.iter().zip(&measured.latencies).map(|(name, latencies)| row(name, latencies, stats));
        let platforms: Vec<_> = rows.collect();
        let mut attempts = Attempts::default();
        platforms.iter().for_each(|row| attempts.add(&row.attempts));
        let ambiguous_attempts = attempts.failed.get("ambiguous").copied().unwrap_or(0);
        let seconds = measured.took.as_secs_f64();
        Self {
            seed,
            accepted: measured.accepted,
            delivered: measured.delivered,
            arrived: measured.accepted - verdict.missing.len() as u64,
            seconds,
            per_second: if seconds > 0.0 { measured.delivered as f64 / seconds } else { 0.0 },
            accept_to_delivered: Latency::of(measured.latencies.concat()),
            attempts,
            retries: platforms.iter().map(|row| row.retries).sum(),
            duplicates: verdict.duplicates,
            ambiguous_attempts,
            platforms,
            pool,
            missing: verdict.missing.iter().take(NAMED_MAX).copied().collect(),
            missing_count: verdict.missing.len(),
            surplus: verdict.surplus.iter().take(NAMED_MAX).copied().collect(),
            surplus_count: verdict.surplus.len(),
            strange: verdict.strange,
            complete: verdict.holds() && measured.delivered == measured.accepted,
        }
    }

    /// It as JSON.
    pub fn json(&self) -> Value {
        serde_json::to_value(self).expect("counts, texts and numbers are JSON")
    }

    /// It for people; the last line is the verdict.
    pub fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text).expect("a string takes everything");
        text
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let Latency { p50_ms, p95_ms, p99_ms, max_ms } = self.accept_to_delivered;
        let failed: String = self.attempts.failed.iter().map(|(kind, count)| format!(", {count} {kind}")).collect();
        let names: Vec<_> = self.platforms.iter().map(|row| &*row.platform).collect();
        writeln!(out, "platforms            {}; they fail on purpose, as --seed {} decides", names.join(", "), self.seed)?;
        writeln!(out, "accepted             {}", self.accepted)?;
        writeln!(out, "delivered            {} in {:.1} s, {:.0} per second", self.delivered, self.seconds, self.per_second)?;
        writeln!(out, "accept to delivered  p50 {p50_ms:.0} ms, p95 {p95_ms:.0} ms, p99 {p99_ms:.0} ms, max {max_ms:.0} ms")?;
        writeln!(out, "attempts             {}: {} succeeded{failed}", self.attempts.total, self.attempts.succeeded)?;
        writeln!(out, "retries              {}", self.retries)?;
        writeln!(
            out,
            "copies at the sink   {}; {} attempts were ambiguous, each allows one",
            self.duplicates, self.ambiguous_attempts
        )?;
        self.write_platforms(out)?;
        self.pool.write(out)?;
        self.write_verdict(out)
    }

    fn write_platforms(&self, out: &mut String) -> fmt::Result {
        let kinds: Vec<_> = self.attempts.failed.keys().copied().collect();
        write!(out, "\n{:<12} {:>9} {:>9}", "platform", "attempts", "succeeded")?;
        kinds.iter().try_for_each(|kind| write!(out, " {kind:>12}"))?;
        writeln!(out, " {:>8} {:>8} {:>8}", "p50 ms", "p95 ms", "max ms")?;
        for row in &self.platforms {
            write!(out, "{:<12} {:>9} {:>9}", row.platform, row.attempts.total, row.attempts.succeeded)?;
            for kind in &kinds {
                write!(out, " {:>12}", row.attempts.failed.get(kind).copied().unwrap_or(0))?;
            }
            let Latency { p50_ms, p95_ms, max_ms, .. } = row.accept_to_delivered;
            writeln!(out, " {p50_ms:>8.0} {p95_ms:>8.0} {max_ms:>8.0}")?;
        }
        writeln!(out)
    }

    fn write_verdict(&self, out: &mut String) -> fmt::Result {
        if self.complete {
            return writeln!(out, "every one of {} notifications arrived", self.accepted);
        }
        if self.strange > 0 {
            writeln!(out, "the sink got {} requests that nobody sent", self.strange)?;
        }
        if self.delivered < self.accepted {
            writeln!(out, "{} of {} notifications were not delivered", self.accepted - self.delivered, self.accepted)?;
        }
        for (ids, count, what) in [
            (&self.surplus, self.surplus_count, "arrived more often than ambiguous attempts allow"),
            (&self.missing, self.missing_count, "never arrived"),
        ] {
            if count > 0 {
                writeln!(out, "{count} of {} notifications {what}:", self.accepted)?;
                ids.iter().try_for_each(|id| writeln!(out, "  {id}"))?;
            }
        }
        writeln!(out, "failed; `notifyhub demo --seed {}` decides the same faults again", self.seed)
    }
}

impl Attempts {
    fn add(&mut self, other: &Self) {
        self.total += other.total;
        self.succeeded += other.succeeded;
        other.failed.iter().for_each(|(kind, count)| *self.failed.entry(kind).or_default() += count);
    }
}

fn row(name: &str, latencies: &[Duration], stats: &Stats) -> PlatformRow {
    let counted = stats.platforms.iter().find(|platform| platform.platform.as_str() == name);
    let (succeeded, failed, retries) = match counted {
        Some(platform) => (platform.succeeded, platform.failed.clone(), platform.retried),
        None => Default::default(),
    };
    let total = succeeded + failed.values().sum::<u64>();
    let attempts = Attempts { total, succeeded, failed };
    PlatformRow { platform: name.to_owned(), attempts, retries, accept_to_delivered: Latency::of(latencies.to_vec()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Counts, task::TaskId};

    fn millis(values: impl IntoIterator<Item = u64>) -> Vec<Duration> {
        values.into_iter().map(Duration::from_millis).collect()
    }

    #[test]
    fn a_percentile_is_the_smallest_value_that_enough_do_not_exceed() {
        let hundred = Latency::of(millis((1..=100).rev()));
        assert_eq!(hundred, Latency { p50_ms: 50.0, p95_ms: 95.0, p99_ms: 99.0, max_ms: 100.0 });
        assert_eq!(Latency::of(millis([7])), Latency { p50_ms: 7.0, p95_ms: 7.0, p99_ms: 7.0, max_ms: 7.0 });
        assert_eq!(Latency::of(millis([1, 2, 9])).p95_ms, 9.0);
        assert_eq!(Latency::of(Vec::new()), Latency::default());
    }

    fn summary(delivered: u64, verdict: Verdict) -> Summary {
        let stats = Stats { tasks: Counts::default(), platforms: Vec::new(), workers: Vec::new(), scaling: None };
        let took = Duration::from_secs(2);
        let measured = Measured { accepted: 20, delivered, took, latencies: vec![millis([1])] };
        Summary::new(7, &["flaky".to_owned()], measured, &stats, PoolStory::default(), &verdict)
    }

    #[test]
    fn the_last_line_says_that_everything_arrived_only_if_it_did() {
        let good = summary(20, Verdict::default());
        assert!(good.complete && good.per_second == 10.0);
        assert!(good.text().ends_with("\nevery one of 20 notifications arrived\n"));
        let undelivered = summary(19, Verdict::default());
        assert!(!undelivered.complete);
        assert!(!undelivered.text().contains("every one"));
    }

    #[test]
    fn at_most_ten_missing_ids_are_named() {
        let verdict = Verdict { missing: (0..12).map(TaskId::from_bits).collect(), ..Verdict::default() };
        let summary = summary(20, verdict);
        assert!(!summary.complete);
        assert_eq!((summary.arrived, summary.missing_count, summary.missing.len()), (8, 12, 10));
        let text = summary.text();
        assert!(text.contains("12 of 20 notifications never arrived:\n  00000000-"), "{text}");
        assert_eq!(text.matches("\n  0000").count(), 10);
        assert!(!text.contains("every one"));
    }
}
