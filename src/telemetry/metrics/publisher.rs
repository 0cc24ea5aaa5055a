//! Passes what has changed on to the recorder of the `metrics` facade.

use metrics::{Label, SharedString, Unit};

use super::{
    names::{Kind, NAMES},
    numbers::{Numbers, Series, Value},
};
use crate::telemetry::{Board, EventBus, histogram::Filled};

/// Publishes a hub's metrics. Only differences are published, gauges too: several hubs of one process add up, and one
/// that has ended leaves nothing behind.
pub struct Publisher {
    board: Board,
    events: EventBus,
    published: Numbers,
}

impl Publisher {
    /// Nothing published yet; tells the recorder what there will be.
    pub fn new(board: Board, events: EventBus) -> Self {
        describe();
        Self { board, events, published: Numbers::default() }
    }

    /// Publishes what has changed since the last time.
    pub fn publish(&mut self) {
        let numbers = Numbers::read(&self.board, &self.events);
        for (series, value) in &numbers.0 {
            publish(series, self.published.0.get(series), value);
        }
        self.published = numbers;
    }
}

/// The last changes count too; what there was of anything is gone.
impl Drop for Publisher {
    fn drop(&mut self) {
        self.publish();
        for (series, value) in &self.published.0 {
            if let Value::Level(_) = value {
                publish(series, Some(value), &Value::Level(0.0));
            }
        }
    }
}

fn describe() {
    for metric in NAMES {
        let unit = if metric.name.ends_with("_seconds") { Unit::Seconds } else { Unit::Count };
        match metric.kind {
            Kind::Counter => metrics::describe_counter!(metric.name, unit, metric.help),
            Kind::Gauge => metrics::describe_gauge!(metric.name, unit, metric.help),
            Kind::Histogram(_) => metrics::describe_histogram!(metric.name, unit, metric.help),
        }
    }
}

fn publish((name, labels): &Series, before: Option<&Value>, now: &Value) {
    let labels: Vec<Label> =
        labels.iter().map(|(key, value)| Label::new(*key, SharedString::from_owned(value.clone()))).collect();
    match (now, before) {
        (Value::Count(now), before) => {
            let before = if let Some(Value::Count(before)) = before { *before } else { 0 };
            metrics::counter!(*name, labels).increment(now.saturating_sub(before));
        }
        (Value::Level(now), before) => {
            let before = if let Some(Value::Level(before)) = before { *before } else { 0.0 };
            metrics::gauge!(*name, labels).increment(now - before);
        }
        (Value::Distribution(now), before) => {
            let before = if let Some(Value::Distribution(before)) = before { before.as_slice() } else { &[] };
            let histogram = metrics::histogram!(*name, labels);
            for (index, filled) in now.iter().enumerate() {
                let before = before.get(index).copied().unwrap_or_default();
                if let Some((mean, count)) = difference(before, *filled) {
                    histogram.record_many(mean, count);
                }
            }
        }
    }
}

/// What is new in a bucket: how many values, and their mean. The sum stays true, and the bucket the same.
fn difference(before: Filled, now: Filled) -> Option<(f64, usize)> {
    let count = now.count.checked_sub(before.count).filter(|count| *count > 0)?;
    Some(((now.sum - before.sum) / count as f64, usize::try_from(count).unwrap_or(usize::MAX)))
}
