//! Every named point, killed at on purpose: what was answered before arrives, and nothing arrives too often.

use std::time::Duration;

use super::{
    Producer, at_most_once, configuration,
    engine::{Engine, Kill, POINTS},
    oracle::Oracle,
    sink::Sink,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_at_any_named_point_loses_nothing() {
    // A task that is under way in five deaths is ended on purpose.
    let times = super::number("NOTIFYHUB_CRASH_TIMES", 1).min(4);
    for point in POINTS {
        let sink = Sink::start(7).await;
        let (desk, mut producer, mut kills, mut died) = (configuration(&sink), Producer::default(), Vec::new(), 0);
        for time in 0..times {
            // These two are come by once, at the start.
            let hit = if point.starts_with("migrate") || point.starts_with("rescue") { 1 } else { 1 + 7 * time };
            let kill = Kill::At(format!("{point}:{hit}"));
            let told = Engine::start(&desk, &kill).feed_until_killed(producer.next(60), &kill).await;
            died += u64::from(told.killed);
            producer.acked.extend(told.acked);
            kills.push(sink.mark().await);
        }
        assert_eq!(died, times, "{point} is come by");
        sink.behave();
        let rest = producer.next(1);
        let ended = Engine::start(&desk, &Kill::Never).feed_until_empty(rest, Duration::from_secs(60)).await;
        producer.acked.extend(ended);
        let verdict = Oracle { producer: &producer, sink: &sink, kills: &kills }.verdict();
        assert_eq!(verdict.violations, Vec::<String>::new(), "{point}");
        crate::command::tell(&format!("crash: {point}: {times} times, {} accepted, {verdict}", producer.acked.len()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_must_not_be_sent_twice_is_not_whenever_its_process_dies() {
    for (point, arrives) in [("begin.in_tx", 1), ("begin.committed", 0), ("send.connecting", 0), ("send.answered", 1)] {
        let sink = Sink::start(7).await;
        sink.behave();
        let (desk, mut producer) = (at_most_once(&sink), Producer::default());
        let kill = Kill::At(point.to_owned());
        let told = Engine::start(&desk, &kill).feed_until_killed(producer.next(1), &kill).await;
        assert!(told.killed, "{point} is come by");
        sink.mark().await;
        Engine::start(&desk, &Kill::Never).feed_until_empty(Vec::new(), Duration::from_secs(60)).await;
        let seen: usize = sink.seen().values().map(|seen| seen.taken.len()).sum();
        assert_eq!(seen, arrives, "{point}");
        let listed = desk.run("dead list -o json");
        let ambiguous = listed.out.contains("may have arrived, and is not to be sent twice");
        assert_eq!(ambiguous, point != "begin.in_tx", "{point}: {}", listed.out);
    }
}
