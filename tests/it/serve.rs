//! `notifyhub serve` and `send --queue`: what is committed to the store is delivered, whatever ends the process.

use std::{process::Stdio, time::Duration};

use notifyhub::platforms::testkit::{Answer, Fault, FaultServer};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::command::Desk;

/// A folder with a configuration that delivers to `server` and keeps its store in the same folder.
fn desk(server: &FaultServer) -> Desk {
    Desk::with_config(&format!(
        "[store]\npath = \"hub.db\"\n[delivery]\nbackoff = {{ initial = \"10ms\", max = \"50ms\" }}\n\
         [platforms.hook]\ntype = \"webhook\"\nurl = \"{}\"\nallow_http = true\nallow_private_networks = true\n",
        server.url("/x")
    ))
}

fn serve(desk: &Desk) -> Child {
    let mut command = Command::from(desk.command("serve --grace 5s", &[]));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().expect("the command starts")
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().expect("it runs").to_string();
    let sent = std::process::Command::new("kill").args(["-s", name, &pid]).status().expect("kill runs");
    assert!(sent.success());
}

/// The exit code, and what it wrote to stderr.
async fn ended(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().await.expect("it ends");
    (output.status.code(), String::from_utf8(output.stderr).expect("text"))
}

#[tokio::test]
async fn what_is_queued_is_delivered_by_the_service_that_starts_later() {
    let server = FaultServer::start().await;
    let desk = desk(&server);
    for number in 0..3 {
        let run = desk.run(&format!("send --queue -o json --to hook {number}"));
        let rows: Value = serde_json::from_str(&run.out).expect("JSON");
        assert_eq!((run.code, &rows[0]["state"], &rows[0]["durability"]), (0, &"waiting".into(), &"disk".into()), "{}", run.err);
    }
    assert!(server.requests().is_empty());
    let service = serve(&desk);
    server.received(3).await;
    signal(&service, "TERM");
    let (code, log) = ended(service).await;
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("3 tasks are waiting") && log.contains("told to stop"), "{log}");
    let again = serve(&desk);
    tokio::time::sleep(Duration::from_millis(200)).await;
    signal(&again, "TERM");
    assert!(ended(again).await.1.contains("0 tasks are waiting"));
    assert_eq!(server.requests().len(), 3, "nothing was sent twice");
}

#[tokio::test]
async fn what_a_killed_service_had_under_way_is_delivered_by_the_next() {
    let server = FaultServer::start().await;
    let desk = desk(&server);
    assert_eq!(desk.run("send --queue --to hook once").code, 0);
    server.push(Fault::Silence);
    let mut service = serve(&desk);
    server.received(1).await;
    service.kill().await.expect("killed");
    let next = serve(&desk);
    server.received(2).await;
    signal(&next, "TERM");
    let (code, log) = ended(next).await;
    assert!(code == Some(0) && log.contains("the last process ended with 1 tasks under way"), "{log}");
    let ids: Vec<_> = server.requests().iter().map(|request| request.header("webhook-id").to_owned()).collect();
    assert_eq!(ids[0], ids[1], "both attempts carry the same id");
}

#[tokio::test]
async fn a_second_signal_ends_at_once_and_loses_nothing() {
    let server = FaultServer::start().await;
    let desk = desk(&server);
    assert_eq!(desk.run("send --queue --to hook once").code, 0);
    server.push(Fault::Silence);
    let service = serve(&desk);
    server.received(1).await;
    signal(&service, "TERM");
    tokio::time::sleep(Duration::from_millis(100)).await;
    signal(&service, "TERM");
    let (code, log) = ended(service).await;
    assert!(code == Some(0) && log.contains("told to stop again"), "{log}");
    let next = serve(&desk);
    server.received(2).await;
    signal(&next, "TERM");
    assert_eq!(ended(next).await.0, Some(0));
}

#[tokio::test]
async fn a_file_that_is_served_is_nobody_elses() {
    let server = FaultServer::start().await;
    let desk = desk(&server);
    assert_eq!(desk.run("send --queue --to hook once").code, 0);
    let service = serve(&desk);
    server.received(1).await;
    for arguments in ["send --queue --to hook twice", "serve"] {
        let run = desk.run(arguments);
        let named = run.err.contains(&format!("process {}", service.id().expect("it runs")));
        assert!(run.code == 69 && named, "{}: {}", run.code, run.err);
    }
    drop(service);
}

#[test]
fn nothing_is_queued_in_memory() {
    let run = Desk::with_config("[store]\ntype = \"memory\"\n").run("send --queue --to json://127.0.0.1:9/x hello");
    assert!(run.code == 78 && run.err.contains("store.type"), "{}", run.err);
}

#[tokio::test]
async fn a_url_is_remembered_with_what_is_queued_for_it() {
    let server = FaultServer::start().await;
    let desk = desk(&server);
    let run = desk.run(&format!("send --queue --to json://{}/x?token=hunter2 hello", server.address()));
    assert!(run.code == 0 && !run.out.contains("hunter2"), "{}{}", run.out, run.err);
    let service = serve(&desk);
    server.received(1).await;
    signal(&service, "TERM");
    let (code, log) = ended(service).await;
    assert!(code == Some(0) && !log.contains("hunter2"), "{log}");
    assert!(server.requests()[0].path.contains("hunter2"));
}

#[tokio::test]
async fn dead_letters_are_listed_shown_requeued_and_dropped_from_the_file() {
    let server = FaultServer::start().await;
    server.push(Answer::new(400));
    server.push(Answer::new(400));
    let desk = desk(&server);
    for text in ["one", "two"] {
        assert_eq!(desk.run(&format!("send --queue --to hook {text}")).code, 0);
    }
    let service = serve(&desk);
    server.received(2).await;
    signal(&service, "TERM");
    assert_eq!(ended(service).await.0, Some(0));

    let listed = desk.run("dead list -o json");
    let rows: Value = serde_json::from_str(&listed.out).expect("JSON");
    let rows = rows.as_array().expect("a list");
    assert_eq!((rows.len(), &rows[0]["state"], &rows[0]["target"]), (2, &"dead".into(), &"hook".into()));
    let ids: Vec<_> = rows.iter().map(|row| row["task"].as_str().expect("an id")).collect();
    let shown: Value = serde_json::from_str(&desk.run(&format!("dead show {}", ids[0])).out).expect("JSON");
    let attempt = &shown[0]["attempts"][0];
    assert_eq!((&attempt["number"], &attempt["class"]), (&1.into(), &"invalid_message".into()), "{shown}");
    let by_notification = desk.run(&format!("tasks show {}", shown[0]["notification"].as_str().expect("an id")));
    assert!(by_notification.out.contains(ids[0]), "{}", by_notification.err);

    assert_eq!(desk.run("dead requeue").code, 2, "whoever means all of them says so");
    let requeued = desk.run(&format!("dead requeue -o json {}", ids[0]));
    assert!(requeued.code == 0 && requeued.out.contains("\"requeued\": 1"), "{}", requeued.out);
    assert_eq!(desk.run("dead drop --reason invalid_message").code, 0);
    assert!(desk.run("dead list -o json").out.trim() == "[]");
    assert_eq!(desk.run("dead drop --all").code, 1, "there is nothing left");
    assert!(desk.run("tasks list --state waiting").out.contains(ids[0]));
    let service = serve(&desk);
    server.received(3).await;
    signal(&service, "TERM");
    assert_eq!(ended(service).await.0, Some(0));
    assert!(desk.run("tasks list --state delivered").out.contains(ids[0]));
}

#[tokio::test]
async fn a_disabled_endpoint_is_listed_and_enabled_from_the_file() {
    let server = FaultServer::start().await;
    server.push(Answer::new(410));
    let desk = desk(&server);
    let deliver = async |received: usize| {
        let service = serve(&desk);
        server.received(received).await;
        signal(&service, "TERM");
        assert_eq!(ended(service).await.0, Some(0));
    };
    assert_eq!(desk.run("send --queue --to hook one").code, 0);
    deliver(1).await;
    let listed = desk.run("endpoints list -o json");
    let rows: Value = serde_json::from_str(&listed.out).expect("JSON");
    assert_eq!((&rows[0]["target"], &rows[0]["state"]), (&"hook".into(), &"disabled".into()), "{rows}");
    assert!(rows[0]["why"].as_str().expect("a reason").contains("410"), "{rows}");
    assert_eq!(desk.run("endpoints enable @hook").code, 2);
    assert_eq!(desk.run("endpoints enable nosuch").code, 1);
    let enabled = desk.run("endpoints enable -o json hook");
    assert!(enabled.code == 0 && enabled.out.contains("\"enabled\": true"), "{}", enabled.out);
    assert_eq!(desk.run("endpoints list -o json").out.trim(), "[]");
    assert_eq!(desk.run("send --queue --to hook two").code, 0);
    deliver(2).await;
}

#[test]
fn what_is_queued_can_be_cancelled() {
    let desk = Desk::with_config("[store]\npath = \"hub.db\"\n");
    let queued = desk.run("send --queue -o json --to json://127.0.0.1:9/x hello");
    let rows: Value = serde_json::from_str(&queued.out).expect("JSON");
    let id = rows[0]["notification"].as_str().expect("an id");
    assert!(desk.run(&format!("tasks cancel {id}")).out.contains('1'));
    let listed = desk.run("tasks list --state cancelled -o ndjson");
    assert_eq!(listed.out.lines().count(), 1, "{}{}", listed.out, listed.err);
    let nobody = desk.run("tasks show 01890a5d-ac96-774b-bcce-b302099a8057");
    assert!(nobody.code == 1 && nobody.err.contains("not known"), "{}", nobody.err);
    assert_eq!(desk.run("tasks show 7").code, 2);
}

#[tokio::test]
async fn a_file_in_use_is_looked_over_and_copied() {
    let server = FaultServer::start().await;
    let desk = desk(&server);
    assert_eq!(desk.run("send --queue --to hook hello").code, 0);
    let service = serve(&desk);
    server.received(1).await;
    let checked = desk.run("check --store");
    assert!(checked.code == 0 && checked.err.contains("1 tasks") && checked.err.contains("nothing is wrong"), "{}", checked.err);
    let copied = desk.run("store backup copy.db -o json");
    assert!(copied.code == 0 && copied.out.contains("copy.db"), "{}{}", copied.out, copied.err);
    assert_eq!(desk.run("store backup copy.db").code, 1, "nothing is overwritten");
    drop(service);
    std::fs::write(desk.path().join("hub.db"), "not a database, and long enough to be looked at").expect("written");
    assert_eq!(desk.run("check --store").code, 1);
}
