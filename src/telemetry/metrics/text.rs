//! All metrics in Prometheus' text format, version 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
//!
//! # Why not the recorder of a library?
//!
//! A recorder takes a histogram sample by sample; ours are counted in buckets already, and a text of a hub that has
//! delivered a billion must cost what that of a new one costs.

use std::fmt::Write;

use super::{
    names::{Kind, NAMES, Name},
    numbers::{Numbers, Value},
};
use crate::telemetry::histogram::{Filled, Scale};

type Labels = [(&'static str, String)];

/// Every series, by metric, each metric with what it tells and what it is.
pub fn text(numbers: &Numbers) -> String {
    let mut out = String::new();
    for metric in NAMES {
        let series = numbers.0.iter().filter(|((name, _), _)| *name == metric.name);
        for (index, ((name, labels), value)) in series.enumerate() {
            if index == 0 {
                head(&mut out, metric);
            }
            match (value, metric.kind) {
                (Value::Count(count), _) => line(&mut out, name, "", labels, None, &count.to_string()),
                (Value::Level(level), _) => line(&mut out, name, "", labels, None, &level.to_string()),
                (Value::Distribution(buckets), Kind::Histogram(scale)) => histogram(&mut out, name, labels, scale, buckets),
                (Value::Distribution(_), Kind::Counter | Kind::Gauge) => {}
            }
        }
    }
    out
}

fn head(out: &mut String, metric: Name) {
    let kind = match metric.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram(_) => "histogram",
    };
    let Name { name, help, .. } = metric;
    out.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
}

/// Buckets count what is in them and in all smaller ones.
fn histogram(out: &mut String, name: &str, labels: &Labels, scale: Scale, buckets: &[Filled]) {
    let bounds = scale.bounds().into_iter().map(|bound| bound.to_string()).chain(["+Inf".to_owned()]);
    let mut count = 0;
    for (bound, bucket) in bounds.zip(buckets) {
        count += bucket.count;
        line(out, name, "_bucket", labels, Some(&bound), &count.to_string());
    }
    let sum: f64 = buckets.iter().map(|bucket| bucket.sum).sum();
    line(out, name, "_sum", labels, None, &sum.to_string());
    line(out, name, "_count", labels, None, &count.to_string());
}

fn line(out: &mut String, name: &str, suffix: &str, labels: &Labels, bound: Option<&str>, value: &str) {
    let labels = labels.iter().map(|(key, value)| (*key, value.as_str())).chain(bound.map(|bound| ("le", bound)));
    let labels: Vec<String> = labels.map(|(key, value)| format!("{key}=\"{}\"", escaped(value))).collect();
    let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    // Writing to memory does not fail.
    let _ = writeln!(out, "{name}{suffix}{labels} {value}");
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::telemetry::histogram::Histogram;

    #[test]
    fn buckets_are_cumulative_and_labels_escaped() {
        let took = Histogram::new(Scale::DURATIONS);
        [1, 2, 7_200_000].into_iter().for_each(|millis| took.record_duration(Duration::from_millis(millis)));
        let labels = vec![("platform", "a\"\\\n".to_owned())];
        let mut numbers = Numbers::default();
        numbers.0.insert(("notifyhub_delivery_duration_seconds", labels), Value::Distribution(took.filled()));
        let text = text(&numbers);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[1], "# TYPE notifyhub_delivery_duration_seconds histogram");
        let shown = r#"{platform="a\"\\\n","#;
        assert_eq!(lines[2], format!(r#"notifyhub_delivery_duration_seconds_bucket{shown}le="0.001"}} 1"#));
        assert_eq!(lines[3], format!(r#"notifyhub_delivery_duration_seconds_bucket{shown}le="0.0025"}} 2"#));
        assert!(lines[19].ends_with("le=\"+Inf\"} 3"), "{}", lines[19]);
        assert!(lines[20].starts_with("notifyhub_delivery_duration_seconds_sum") && lines[20].ends_with(" 7200.003"));
        assert!(lines[21].ends_with("_count{platform=\"a\\\"\\\\\\n\"} 3"), "{}", lines[21]);
    }
}
