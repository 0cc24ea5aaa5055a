//! How what was tried is written into a database, and the ways there are to try: one line of JSON each.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use notifyhub_platforms::contract::{Receipt, SendError};
use serde::{Deserialize, Serialize};

use super::{
    Settlement,
    codec::{Damaged, moment, nanos},
};
use crate::task::{Attempt, Disposition, Failover, LaneKey, PlatformName, Step, StepLeft, StepReason, Task};

/// What was tried, and which steps were left.
#[derive(Debug, Default, PartialEq)]
pub struct History {
    pub attempts: Vec<Attempt>,
    pub left: Vec<StepLeft>,
}

/// What a settlement at `wall` adds to the history of its task: a line for its attempt, and one for the step it leaves.
pub fn added(settlement: &Settlement, wall: SystemTime) -> String {
    let mut text = attempt(settlement);
    if let Disposition::NextStep(why) = settlement.disposition
        && let Some(left) = write_left(&settlement.task, wall, why)
    {
        text.push_str(if text.is_empty() { "" } else { "\n" });
        text.push_str(&left);
    }
    text
}

/// The attempt of a settlement, if one was made.
pub fn attempt(settlement: &Settlement) -> String {
    settlement.attempt.as_ref().map(write_attempt).unwrap_or_default()
}

/// The history that is written so.
pub fn read(text: &str) -> Result<History, Damaged> {
    let mut history = History::default();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match serde_json::from_str(line).map_err(|error| Damaged(error.to_string()))? {
            Line::Attempt(row) => history.attempts.push(row.attempt()?),
            Line::Left(LeftRow { route, left, at, why }) => {
                let reason = StepReason::from_word(&why).ok_or_else(|| Damaged(format!("no step is left for `{why}`")))?;
                let attempts = history.attempts.last().map_or(0, |last| last.number);
                history.left.push(StepLeft { route, target: left, attempts, at: moment(at), why: reason });
            }
        }
    }
    Ok(history)
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Left(LeftRow),
    Attempt(AttemptRow),
}

#[derive(Serialize, Deserialize)]
struct LeftRow {
    route: Arc<str>,
    left: Arc<str>,
    at: i64,
    why: String,
}

fn write_left(task: &Task, wall: SystemTime, why: StepReason) -> Option<String> {
    let left = task.step_left(0, wall, why)?;
    let row = LeftRow { route: left.route, left: left.target, at: nanos(wall), why: why.as_str().to_owned() };
    Some(serde_json::to_string(&row).expect("a step is JSON"))
}

#[derive(Serialize, Deserialize)]
struct AttemptRow {
    n: u32,
    at: i64,
    took: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    node: Option<Arc<str>>,
    worker: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    receipt: Option<Receipt>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<SendError>,
}

/// Times in nanoseconds.
fn write_attempt(attempt: &Attempt) -> String {
    let (receipt, error) = match attempt.result.clone() {
        Ok(receipt) => (Some(receipt), None),
        Err(error) => (None, Some(error)),
    };
    let took = u64::try_from(attempt.took.as_nanos()).unwrap_or(u64::MAX);
    let (n, at, node) = (attempt.number, nanos(attempt.started_at), attempt.node.clone());
    let row = AttemptRow { n, at, took, node, worker: attempt.worker, receipt, error };
    serde_json::to_string(&row).expect("an attempt is JSON")
}

impl AttemptRow {
    fn attempt(self) -> Result<Attempt, Damaged> {
        let result = match (self.receipt, self.error) {
            (Some(receipt), None) => Ok(receipt),
            (None, Some(error)) => Err(error),
            _ => return Err(Damaged(format!("attempt {} has neither receipt nor error, or both", self.n))),
        };
        let (started_at, took) = (moment(self.at), Duration::from_nanos(self.took));
        Ok(Attempt { number: self.n, started_at, took, node: self.node, worker: self.worker, result })
    }
}

/// The ways of a task.
#[derive(Serialize, Deserialize)]
pub struct FailoverRow {
    task: u32,
    route: Arc<str>,
    step_ms: u64,
    steps: Vec<StepRow>,
}

#[derive(Serialize, Deserialize)]
struct StepRow {
    platform: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    part: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recipient: Option<Arc<str>>,
}

impl From<&Failover> for FailoverRow {
    fn from(Failover { task, route, step_timeout, steps }: &Failover) -> Self {
        let step = |Step { lane, recipient }: &Step| StepRow {
            platform: lane.platform.to_string(),
            part: lane.part.clone(),
            recipient: recipient.clone(),
        };
        let step_ms = u64::try_from(step_timeout.as_millis()).unwrap_or(u64::MAX);
        Self { task: *task, route: route.clone(), step_ms, steps: steps.iter().map(step).collect() }
    }
}

impl From<FailoverRow> for Failover {
    fn from(FailoverRow { task, route, step_ms, steps }: FailoverRow) -> Self {
        let step = |StepRow { platform, part, recipient }: StepRow| Step {
            lane: LaneKey { platform: PlatformName::internal(platform), part },
            recipient,
        };
        Self { task, route, step_timeout: Duration::from_millis(step_ms), steps: steps.into_iter().map(step).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_comes_back_as_it_was() {
        let attempt = |number, result| Attempt {
            number,
            started_at: moment(1_700_000_000_123_456_789),
            took: Duration::from_nanos(1_234_567),
            node: (number == 2).then(|| "web1/4242".into()),
            worker: 3,
            result,
        };
        let error = SendError::rate_limited("slow down").with_code("429").with_retry_after(Some(Duration::from_secs(3)));
        let attempts = vec![attempt(1, Err(error)), attempt(2, Ok(Receipt::with_id("1.2").detail("line\nbreak")))];
        let row = LeftRow { route: "critical".into(), left: "ops:#a".into(), at: 7, why: "late".into() };
        let left = serde_json::to_string(&row).expect("a step is JSON");
        let text = [write_attempt(&attempts[0]), left, write_attempt(&attempts[1])].join("\n");
        let step = StepLeft { route: row.route, target: row.left, attempts: 1, at: moment(7), why: StepReason::Late };
        assert_eq!(read(&text).expect("whole"), History { attempts, left: vec![step] });
    }

    #[test]
    fn damage_is_named() {
        for (text, part) in [
            ("{", "damaged"),
            (r#"{"n":1,"at":0,"took":0,"worker":0}"#, "neither receipt nor error"),
            (r#"{"route":"r","left":"ops","at":0,"why":"boredom"}"#, "no step is left for `boredom`"),
        ] {
            assert!(read(text).expect_err(text).to_string().contains(part));
        }
    }
}
