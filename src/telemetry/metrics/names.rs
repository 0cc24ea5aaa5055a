//! The metrics there are: their names are promises, because dashboards and alerts are built on them.

use crate::telemetry::histogram::Scale;

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Name {
    /// As it is exported.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: Kind,
    /// What it tells.
    pub help: &'static str,
}

/// What kind of number a metric is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution.
    Histogram(Scale),
}

const fn counter(name: &'static str, help: &'static str) -> Name {
    Name { name, kind: Kind::Counter, help }
}

const fn gauge(name: &'static str, help: &'static str) -> Name {
    Name { name, kind: Kind::Gauge, help }
}

const fn histogram(name: &'static str, scale: Scale, help: &'static str) -> Name {
    Name { name, kind: Kind::Histogram(scale), help }
}

pub(super) const ACCEPTED: Name = counter("notifyhub_accepted_total", "Notifications accepted.");
pub(super) const DELIVERIES: Name = counter("notifyhub_deliveries_total", "Tasks that ended, by outcome.");
pub(super) const ATTEMPTS: Name =
    counter("notifyhub_attempts_total", "Attempts, by what came of them: ok, or the kind of error.");
pub(super) const DELIVERY_DURATION: Name =
    histogram("notifyhub_delivery_duration_seconds", Scale::DURATIONS, "How long an attempt took.");
pub(super) const ACCEPT_TO_DELIVERED: Name = histogram(
    "notifyhub_accept_to_delivered_seconds",
    Scale::DURATIONS,
    "From the acceptance of a notification to the settled delivery of a task of it.",
);
pub(super) const LANE_WAITING: Name = gauge("notifyhub_lane_waiting", "Tasks claimed from the store that wait for their turn.");
pub(super) const OLDEST_WAITING: Name = gauge("notifyhub_oldest_waiting_seconds", "Age of the oldest of them.");
pub(super) const IN_FLIGHT: Name = gauge("notifyhub_in_flight", "Tasks with workers.");
pub(super) const CONCURRENCY_LIMIT: Name = gauge("notifyhub_concurrency_limit", "Sends that one lane may have under way.");
pub(super) const BREAKER_STATE: Name =
    gauge("notifyhub_breaker_state", "Lanes, by state of their circuit breakers: closed, half-open, open or suspended.");
pub(super) const BATCH_TASKS: Name = histogram("notifyhub_batch_tasks", Scale::SIZES, "Tasks given to a worker at once.");
pub(super) const WORKERS: Name = gauge("notifyhub_workers", "Workers, by state.");
pub(super) const POOL_LOAD: Name = gauge("notifyhub_pool_load", "How busy the workers' slots are, from 0 to 1.");
pub(super) const SCALINGS: Name = counter("notifyhub_scalings_total", "Changes of the pool's size, by direction and reason.");
pub(super) const WORKER_RESTARTS: Name = counter("notifyhub_worker_restarts_total", "Workers started in place of a lost one.");
pub(super) const STORE_COMMIT: Name =
    histogram("notifyhub_store_commit_seconds", Scale::DURATIONS, "How long the store took to write a group of outcomes.");
pub(super) const STORE_GROUP: Name = histogram("notifyhub_store_group_tasks", Scale::SIZES, "Outcomes written at once.");
pub(super) const DEAD: Name = counter("notifyhub_dead_total", "Tasks that died, by reason.");
pub(super) const EVENTS_DROPPED: Name =
    counter("notifyhub_events_dropped_total", "Events dropped because the broadcaster was too far behind.");

/// All metrics.
pub const NAMES: [Name; 19] = [
    ACCEPTED,
    DELIVERIES,
    ATTEMPTS,
    DELIVERY_DURATION,
    ACCEPT_TO_DELIVERED,
    LANE_WAITING,
    OLDEST_WAITING,
    IN_FLIGHT,
    CONCURRENCY_LIMIT,
    BREAKER_STATE,
    BATCH_TASKS,
    WORKERS,
    POOL_LOAD,
    SCALINGS,
    WORKER_RESTARTS,
    STORE_COMMIT,
    STORE_GROUP,
    DEAD,
    EVENTS_DROPPED,
];
