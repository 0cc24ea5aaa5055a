//! What a task waits for, in plain words.

use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;

use super::{Hub, HubError};
use crate::{
    dispatch::{Command, Place},
    store::{ListedTask, TaskFilter},
    task::{LaneKey, TargetOutcome, TaskId, TaskState},
    telemetry::{Parked, ParkedBy},
};

/// Tasks before one that are counted at most.
const COUNTED_MAX: usize = 10_000;

impl Hub {
    /// What happened to a task, and what it waits for now, in plain words; `None` if it is not known (any more). What other nodes
    /// of a shared store do with it is not known here.
    ///
    /// # Errors
    ///
    /// [`HubError::Store`] if the store cannot be read.
    pub async fn explain(&self, task: TaskId) -> Result<Option<String>, HubError> {
        let filter = TaskFilter { ids: vec![task], ..TaskFilter::default() };
        let page = self.tasks(&filter, None, 1).await?;
        match page.tasks.first() {
            Some(listed) => Ok(Some(self.explained(listed).await)),
            None => Ok(None),
        }
    }

    /// The same, of one that was looked up.
    pub(crate) async fn explained(&self, listed: &ListedTask) -> String {
        let (state, task) = (listed.outcome.state, listed.outcome.task);
        let place = if state.is_final() { None } else { self.place(listed).await };
        let mut before = None;
        if state == TaskState::Waiting && matches!(place, None | Some(Place::Stored { .. })) {
            // How many there are is not worth an error.
            before = self.inner.store.waiting_before(task, COUNTED_MAX).await.ok().flatten();
        }
        explained(listed, place.as_ref(), before, self.inner.clock.wall())
    }

    async fn place(&self, listed: &ListedTask) -> Option<Place> {
        let (answer, place) = oneshot::channel();
        // Where nothing is delivered nobody answers, and it is nowhere but in the store.
        self.inner.commands.send(Command::Place(listed.outcome.task, self.lane_of(listed)?, answer)).await.ok()?;
        place.await.ok().flatten()
    }

    /// Its lane; none if its platform is not configured (any more).
    fn lane_of(&self, listed: &ListedTask) -> Option<LaneKey> {
        let TargetOutcome { platform, recipient, .. } = &listed.outcome;
        let directory = self.inner.directory.load();
        let entry = directory.platforms.get(platform)?;
        Some(LaneKey { platform: platform.clone(), part: entry.platform.lane(recipient.as_deref()).map(Into::into) })
    }
}

/// One sentence on what happened, and one on what comes next.
fn explained(listed: &ListedTask, place: Option<&Place>, before: Option<usize>, now: SystemTime) -> String {
    let outcome = &listed.outcome;
    let way = outcome.way().map(|way| format!("{way}, now by {}; ", outcome.target())).unwrap_or_default();
    let tries = match outcome.attempts.last() {
        None => "not tried yet".to_owned(),
        Some(last) => {
            let times = if last.number == 1 { "once".to_owned() } else { format!("{} times", last.number) };
            match &last.result {
                Ok(_) => format!("tried {times}, and delivered"),
                Err(error) => format!("tried {times}, the last time in vain: {error}"),
            }
        }
    };
    let next = match outcome.state {
        TaskState::Delivered => return format!("{way}{tries}"),
        TaskState::Dead => format!("dead: {}", outcome.reason()),
        TaskState::Expired => "it expired before it could be delivered".to_owned(),
        TaskState::Cancelled => "somebody cancelled it".to_owned(),
        _ => waits(listed, place, before, now),
    };
    format!("{way}{tries}; {next}")
}

/// What it waits for; `before` are those before it in the store.
fn waits(listed: &ListedTask, place: Option<&Place>, before: Option<usize>, now: SystemTime) -> String {
    let due = listed.due.and_then(|due| due.duration_since(now).ok()).filter(|left| !left.is_zero());
    match (place, due) {
        (Some(Place::UnderWay { worker, since }), _) => format!("worker {worker} has had it for {}", span(*since)),
        (Some(Place::Queued { lane, before, parked, limit }), _) => {
            let reason = match (parked, limit) {
                (Some(parked), _) => on(parked, &lane.to_string()),
                (None, Some(limit)) => format!("{limit} are under way to {lane}, which is as many as it bears"),
                (None, None) => format!("waits for a worker to send it to {lane}"),
            };
            format!("{reason}; {before} before it")
        }
        (_, Some(left)) => format!("waits in the store until its time comes in {}", span(left)),
        (_, None) if listed.outcome.state == TaskState::Leased => "a node has claimed it".to_owned(),
        (stored, None) => {
            let (held, reason) = match stored {
                Some(Place::Stored { elsewhere: true, .. }) => {
                    (0, format!("waits for the node that keeps the limit of {}", listed.outcome.platform))
                }
                Some(Place::Stored { held, parked: Some(parked), .. }) => (*held, on(parked, listed.outcome.platform.as_str())),
                Some(Place::Stored { held, .. }) => (*held, "waits in the store for its turn".to_owned()),
                _ => (0, "waits in the store for its turn".to_owned()),
            };
            match before {
                Some(COUNTED_MAX..) => format!("{reason}; more than {COUNTED_MAX} before it"),
                Some(before) => format!("{reason}; {} before it", held + before),
                None => reason,
            }
        }
    }
}

fn on(parked: &Parked, lane: &str) -> String {
    let left = parked.left.map(|left| format!(", for {} more", span(left))).unwrap_or_default();
    match parked.by {
        ParkedBy::Paused => format!("parked: somebody paused {lane}"),
        ParkedBy::Breaker => format!("parked: {lane} failed too often in a row and is left alone{left}"),
        ParkedBy::Suspended => {
            format!("parked: {lane} refuses the credentials or the account, and is tried again in a while{left}")
        }
        ParkedBy::RetryAfter => format!("parked: {lane} asked to be left alone{left}"),
        ParkedBy::RateLimit => format!("parked: the rate limit of {lane} is used up{left}"),
        ParkedBy::Recipient => format!("parked: its recipient on {lane} may not be sent to yet{left}"),
        ParkedBy::Backoff => format!("parked: its last attempt on {lane} failed, and the next one waits{left}"),
        ParkedBy::LearnedRate => format!("parked: {lane} was found to let no more through{left}"),
    }
}

/// Short, for people: tenths of seconds, whole seconds from ten on, minutes and hours.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use notifyhub_platforms::contract::SendError;

    use super::*;
    use crate::task::{Attempt, CorrelationId};

    #[test]
    fn what_a_task_waits_for_is_told_in_plain_words() {
        let now = SystemTime::UNIX_EPOCH;
        let attempt =
            |number, result| Attempt { number, started_at: now, took: Duration::from_millis(5), node: None, worker: 0, result };
        let task: TaskId = "01a21bac-10a3-7000-8000-010000000001".parse().expect("an id");
        let mut listed = ListedTask {
            outcome: TargetOutcome {
                left: Vec::new(),
                task,
                platform: "ops".parse().expect("a name"),
                recipient: None,
                state: TaskState::Waiting,
                dead: None,
                attempts: Vec::new(),
            },
            correlation_id: CorrelationId::Own(task.notification()),
            accepted_at: now,
            due: None,
        };
        let lane = LaneKey::whole("ops".parse().expect("a name"));
        let queued = |parked, limit| Place::Queued { lane: lane.clone(), before: 312, parked, limit };
        let parked = |by| Some(Parked { by, left: (by != ParkedBy::Paused).then_some(Duration::from_millis(400)) });
        assert_eq!(
            explained(&listed, Some(&queued(parked(ParkedBy::RateLimit), None)), None, now),
            "not tried yet; parked: the rate limit of ops is used up, for 0.4 s more; 312 before it"
        );
        assert_eq!(
            explained(&listed, Some(&queued(None, Some(16))), None, now),
            "not tried yet; 16 are under way to ops, which is as many as it bears; 312 before it"
        );
        let stored = |parked, elsewhere| Place::Stored { held: 3, parked, elsewhere };
        for (place, before, expected) in [
            (
                stored(parked(ParkedBy::RateLimit), false),
                Some(309),
                "parked: the rate limit of ops is used up, for 0.4 s more; 312 before it",
            ),
            (stored(parked(ParkedBy::Paused), false), None, "parked: somebody paused ops"),
            (stored(None, true), Some(309), "waits for the node that keeps the limit of ops; 309 before it"),
            (stored(None, false), Some(10_000), "waits in the store for its turn; more than 10000 before it"),
        ] {
            assert_eq!(explained(&listed, Some(&place), before, now), format!("not tried yet; {expected}"));
        }
        listed.outcome.attempts = vec![attempt(3, Err(SendError::unavailable("down").with_code("503")))];
        listed.due = Some(now + Duration::from_secs(200));
        assert_eq!(
            explained(&listed, None, None, now),
            "tried 3 times, the last time in vain: unavailable (503): down; waits in the store until its time comes in 3 min"
        );
        listed.outcome.state = TaskState::Delivered;
        listed.outcome.attempts.push(attempt(4, Ok(notifyhub_platforms::contract::Receipt::accepted())));
        assert_eq!(explained(&listed, None, None, now), "tried 4 times, and delivered");
        listed.outcome.state = TaskState::Cancelled;
        listed.outcome.attempts.clear();
        assert_eq!(explained(&listed, None, None, now), "not tried yet; somebody cancelled it");
    }
}
