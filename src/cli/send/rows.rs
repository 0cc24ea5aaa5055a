//! What is printed about each target.

use std::time::Duration;

use notifyhub_platforms::contract::{ErrorKind, Receipt};
use serde::Serialize;

use crate::{
    NotificationId, Outcome, TaskId, TaskState,
    task::{DeadReason, TargetOutcome},
};

/// What became of one target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The notification.
    pub notification: NotificationId,
    /// Its correlation id.
    pub correlation_id: String,
    /// The task.
    pub task: TaskId,
    /// The target as users write it.
    pub target: String,
    /// Where it stands.
    pub state: TaskState,
    /// Tries made.
    pub attempts: usize,
    /// From the start of the first try to the end of the last, in seconds.
    pub seconds: f64,
    /// The platform's receipt, if it was delivered.
    pub receipt: Option<Receipt>,
    /// Why it was not delivered; empty if it was.
    pub reason: String,
    /// The steps of its route that it has left, and why, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub way: Option<String>,
    /// What kind of failure the last try was, if it was one.
    pub error: Option<ErrorKind>,
    /// Whether the platform refused it for good.
    #[serde(skip)]
    pub refused: bool,
}

impl Row {
    /// One row per target of a notification.
    pub fn of_notification(outcome: &Outcome) -> impl Iterator<Item = Self> {
        outcome.targets.iter().map(|target| Self {
            notification: outcome.id,
            correlation_id: outcome.correlation_id.to_string(),
            task: target.task,
            target: target.target(),
            state: target.state,
            attempts: target.attempts.len(),
            seconds: span(target).as_secs_f64(),
            receipt: target.receipt().cloned(),
            reason: target.reason(),
            way: target.way(),
            error: target.error().map(notifyhub_platforms::contract::SendError::kind),
            refused: matches!(target.dead, Some(DeadReason::Refused(_))),
        })
    }

    /// One word on how it went.
    fn word(&self) -> &'static str {
        match self.state {
            TaskState::Delivered => "ok",
            TaskState::Dead => "failed",
            TaskState::Cancelled => "cancelled",
            TaskState::Expired => "expired",
            TaskState::Waiting | TaskState::Leased => "waiting",
        }
    }

    fn tries(&self) -> String {
        if self.attempts == 1 { "1 attempt".to_owned() } else { format!("{} attempts", self.attempts) }
    }

    fn way(&self) -> Option<String> {
        self.way.as_ref().map(|way| format!("({way})"))
    }

    /// The receipt or the reason, and by which way.
    fn detail(&self) -> String {
        let Some(receipt) = &self.receipt else {
            return [Some(self.reason.clone()), self.way()].into_iter().flatten().collect::<Vec<_>>().join(" ");
        };
        let id = receipt.id.as_ref().map(|id| format!("id={id}"));
        let parts = [id, receipt.detail.as_ref().map(ToString::to_string), self.way()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

/// From the start of the first try to the end of the last.
fn span(target: &TargetOutcome) -> Duration {
    let (Some(first), Some(last)) = (target.attempts.first(), target.attempts.last()) else { return Duration::ZERO };
    last.started_at.duration_since(first.started_at).unwrap_or_default() + last.took
}

/// `ok  ops:#alerts  1 attempt  0.12 s  id=…`, aligned, one line per row.
pub fn lines(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.target.chars().count()).max().unwrap_or_default();
    let words = rows.iter().map(|row| row.word().len()).max().unwrap_or_default();
    let tries = rows.iter().map(|row| row.tries().len()).max().unwrap_or_default();
    rows.iter().map(|row| line(row, [words, width, tries])).collect()
}

fn line(row: &Row, [words, width, tries]: [usize; 3]) -> String {
    let (word, target, tried) = (row.word(), &row.target, row.tries());
    let line = format!("{word:<words$}  {target:<width$}  {tried:<tries$}  {:.2} s  {}", row.seconds, row.detail());
    // What a platform answers must not steer a terminal.
    let plain: String = line.trim_end().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain + "\n"
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn row(state: TaskState, error: Option<ErrorKind>, refused: bool) -> Row {
        Row {
            notification: NotificationId::from_bits(1),
            correlation_id: "c".into(),
            task: TaskId::from_bits(2),
            target: "ops:#alerts".into(),
            state,
            attempts: 1,
            seconds: 0.123,
            receipt: None,
            reason: String::new(),
            way: None,
            error,
            refused,
        }
    }

    #[test]
    fn a_row_is_one_aligned_line_with_receipt_or_reason() {
        let receipt = Some(Receipt::with_id("m-1\u{1b}[2J").detail("#alerts"));
        let ok = Row { receipt, target: "a".into(), ..row(TaskState::Delivered, None, false) };
        let failed = Row { reason: "refused".into(), attempts: 3, ..row(TaskState::Dead, None, true) };
        assert_eq!(
            lines(&[ok, failed]),
            "ok      a            1 attempt   0.12 s  id=m-1 [2J #alerts\nfailed  ops:#alerts  3 attempts  0.12 s  refused\n"
        );
    }

    #[test]
    fn json_names_state_and_kind_of_error() {
        let row = row(TaskState::Waiting, Some(ErrorKind::Unavailable), false);
        let json = serde_json::to_value(row).expect("json");
        assert_eq!((&json["state"], &json["error"]), (&"waiting".into(), &"unavailable".into()));
    }
}
