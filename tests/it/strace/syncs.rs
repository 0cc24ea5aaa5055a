//! How often the disk is synced: what everything durable costs.

use notifyhub::platforms::testkit::{Fault, FaultServer};
use serde_json::{Value, json};

use super::record::{Step, record_lines};

/// How many syncs lie between one answer and the next, each caller alone.
async fn syncs_between_answers(durability: &str, line: impl Fn(usize) -> Value) -> Vec<usize> {
    // Nothing comes of what is sent, so that nothing but accepting is to be written.
    let server = FaultServer::start().await;
    server.otherwise(Fault::Silence);
    let steps = record_lines(durability, &server.url("/x"), (0..10).map(line).collect()).await;
    let between = steps.split(|step| matches!(step, Step::Answered(_)));
    let syncs = |steps: &[Step]| steps.iter().filter(|step| matches!(step, Step::Sync { .. })).count();
    // Before the first the file is made, and after the last nobody waits.
    let counted: Vec<_> = between.map(syncs).collect();
    counted[1..counted.len() - 1].to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accepting_one_costs_exactly_one_sync() {
    let at_once =
        |number: usize| json!({ "to": ["hook"], "body": format!("n {number}"), "idempotency_key": format!("{number}") });
    assert_eq!(syncs_between_answers("disk", at_once).await, [1; 9]);
    let due = jiff::Timestamp::now() + std::time::Duration::from_secs(3600);
    let later = |number: usize| json!({ "to": ["hook"], "body": format!("n {number}"), "not_before": due });
    assert_eq!(syncs_between_answers("disk", later).await, [1; 9], "a claim that finds nothing costs none");
    assert_eq!(syncs_between_answers("process", at_once).await, [0; 9], "what survives a kill alone needs none");
}
