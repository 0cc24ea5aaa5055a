//! Taking in what was accepted: many submissions in one statement.

use std::sync::Arc;

use tokio_postgres::{Client, types::Type};
use uuid::Uuid;

use super::{
    core::{Core, token_column},
    failure::Failure,
    rows::{lane_text, place, state, uuid},
};
use crate::{
    store::{Lease, LeaseToken, Submission, codec},
    task::Task,
};

const INSERT: &str = "\
WITH me AS (SELECT id FROM notifyhub.node WHERE id = $1 FOR KEY SHARE), \
n AS (\
  INSERT INTO notifyhub.notification (id, tasks, accepted, not_before, expires, correlation, style, kind, title, body, extras) \
  SELECT * FROM unnest($3::uuid[], $4::int[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[], $9::smallint[], \
    $10::text[], $11::text[], $12::text[], $13::text[]) \
  ON CONFLICT (id) DO NOTHING RETURNING id, tasks), \
t AS (\
  INSERT INTO notifyhub.task (notification, place, lane, recipient, state, rank, due, wake, expires, node, token, chain, ord) \
  SELECT u.notification, u.place, u.lane, u.recipient, CASE WHEN u.token IS NOT NULL AND me.id IS NULL THEN 2 ELSE u.state END, \
    u.rank, u.due, CASE WHEN u.token IS NOT NULL AND me.id IS NULL THEN u.expires ELSE u.wake END, u.expires, \
    CASE WHEN u.token IS NOT NULL THEN me.id END, CASE WHEN me.id IS NOT NULL THEN u.token END, u.chain, u.ord \
  FROM unnest($14::uuid[], $15::int[], $16::text[], $17::text[], $18::smallint[], $19::bigint[], $20::bigint[], \
    $21::bigint[], $22::bigint[], $23::bigint[], $24::bigint[], $25::bigint[]) \
    AS u(notification, place, lane, recipient, state, rank, due, wake, expires, token, chain, ord) \
  JOIN n ON n.id = u.notification LEFT JOIN me ON true), \
f AS (INSERT INTO notifyhub.fanout (notification, open) SELECT id, tasks FROM n WHERE tasks > 1), \
c AS (\
  UPDATE notifyhub.tally SET accepted = accepted + (SELECT coalesce(sum(tasks), 0) FROM n) \
  WHERE node = $1 AND part = $2 AND EXISTS (SELECT FROM me)), \
g AS (\
  INSERT INTO notifyhub.tally (node, part, accepted) SELECT 0, 0, sum(tasks) FROM n \
  WHERE NOT EXISTS (SELECT FROM me) HAVING sum(tasks) > 0) \
SELECT EXISTS (SELECT FROM me)";

/// Notifications and tasks as columns.
#[derive(Default)]
pub struct Rows<'a> {
    id: Vec<Uuid>,
    tasks: Vec<i32>,
    accepted: Vec<i64>,
    not_before: Vec<Option<i64>>,
    expires: Vec<Option<i64>>,
    correlation: Vec<Option<&'a str>>,
    style: Vec<i16>,
    kind: Vec<Option<&'a str>>,
    title: Vec<Option<&'a str>>,
    body: Vec<&'a str>,
    extras: Vec<Option<String>>,
    of: Vec<Uuid>,
    place: Vec<i32>,
    lane: Vec<String>,
    recipient: Vec<Option<&'a str>>,
    state: Vec<i16>,
    rank: Vec<i64>,
    due: Vec<i64>,
    wake: Vec<Option<i64>>,
    task_expires: Vec<Option<i64>>,
    token: Vec<Option<i64>>,
    chain: Vec<Option<i64>>,
    ord: Vec<Option<i64>>,
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
        self.not_before.push(head.not_before.map(codec::nanos));
        self.expires.push(head.expires_at.map(codec::nanos));
        self.correlation.push(head.correlation.as_deref());
        self.style.push(i16::try_from(codec::style(message)).unwrap_or_default());
        self.kind.push(message.kind.as_deref());
        self.title.push(message.title.as_deref());
        self.body.push(&message.body);
        self.extras.push(codec::write_extras(message));
    }

    /// Takes in a task that is claimed as soon as it is stored.
    pub fn push_leased(&mut self, task: &'a Task, lane: String, rank: i64, token: LeaseToken) {
        self.push_task(task, lane, rank, (state::LEASED, 0, None), Some(token_column(token)), None);
    }

    /// Takes in a task that waits. Returns its state and when it wakes.
    pub fn push_waiting(&mut self, task: &'a Task, lane: String, rank: i64, now: i64, link: Option<Link>) -> (i16, Option<i64>) {
        let expires = task.head.expires_at.map(codec::nanos);
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
        self.recipient.push(task.recipient.as_deref());
        self.state.push(code);
        self.rank.push(rank);
        self.due.push(due);
        self.wake.push(wake);
        self.task_expires.push(task.head.expires_at.map(codec::nanos));
        self.token.push(token);
        self.chain.push(link.map(|link| link.chain));
        self.ord.push(link.map(|link| link.ord));
    }

    /// Stores them for node number `node`, which counts them as `part`; nothing of it a second time. Returns whether that
    /// node was not given up: if it was, nothing is claimed.
    pub async fn insert(&self, client: &Client, node: i32, part: i16) -> Result<bool, Failure> {
        let row = client
            .query_typed_one(
                INSERT,
                &[
                    (&node, Type::INT4),
                    (&part, Type::INT2),
                    (&self.id, Type::UUID_ARRAY),
                    (&self.tasks, Type::INT4_ARRAY),
                    (&self.accepted, Type::INT8_ARRAY),
                    (&self.not_before, Type::INT8_ARRAY),
                    (&self.expires, Type::INT8_ARRAY),
                    (&self.correlation, Type::TEXT_ARRAY),
                    (&self.style, Type::INT2_ARRAY),
                    (&self.kind, Type::TEXT_ARRAY),
                    (&self.title, Type::TEXT_ARRAY),
                    (&self.body, Type::TEXT_ARRAY),
                    (&self.extras, Type::TEXT_ARRAY),
                    (&self.of, Type::UUID_ARRAY),
                    (&self.place, Type::INT4_ARRAY),
                    (&self.lane, Type::TEXT_ARRAY),
                    (&self.recipient, Type::TEXT_ARRAY),
                    (&self.state, Type::INT2_ARRAY),
                    (&self.rank, Type::INT8_ARRAY),
                    (&self.due, Type::INT8_ARRAY),
                    (&self.wake, Type::INT8_ARRAY),
                    (&self.task_expires, Type::INT8_ARRAY),
                    (&self.token, Type::INT8_ARRAY),
                    (&self.chain, Type::INT8_ARRAY),
                    (&self.ord, Type::INT8_ARRAY),
                ],
            )
            .await?;
        Ok(row.try_get(0)?)
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
    let reserved = || core.arrivals().as_ref().is_some_and(|arrivals| arrivals.reserve(tasks.len()));
    rows.push(submission);
    let mut placed = Placed { fresh: Vec::new(), waits_on: Vec::new(), wake: None };
    if !due_later && nothing_older && reserved() {
        for (task, lane) in tasks.iter().zip(lanes) {
            let token = core.token(node);
            rows.push_leased(task, lane, rank, token);
            core.book().leases.insert(token);
            placed.fresh.push(Lease { token, task: Arc::clone(task), counted: 0, tries: 0 });
        }
        return placed;
    }
    for (task, lane) in tasks.iter().zip(lanes) {
        let (code, wake) = rows.push_waiting(task, lane.clone(), rank, now, None);
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
