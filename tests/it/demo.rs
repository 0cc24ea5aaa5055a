//! `notifyhub demo`: everything arrives although the platforms misbehave, and its figures add up.

use std::process::Command;

use serde_json::Value;

fn demo(arguments: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_notifyhub")).arg("demo").args(arguments).output().expect("the binary runs")
}

fn sum(counts: &Value) -> u64 {
    counts.as_object().expect("counts by kind").values().map(|count| count.as_u64().expect("a count")).sum()
}

#[test]
fn every_notification_arrives_and_the_figures_add_up() {
    let output = demo(&["--count", "500", "--seed", "7", "-o", "json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let summary: Value = serde_json::from_slice(&output.stdout).expect("stdout is JSON and nothing else");
    for key in ["accepted", "delivered", "arrived"] {
        assert_eq!(summary[key], 500, "{key}: {summary}");
    }
    assert_eq!((&summary["seed"], &summary["complete"], &summary["missing"]), (&7.into(), &true.into(), &Value::Array(vec![])));
    let attempts = &summary["attempts"];
    let failed = sum(&attempts["failed"]);
    assert!(failed > 0, "the platforms misbehave: {summary}");
    assert_eq!(attempts["succeeded"], 500);
    assert_eq!(attempts["total"], 500 + failed);
    assert_eq!(summary["retries"], failed, "every failed attempt was followed by another");
    assert!(summary["duplicates"].as_u64() <= summary["ambiguous_attempts"].as_u64(), "{summary}");
    let rows = summary["platforms"].as_array().expect("rows");
    assert_eq!(rows.iter().map(|row| &row["platform"]).collect::<Vec<_>>(), ["flaky", "slow", "limited"]);
    assert_eq!(rows.iter().map(|row| sum(&row["attempts"]["failed"])).sum::<u64>(), failed);
}

#[test]
fn people_get_the_verdict_last_and_progress_apart() {
    let output = demo(&["--count", "40", "--platforms", "4", "--seed", "1"]);
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{stdout}{stderr}");
    assert_eq!(stdout.lines().last(), Some("every one of 40 notifications arrived"));
    assert!(stdout.contains("flaky-2"), "{stdout}");
    assert_eq!(stderr.lines().last(), Some("40 of 40 finished"));
    let quiet = demo(&["--count", "3", "-q"]);
    assert!(quiet.status.success() && quiet.stderr.is_empty(), "{quiet:?}");
}

#[test]
fn workers_that_die_while_it_runs_cost_nothing() {
    for strategy in ["round-robin", "least-connections", "weighted", "affinity", "performance"] {
        let output = demo(&["--count", "600", "--seed", "3", "--strategy", strategy, "--workers", "3", "--chaos", "-o", "json"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let summary: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!((&summary["delivered"], &summary["complete"]), (&600.into(), &true.into()), "{strategy}: {summary}");
        assert!(summary["pool"]["workers_lost"].as_u64() >= Some(1), "{strategy}: {summary}");
    }
}

#[test]
fn the_pool_grows_and_shrinks_and_says_why() {
    let output = demo(&["--count", "4000", "--seed", "5", "-o", "json"]);
    let summary: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let scalings = summary["pool"]["scalings"].as_array().expect("a list");
    let went = |up: bool| scalings.iter().find(|scaling| (scaling["to"].as_u64() > scaling["from"].as_u64()) == up);
    let reason = |scaling: &Value| scaling["reason"].as_str().expect("a text").to_owned();
    let grown = reason(went(true).expect("it grew"));
    let shrunk = reason(went(false).expect("it shrank"));
    assert!(grown.contains("wait for a worker") || grown.contains("over the target"), "{grown}");
    assert!(shrunk.contains("has been below") || shrunk.contains("nothing to do"), "{shrunk}");
}

#[test]
fn a_count_of_nothing_is_refused() {
    let output = demo(&["--count", "0"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn an_engine_that_is_killed_half_way_loses_nothing() {
    let output = demo(&["--count", "800", "--seed", "11", "--crash", "-o", "json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let summary: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&summary["accepted"], &summary["arrived"], &summary["complete"]), (&800.into(), &800.into(), &true.into()));
    let before = summary["accepted_before_the_kill"].as_u64().expect("a count");
    assert!((400..800).contains(&before), "{summary}");
}
