//! Taking in what was accepted: many submissions in one statement.

use std::sync::{Arc, LazyLock};

use tokio_postgres::{Client, types::Type};
use uuid::Uuid;

use super::{
    core::{Core, token_column},
    failure::Failure,
    routines::{Routine, Sparse},
    rows::{lane_text, place, state, uuid},
};
use crate::{
    store::{Lease, LeaseToken, Submission, codec},
    task::Task,
};

/// Stores notifications with their tasks: all of them, or, if an earlier try did that whose answer was lost, none.
pub static ACCEPT: LazyLock<Routine> = LazyLock::new(|| {
    Routine::new(
        "accept",
        &[
            Type::INT4,
            Type::INT2,
            Type::UUID_ARRAY,
            Type::INT4_ARRAY,
            Type::INT8_ARRAY,
            Type::INT8_ARRAY,
            Type::INT8_ARRAY,
            Type::TEXT_ARRAY,
            Type::INT2_ARRAY,
            Type::TEXT_ARRAY,
            Type::TEXT_ARRAY,
            Type::TEXT_ARRAY,
            Type::TEXT_ARRAY,
            Type::UUID_ARRAY,
            Type::INT4_ARRAY,
            Type::TEXT_ARRAY,
            Type::TEXT_ARRAY,
            Type::INT2_ARRAY,
            Type::INT8_ARRAY,
            Type::INT8_ARRAY,
            Type::INT8_ARRAY,
            Type::INT8_ARRAY,
            Type::INT8_ARRAY,
            Type::INT8_ARRAY,
            Type::INT8_ARRAY,
        ],
        "boolean",
        INSERT,
    )
});

const INSERT: &str = "\
DECLARE alive boolean; added int; \
BEGIN \
  PERFORM FROM notifyhub.node WHERE id = $1 FOR KEY SHARE; \
  alive := FOUND; \
  INSERT INTO notifyhub.notification (id, tasks, accepted, not_before, expires, correlation, style, kind, title, body, extras) \
  SELECT unnest($3), unnest($4), unnest($5), unnest($6), unnest($7), unnest($8), unnest($9), unnest($10), unnest($11), \
    unnest($12), unnest($13) ON CONFLICT (id) DO NOTHING; \
  GET DIAGNOSTICS added = ROW_COUNT; \
  IF added = 0 THEN RETURN alive; END IF; \
  IF added < cardinality($3) THEN RAISE 'some of these notifications are stored already, and some are not'; END IF; \
  INSERT INTO notifyhub.task (notification, place, lane, recipient, state, rank, due, wake, expires, node, token, chain, ord) \
  SELECT u.notification, u.place, u.lane, u.recipient, CASE WHEN u.token IS NULL OR alive THEN u.state ELSE 2 END, u.rank, u.due, \
    CASE WHEN u.token IS NULL OR alive THEN u.wake ELSE u.expires END, u.expires, \
    CASE WHEN u.token IS NOT NULL AND alive THEN $1 END, CASE WHEN alive THEN u.token END, u.chain, u.ord \
  FROM (SELECT unnest($14) AS notification, unnest($15) AS place, unnest($16) AS lane, unnest($17) AS recipient, \
      unnest($18) AS state, unnest($19) AS rank, unnest($20) AS due, unnest($21) AS wake, unnest($22) AS expires, \
      unnest($23) AS token, unnest($24) AS chain, unnest($25) AS ord) u; \
  IF cardinality($14) > cardinality($3) THEN \
    INSERT INTO notifyhub.fanout (notification, open) SELECT u.id, u.tasks FROM unnest($3, $4) AS u(id, tasks) WHERE u.tasks > 1; \
  END IF; \
  IF alive THEN UPDATE notifyhub.tally SET accepted = accepted + cardinality($14) WHERE node = $1 AND part = $2; \
  ELSE INSERT INTO notifyhub.tally (node, part, accepted) VALUES (0, 0, cardinality($14)); END IF; \
  RETURN alive; \
END";

/// Notifications and tasks as columns.
#[derive(Default)]
pub struct Rows<'a> {
    id: Vec<Uuid>,
    tasks: Vec<i32>,
    accepted: Vec<i64>,
    not_before: Sparse<i64>,
    expires: Sparse<i64>,
    correlation: Sparse<&'a str>,
    style: Vec<i16>,
    kind: Sparse<&'a str>,
    title: Sparse<&'a str>,
    body: Vec<&'a str>,
    extras: Sparse<String>,
    of: Vec<Uuid>,
    place: Vec<i32>,
    lane: Vec<String>,
    recipient: Sparse<&'a str>,
    state: Vec<i16>,
    rank: Vec<i64>,
    due: Vec<i64>,
    wake: Sparse<i64>,
    task_expires: Sparse<i64>,
    token: Sparse<i64>,
    chain: Sparse<i64>,
    ord: Sparse<i64>,
}

/// The place of a task in its order.
#[derive(Clone, Copy)]
pub struct Link {
    pub chain: i64,
    pub ord: i64,
    /// Whether one before it is unfinished.
    pub held: bool,
}

impl<'a> Rows<'a> {
    /// Takes in a notification.
    pub fn push(&mut self, submission: &'a Submission) {
        let (head, message) = (&submission.head, &*submission.head.message);
        self.id.push(uuid(head.id));
        self.tasks.push(i32::try_from(submission.tasks.len()).unwrap_or(i32::MAX));
        self.accepted.push(codec::nanos(head.accepted_at));
        self.not_before.0.push(head.not_before.map(codec::nanos));
        self.expires.0.push(head.expires_at.map(codec::nanos));
        self.correlation.0.push(head.correlation.as_deref());
        self.style.push(i16::try_from(codec::style(message)).unwrap_or_default());
        self.kind.0.push(message.kind.as_deref());
        self.title.0.push(message.title.as_deref());
        self.body.push(&message.body);
        self.extras.0.push(codec::write_extras(message, &head.failovers));
    }

    /// Takes in a task that is claimed as soon as it is stored.
    pub fn push_leased(&mut self, task: &'a Task, lane: String, rank: i64, token: LeaseToken) {
        self.push_task(task, lane, rank, (state::LEASED, 0, None), Some(token_column(token)), None);
    }

    /// Takes in a task that waits. Returns its state and when it wakes.
    pub fn push_waiting(&mut self, task: &'a Task, lane: String, rank: i64, now: i64, link: Option<Link>) -> (i16, Option<i64>) {
        let expires = task.ends_at().map(codec::nanos);
        let due = task.head.not_before.map(codec::nanos).filter(|due| *due > now);
        let (code, wake) = match due {
            _ if link.is_some_and(|link| link.held) => (state::HELD, expires),
            Some(due) => (state::SCHEDULED, Some(expires.map_or(due, |expires| due.min(expires)))),
            None => (state::WAITING, expires),
        };
        self.push_task(task, lane, rank, (code, due.unwrap_or_default(), wake), None, link);
        (code, wake)
    }

    fn push_task(
        &mut self,
        task: &'a Task,
        lane: String,
        rank: i64,
        (code, due, wake): (i16, i64, Option<i64>),
        token: Option<i64>,
        link: Option<Link>,
    ) {
        self.of.push(uuid(task.head.id));
        self.place.push(place(task));
        self.lane.push(lane);
        self.recipient.0.push(task.recipient.as_deref());
        self.state.push(code);
        self.rank.push(rank);
        self.due.push(due);
        self.wake.0.push(wake);
        self.task_expires.0.push(task.ends_at().map(codec::nanos));
        self.token.0.push(token);
        self.chain.0.push(link.map(|link| link.chain));
        self.ord.0.push(link.map(|link| link.ord));
    }

    /// Stores them for node number `node`, which counts them as `part`; nothing of it a second time. Returns whether that
    /// node was not given up: if it was, nothing is claimed.
    pub async fn insert(&self, client: &Client, node: i32, part: i16) -> Result<bool, Failure> {
        let rows = ACCEPT
            .query(
                client,
                &[
                    &node,
                    &part,
                    &self.id,
                    &self.tasks,
                    &self.accepted,
                    &self.not_before,
                    &self.expires,
                    &self.correlation,
                    &self.style,
                    &self.kind,
                    &self.title,
                    &self.body,
                    &self.extras,
                    &self.of,
                    &self.place,
                    &self.lane,
                    &self.recipient,
                    &self.state,
                    &self.rank,
                    &self.due,
                    &self.wake,
                    &self.task_expires,
                    &self.token,
                    &self.chain,
                    &self.ord,
                ],
            )
            .await?;
        rows.first().map_or(Ok(false), |row| Ok(row.try_get(0)?))
    }
}

/// Platforms that came as URLs, with their tasks. They are written before: knowing one too many harms nobody.
pub async fn write_urls(client: &Client, core: &Core, submissions: &[Submission]) -> Result<(), Failure> {
    for url in submissions.iter().flat_map(|submission| &submission.urls) {
        if core.book().urls.contains(&url.name) {
            continue;
        }
        let sql = "INSERT INTO notifyhub.url (platform, url, trusted) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        let (name, secret) = (url.name.as_str(), url.url.expose());
        client.execute_typed(sql, &[(&name, Type::TEXT), (&secret, Type::TEXT), (&url.trusted, Type::BOOL)]).await?;
        core.book().urls.insert(url.name.clone());
    }
    Ok(())
}

/// A submission whose tasks go straight to the dispatcher, or wait.
pub struct Placed {
    /// What is handed over once it is stored.
    pub fresh: Vec<Lease>,
    /// Lanes on which something waits by it.
    pub waits_on: Vec<String>,
    /// When something of it wakes.
    pub wake: Option<i64>,
}

/// Places the tasks of one submission that asks for nothing else: straight to the dispatcher if it has room and nothing
/// older waits on their lanes.
pub fn place_plain<'a>(core: &Core, rows: &mut Rows<'a>, submission: &'a Submission, node: i32) -> Placed {
    let (head, tasks) = (&submission.head, &submission.tasks);
    let lanes: Vec<String> = tasks.iter().map(|task| lane_text(&task.lane)).collect();
    let now = core.now();
    let due_later = head.not_before.is_some_and(|due| codec::nanos(due) > now);
    let (rank, nothing_older) = {
        let mut book = core.book();
        let rank = book.ranks.next(head.accepted_at, head.message.priority);
        // What has become due by now is older than what comes.
        let due = book.next_wake <= now;
        (rank, !due && lanes.iter().all(|lane| !book.ready.contains(lane)))
    };
    let reserved = || core.arrivals().as_ref().is_some_and(|arrivals| arrivals.reserve(tasks));
    rows.push(submission);
    let mut placed = Placed { fresh: Vec::new(), waits_on: Vec::new(), wake: None };
    if !due_later && nothing_older && reserved() {
        for (task, lane) in tasks.iter().zip(lanes) {
            let token = core.token(node);
            rows.push_leased(task, lane, rank.of(submission.keys.goes_first(task)), token);
            core.book().leases.insert(token);
            placed.fresh.push(Lease { token, task: Arc::clone(task), counted: 0, tries: 0 });
        }
        return placed;
    }
    for (task, lane) in tasks.iter().zip(lanes) {
        let (code, wake) = rows.push_waiting(task, lane.clone(), rank.of(submission.keys.goes_first(task)), now, None);
        placed.note(code, lane, wake);
    }
    placed
}

impl Placed {
    /// Notes a task that waits.
    pub fn note(&mut self, code: i16, lane: String, wake: Option<i64>) {
        if code == state::WAITING {
            self.waits_on.push(lane);
        }
        self.wake = [self.wake, wake].into_iter().flatten().min();
    }
}
