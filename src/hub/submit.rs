//! From a notification to stored tasks.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use super::{Accepted, Batch, Hub, HubError, Inner, accepted::in_batch};
use crate::{
    config::Order,
    event::EventKind,
    routing::{Further, Route, TargetMistake, resolve},
    store::{Enqueued, Keys, Submission, UrlPlatform},
    task::{Failover, Head, Notification, NotificationId, Outcome, Step, Target, Task, TaskId},
};

/// Longest time over which content is compared.
const DEDUPE_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Notifications stored in one call of the store.
const SUBMISSIONS_PER_CALL: usize = 256;

impl Hub {
    /// Accepts a notification: when this returns, it and all its tasks are stored, as safely as
    /// [`Accepted::durability`] says. Delivery goes on by itself.
    ///
    /// # Errors
    ///
    /// [`HubError`]: a target that cannot be sent to, a reused idempotency key, a store that takes nothing, a hub that shuts
    /// down. Nothing is stored then.
    ///
    /// # Backpressure
    ///
    /// While as many tasks wait as the store takes, this waits for room, in line behind those who came before;
    /// [`try_send`](Hub::try_send) does not. A hub that delivers nothing makes no room, and refuses.
    ///
    /// # Cancellation
    ///
    /// Dropped, the notification is stored with all its tasks or not at all; dropped while it waits in line, not at all.
    pub async fn send(&self, notification: Notification) -> Result<Accepted, HubError> {
        let (submission, accepted, key) = self.prepared(notification)?;
        let enqueued = self.enqueue(submission).await?;
        self.confirm(accepted, enqueued.into_iter().next(), key).await
    }

    /// The same without waiting for room.
    ///
    /// # Errors
    ///
    /// As [`send`](Hub::send), and [`HubError::Busy`] with a time to come back.
    pub async fn try_send(&self, notification: Notification) -> Result<Accepted, HubError> {
        let (submission, accepted, key) = self.prepared(notification)?;
        let enqueued = self.enqueue_now(vec![submission]).await?;
        self.confirm(accepted, enqueued.into_iter().next(), key).await
    }

    /// Accepts a notification in a transaction of the caller's own, on the database that is the hub's store: it is accepted
    /// if and when he commits, and with it whatever else he writes. Whichever node finds it then delivers it, within a
    /// second or so. Keys hold as ever; whoever comes with the same idempotency key waits for the commit.
    ///
    /// # Errors
    ///
    /// [`HubError`], as [`send`](Hub::send), and where the store is no PostgreSQL database. After [`HubError::Store`] the
    /// transaction cannot be used any more.
    #[cfg(feature = "postgres")]
    pub async fn enqueue_in(
        &self,
        transaction: &tokio_postgres::Transaction<'_>,
        notification: Notification,
    ) -> Result<NotificationId, HubError> {
        let submission = self.submission(notification)?;
        let (id, key) = (submission.head.id, key_of(&submission));
        let enqueued = self.inner.store.enqueue_in(transaction, &[submission]).await?;
        match enqueued.into_iter().next().expect("a store answers for every submission") {
            Enqueued::Stored | Enqueued::StoredInstead(_) => Ok(id),
            Enqueued::Known(first) => Ok(first),
            Enqueued::Conflict(first) => Err(HubError::Conflict { key: key.unwrap_or_default(), first }),
        }
    }

    /// What is to be stored, what its caller will hold, and his key.
    fn prepared(&self, notification: Notification) -> Result<(Submission, Accepted, Option<Arc<str>>), HubError> {
        let submission = self.submission(notification)?;
        let (accepted, key) = (self.accepted(&submission), key_of(&submission));
        Ok((submission, accepted, key))
    }

    /// Sends and waits for the outcome in one.
    ///
    /// # Errors
    ///
    /// As [`send`](Hub::send), and [`OutcomeError`](super::OutcomeError) as [`HubError::Outcome`].
    pub async fn deliver(&self, notification: Notification) -> Result<Arc<Outcome>, HubError> {
        Ok(self.send(notification).await?.outcome().await?)
    }

    /// Accepts many notifications. All are checked before the first is stored; they are stored in groups, in order.
    ///
    /// # Errors
    ///
    /// [`HubError::InBatch`] names the first notification that was refused; nothing is stored then. What only the store can
    /// tell: that it cannot be used ([`HubError::Store`]), and that an idempotency key was used for other content; what it had
    /// taken by then stays accepted. While the store is full, this waits for room as [`send`](Hub::send) does.
    pub async fn send_all(&self, notifications: impl IntoIterator<Item = Notification>) -> Result<Batch, HubError> {
        let checked = notifications.into_iter().enumerate();
        let submissions: Result<Vec<_>, _> =
            checked.map(|(index, one)| self.submission(one).map_err(|error| in_batch(index, error))).collect();
        let mut accepted = Vec::new();
        let mut rest = submissions?.into_iter().peekable();
        while rest.peek().is_some() {
            let group: Vec<_> = rest.by_ref().take(SUBMISSIONS_PER_CALL).collect();
            let keyed = |one: &Submission| (self.accepted(one), key_of(one));
            let receipts: Vec<_> = group.iter().map(keyed).collect();
            let enqueued = self.enqueue_all(group).await?;
            for ((receipt, key), enqueued) in receipts.into_iter().zip(enqueued) {
                let index = accepted.len();
                let confirmed = self.confirm(receipt, Some(enqueued), key).await;
                accepted.push(confirmed.map_err(|error| in_batch(index, error))?);
            }
        }
        Ok(Batch { accepted })
    }

    /// Checks a notification and turns it into what the store keeps.
    fn submission(&self, notification: Notification) -> Result<Submission, HubError> {
        if self.is_closing() {
            return Err(HubError::ShuttingDown);
        }
        let routes = self.routes(&notification.to)?;
        if notification.order_key.is_some() {
            without_steps(&routes)?;
        }
        if routes.len() > TaskId::PER_NOTIFICATION_MAX {
            return Err(HubError::TooManyTargets(routes.len()));
        }
        let wall = self.inner.clock.wall();
        let idempotency = notification.idempotency_key.clone().map(|key| (key, content_hash(&notification)));
        let dedupe = notification.dedupe.map(|window| (message_hash(&notification), window.min(DEDUPE_MAX)));
        let numbered = || (0..).zip(&routes);
        let goes_first = |route: &Route| route.entry.delivery.order == Order::Newest;
        let keys = Keys {
            order: notification.order_key.clone(),
            replace: notification.replace_key.clone(),
            dedupe,
            newest_first: numbered().filter(|(_, route)| goes_first(route)).map(|(index, _)| index).collect(),
        };
        let head = Arc::new(Head {
            id: self.inner.ids.notification(wall),
            correlation: notification.correlation_id,
            accepted_at: wall,
            not_before: notification.not_before,
            expires_at: notification.expires.map(|expiry| expiry.moment(wall)),
            message: Arc::new(notification.message),
            failovers: numbered().filter_map(|(index, route)| failover(index, route)).collect(),
        });
        let url_platform = |route: &Route| {
            let (url, trusted) = route.entry.url.clone()?;
            Some(UrlPlatform { name: route.entry.name.clone(), url, trusted })
        };
        let further = routes.iter().filter_map(|route| route.further.as_ref()).flat_map(|further| &further.steps);
        let urls = routes.iter().chain(further).filter_map(url_platform).collect();
        let tasks = numbered().map(|(index, route)| Arc::new(task(index, route, &head))).collect();
        Ok(Submission { head, tasks, idempotency, keys, urls })
    }

    fn routes(&self, targets: &[Arc<str>]) -> Result<Vec<Route>, HubError> {
        let Inner { directory, urls, .. } = &*self.inner;
        let Err(mut mistakes) = urls.make_known(directory, targets) else {
            return resolve(&directory.load(), targets).map_err(HubError::Targets);
        };
        let is_url = |text: &str| matches!(text.parse(), Ok(Target::Url(_)));
        let others: Vec<_> = targets.iter().filter(|text| !is_url(text)).cloned().collect();
        if !others.is_empty() {
            mistakes.extend(resolve(&directory.load(), &others).err().unwrap_or_default());
        }
        Err(HubError::Targets(mistakes))
    }

    fn accepted(&self, submission: &Submission) -> Accepted {
        Accepted {
            id: submission.head.id,
            durability: self.inner.store.durability(),
            correlation_id: submission.head.correlation_id(),
            tasks: submission.tasks.clone(),
            store: self.inner.store.clone(),
            clock: self.inner.clock.clone(),
            shared: self.inner.urls.shared,
            waiter: self.inner.replies.register(submission.head.id),
        }
    }

    /// What the caller is told about what the store did.
    async fn confirm(&self, accepted: Accepted, enqueued: Option<Enqueued>, key: Option<Arc<str>>) -> Result<Accepted, HubError> {
        match enqueued.expect("a store answers for every submission") {
            stored @ (Enqueued::Stored | Enqueued::StoredInstead(_)) => {
                let (notification, tasks) = (accepted.id, accepted.tasks.len());
                let event = || (Some(accepted.correlation_id.clone()), EventKind::Accepted { notification, tasks });
                self.inner.board.engine.accepted.fetch_add(1, Relaxed);
                self.inner.events.publish(event);
                if let Enqueued::StoredInstead(cancelled) = stored {
                    for reached in cancelled.iter().cloned() {
                        self.tell_cancelled(reached).await;
                    }
                }
                Ok(accepted)
            }
            Enqueued::Known(first) => {
                let waiter = self.inner.replies.register(first);
                Ok(Accepted { id: first, tasks: Arc::new([]), waiter, ..accepted })
            }
            Enqueued::Conflict(first) => Err(HubError::Conflict { key: key.unwrap_or_default(), first }),
        }
    }
}

fn key_of(submission: &Submission) -> Option<Arc<str>> {
    submission.idempotency.as_ref().map(|(key, _)| key.clone())
}

fn task(index: u32, route: &Route, head: &Arc<Head>) -> Task {
    let begins = head.not_before.map_or(head.accepted_at, |moment| moment.max(head.accepted_at));
    let ways = head.failovers.iter().find(|ways| ways.task == index);
    let until = ways.and_then(|ways| ways.until(0, begins));
    let (lane, recipient) = (route.lane.clone(), route.recipient.clone());
    Task { id: head.id.task(index), index, head: head.clone(), lane, recipient, until }
}

/// The ways of a task, if it has several.
fn failover(index: u32, route: &Route) -> Option<Failover> {
    let Further { name, step_timeout, steps } = route.further.as_ref()?;
    let step = |route: &Route| Step { lane: route.lane.clone(), recipient: route.recipient.clone() };
    let steps = [route].into_iter().chain(steps).map(step).collect();
    Some(Failover { task: index, route: name.clone(), step_timeout: *step_timeout, steps })
}

/// An order is kept on one platform: what may go to another one has none.
fn without_steps(routes: &[Route]) -> Result<(), HubError> {
    let mistakes = routes.iter().filter_map(|route| route.further.as_ref()).map(|further| TargetMistake {
        target: format!("@{}", further.name),
        reason: "a route may lead to other platforms, and an order key holds on one: name a platform, or give no order key"
            .into(),
    });
    let mistakes: Vec<_> = mistakes.collect();
    if mistakes.is_empty() { Ok(()) } else { Err(HubError::Targets(mistakes)) }
}

/// A hash of everything a caller asked for but the key; the same in every process.
fn content_hash(notification: &Notification) -> u64 {
    stable_hash(&format!("{:?}", Notification { idempotency_key: None, ..notification.clone() }))
}

/// A hash of what is said.
fn message_hash(notification: &Notification) -> u64 {
    stable_hash(&format!("{:?}", notification.message))
}

fn stable_hash(content: &str) -> u64 {
    let hash = ring::digest::digest(&ring::digest::SHA256, content.as_bytes());
    hash.as_ref().iter().take(8).fold(0, |hash, byte| (hash << 8) | u64::from(*byte))
}
