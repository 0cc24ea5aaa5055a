//! Kills the real command over and over while it accepts and delivers, and counts at the far end.
//!
//! `./test crash --cycles N` runs it as long as you like; here it runs a few cycles. Nothing that was answered may be lost,
//! nothing may arrive that nobody sent, and copies are bounded by what was ambiguous.
//!
//! | file | what it holds |
//! |---|---|
//! | `sink` | the far end: writes down every request before it answers, and misbehaves |
//! | `engine` | the command, fed by its stdin, and how it is killed |
//! | `oracle` | what must hold in the end |
//! | `points` | every named point, one after the other |
//! | `table` | each point with one notification: exactly what is there afterwards |
//! | `other_points` | those a producer and a sink alone do not come by |

mod engine;
mod oracle;
#[cfg(feature = "failpoints")]
mod other_points;
#[cfg(feature = "failpoints")]
mod points;
mod sink;
#[cfg(feature = "failpoints")]
mod table;

use std::{collections::BTreeMap, env, time::Duration};

use notifyhub::NotificationId;
use rand::{Rng, SeedableRng, rngs::SmallRng};

use self::{
    engine::{Engine, Kill},
    oracle::Oracle,
    sink::Sink,
};
use crate::command::{Desk, tell};

/// What the producer knows: it is never killed.
#[derive(Debug, Default)]
struct Producer {
    sent: u64,
    /// By number: the id that was answered.
    acked: BTreeMap<u64, NotificationId>,
}

impl Producer {
    /// What is to be sent next: everything that had no answer, under the same key, and then new ones.
    fn next(&mut self, fresh: u64) -> Vec<u64> {
        let mut numbers: Vec<u64> = (1..=self.sent).filter(|number| !self.acked.contains_key(number)).collect();
        numbers.extend(self.sent + 1..=self.sent + fresh);
        self.sent += fresh;
        numbers
    }
}

fn number(name: &str, default: u64) -> u64 {
    env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
}

fn configuration(sink: &Sink) -> Desk {
    configured(sink, "")
}

/// The same for a platform that must not be sent anything twice.
#[cfg(feature = "failpoints")]
fn at_most_once(sink: &Sink) -> Desk {
    configured(sink, "on_ambiguous = \"dead\"\n")
}

fn configured(sink: &Sink, delivery: &str) -> Desk {
    Desk::with_config(&format!(
        "[store]\npath = \"hub.db\"\n[delivery]\nbackoff = {{ initial = \"5ms\", max = \"100ms\" }}\nmax_attempts = 1000\n{delivery}\
         [platforms.hook]\ntype = \"webhook\"\nurl = \"http://{}/x\"\nallow_http = true\nallow_private_networks = true\n",
        sink.address()
    ))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_killed_over_and_over_loses_nothing() {
    let cycles = number("NOTIFYHUB_CRASH_CYCLES", 8);
    let seed = number("NOTIFYHUB_CRASH_SEED", rand::random());
    let fresh = number("NOTIFYHUB_CRASH_ACCEPTED", 300);
    tell(&format!("crash: {cycles} cycles of {fresh}, seed {seed}"));
    let mut rng = SmallRng::seed_from_u64(seed);
    let sink = Sink::start(seed).await;
    let (desk, mut producer, mut kills) = (configuration(&sink), Producer::default(), 0);
    let mut at_kill = Vec::new();
    for cycle in 0..cycles {
        let numbers = producer.next(fresh);
        let kill = Kill::random(&mut rng);
        let engine = Engine::start(&desk, &kill);
        let told = engine.feed_until_killed(numbers, &kill).await;
        producer.acked.extend(told.acked);
        kills += u64::from(told.killed);
        at_kill.push(sink.mark().await);
        if (cycle + 1) % 25 == 0 {
            tell(&format!("crash: {} cycles, {} accepted, {kills} killed", cycle + 1, producer.acked.len()));
        }
    }
    sink.behave();
    // The last one accepts what is left, delivers everything, and ends by itself.
    let rest = producer.next(rng.random_range(1..=5));
    let ended = Engine::start(&desk, &Kill::Never).feed_until_empty(rest, Duration::from_secs(120)).await;
    producer.acked.extend(ended);
    let inspected = notifyhub::store::inspect(&desk.path().join("hub.db")).expect("the file can be read");
    assert_eq!(inspected.problems, Vec::<String>::new());
    let verdict = Oracle { producer: &producer, sink: &sink, kills: &at_kill }.verdict();
    tell(&format!("crash: {} accepted, {kills} killed: {verdict}", producer.acked.len()));
    assert_eq!(verdict.violations, Vec::<String>::new(), "seed {seed}");
    assert_eq!(producer.acked.len() as u64, producer.sent, "everything was accepted in the end");
}
