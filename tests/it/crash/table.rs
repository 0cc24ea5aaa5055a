//! The table of crash points: one notification, one death, and what must be there afterwards.
//!
//! | # | dies at | answered | kept | requests |
//! |---|---|---|---|---|
//! | C1, C2 | `accept.parsed`, `accept.in_tx` | no | no | 0 |
//! | C3 | the commit is written and not synced: `strace` | no | yes | 1 |
//! | C4, C5 | `accept.synced`, `accept.answered` | no, yes | yes | 1 |
//! | C6, C7, C8 | `claim.in_tx`, `claim.committed`, `send.connecting` | | yes | 1 |
//! | C9 | part of the request is out: `other_points` | | yes | 1 and a part |
//! | C10, C11, C12 | `send.answered`, `complete.in_tx`, `complete.committed` | | yes | 2, 2, 1 |
//! | C13 | `retry.in_tx`, `dead.in_tx` | | yes | 2 |
//! | C14, C16 | `rescue.in_tx`, `migrate.step` | | yes | 1 |
//! | C15, C17 | `shutdown.drain`, `prune.in_tx`: `other_points` | | yes | |
//!
//! C18, `config.swap`, is not there: this version reads its configuration at the start. Where nothing must be sent twice,
//! `points` has what differs.

use std::{
    process::{ExitStatus, Stdio},
    time::Duration,
};

use notifyhub::platforms::testkit::{Answer, FaultServer};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::command::Desk;

/// Longer than anything takes here.
const LONG: Duration = Duration::from_secs(30);

fn desk(server: &FaultServer) -> Desk {
    Desk::with_config(&format!(
        "[store]\npath = \"hub.db\"\n[delivery]\nbackoff = {{ initial = \"5ms\", max = \"50ms\" }}\n\
         [platforms.hook]\ntype = \"webhook\"\nurl = \"{}\"\nallow_http = true\nallow_private_networks = true\n",
        server.url("/x")
    ))
}

fn serve(desk: &Desk, arguments: &str, point: Option<&str>) -> Child {
    let mut command = Command::from(desk.command(&format!("serve --quiet --grace 5s {arguments}"), &[]));
    if let Some(point) = point {
        command.env("NOTIFYHUB_FAILPOINT", point);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("the command starts")
}

async fn ended(child: &mut Child) -> ExitStatus {
    timeout(LONG, child.wait()).await.expect("it ends in time").expect("it ends")
}

/// Lets the command take one notification in, and die at `point`; what it answered.
async fn die_accepting(desk: &Desk, point: &str) -> Option<Value> {
    let mut child = serve(desk, "--from -", Some(point));
    // It is due when its process is dead.
    let due = jiff::Timestamp::now() + Duration::from_secs(1);
    let line = json!({ "to": ["hook"], "body": "x", "not_before": due, "idempotency_key": "k" });
    // It may die while it reads.
    let _ = child.stdin.as_mut().expect("piped").write_all(format!("{line}\n").as_bytes()).await;
    let mut answer = String::new();
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    timeout(LONG, stdout.read_line(&mut answer)).await.expect("it dies in time").expect("readable");
    assert_eq!(ended(&mut child).await.code(), None, "{point} is come by");
    serde_json::from_str(&answer).ok()
}

/// The tasks that are kept.
fn kept(desk: &Desk) -> Vec<Value> {
    assert_eq!(desk.run("check --store").code, 0, "the file is whole");
    desk.run("tasks list -o json").json().as_array().expect("a list").clone()
}

/// Lets the next process do what is left; every request carries the same id.
async fn finish(desk: &Desk, server: &FaultServer) -> usize {
    let mut child = serve(desk, "--until-empty", None);
    assert_eq!(ended(&mut child).await.code(), Some(0));
    let ids: std::collections::HashSet<_> =
        server.requests().iter().map(|request| request.header("webhook-id").to_owned()).collect();
    assert!(ids.len() <= 1, "{ids:?}");
    server.requests().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_while_accepting() {
    for (point, answered, is_kept) in [
        ("accept.parsed", false, false),
        ("accept.in_tx", false, false),
        ("accept.synced", false, true),
        ("accept.answered", true, true),
    ] {
        let server = FaultServer::start().await;
        let desk = desk(&server);
        let answer = die_accepting(&desk, point).await;
        assert_eq!(answer.is_some_and(|answer| answer["id"].is_string()), answered, "{point}");
        assert_eq!(kept(&desk).len(), usize::from(is_kept), "{point}");
        assert_eq!(finish(&desk, &server).await, usize::from(is_kept), "{point}");
        // Whoever had no answer may ask again.
        let again = serve(&desk, "--until-empty --from -", None);
        let line = json!({ "to": ["hook"], "body": "x", "idempotency_key": "other" });
        let output = async {
            let mut again = again;
            again.stdin.take().expect("piped").write_all(format!("{line}\n").as_bytes()).await.expect("it reads");
            again.wait_with_output().await.expect("it ends")
        };
        assert!(timeout(LONG, output).await.expect("in time").status.success(), "{point}");
        assert_eq!(server.requests().len(), 1 + usize::from(is_kept), "{point}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_while_delivering() {
    for (point, answers, requests, state) in [
        ("claim.in_tx", [200, 200], 1, "delivered"),
        ("claim.committed", [200, 200], 1, "delivered"),
        ("send.connecting", [200, 200], 1, "delivered"),
        ("send.answered", [200, 200], 2, "delivered"),
        ("complete.in_tx", [200, 200], 2, "delivered"),
        ("complete.committed", [200, 200], 1, "delivered"),
        ("retry.in_tx", [503, 200], 2, "delivered"),
        ("dead.in_tx", [400, 400], 2, "dead"),
        ("rescue.in_tx", [200, 200], 1, "delivered"),
    ] {
        let server = FaultServer::start().await;
        let desk = desk(&server);
        answers.into_iter().for_each(|status| server.push(Answer::new(status)));
        assert_eq!(desk.run("send --queue --to hook x").code, 0);
        let mut child = serve(&desk, "", Some(point));
        assert_eq!(ended(&mut child).await.code(), None, "{point} is come by");
        assert_eq!(kept(&desk).len(), 1, "{point}");
        assert_eq!(finish(&desk, &server).await, requests, "{point}");
        assert_eq!(kept(&desk)[0]["state"], state, "{point}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_while_a_file_is_made() {
    let server = FaultServer::start().await;
    let desk = desk(&server);
    let mut child = serve(&desk, "", Some("migrate.step"));
    assert_eq!(ended(&mut child).await.code(), None, "it is come by");
    assert_eq!(desk.run("send --queue --to hook x").code, 0, "the next makes it");
    assert_eq!((kept(&desk).len(), finish(&desk, &server).await), (1, 1));
}
