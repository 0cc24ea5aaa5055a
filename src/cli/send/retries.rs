//! Tells of every attempt that failed and is made again, so that nobody waits without knowing for what.

use std::{pin::pin, time::Duration};

use crate::{
    cli::exit::note,
    event::{Event, EventKind},
    telemetry::EventStream,
};

/// Runs `work`, and meanwhile writes a line to stderr for every retry among `events`.
pub async fn told_while<T>(work: impl Future<Output = T>, events: Option<EventStream>) -> T {
    let mut work = pin!(work);
    let Some(mut events) = events else { return work.await };
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            event = events.next() => match event {
                Some(Ok(event)) => note(&told(&event)),
                _ => return work.await,
            },
        }
    }
}

/// `ops: attempt 1 failed, trying again in 1.4 s: unavailable: …`; empty for anything but a retry.
fn told(event: &Event) -> String {
    let EventKind::Retrying { platform, attempt, due, error, .. } = &event.kind else { return String::new() };
    let wait = due.duration_since(event.at).unwrap_or(Duration::ZERO).as_secs_f64();
    let line = format!("{platform}: attempt {attempt} failed, trying again in {wait:.1} s: {error}");
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use notifyhub_platforms::contract::SendError;

    use super::*;
    use crate::TaskId;

    #[test]
    fn a_retry_is_one_plain_line_and_anything_else_is_none() {
        let task = TaskId::from_bits(1);
        let platform: crate::PlatformName = "ops".parse().expect("a name");
        let at = SystemTime::UNIX_EPOCH;
        let of = |kind| told(&Event { number: 1, at, correlation_id: None, kind });
        let (due, error) = (at + Duration::from_millis(1400), SendError::unavailable("down\u{1b}[2J"));
        let retrying = EventKind::Retrying { task, platform: platform.clone(), attempt: 1, due, error };
        assert_eq!(of(retrying), "ops: attempt 1 failed, trying again in 1.4 s: unavailable: down [2J");
        assert_eq!(of(EventKind::Expired { task, platform }), "");
    }
}
