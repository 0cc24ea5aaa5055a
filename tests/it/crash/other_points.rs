//! Points that a producer and a sink alone do not come by: a dead letter, a drain, a pruning, and half a request.

use std::{
    process::{Child, Stdio},
    time::Duration,
};

use notifyhub::platforms::testkit::{Answer, FaultServer};
use serde_json::Value;
use tokio::{io::AsyncReadExt, net::TcpListener};

use crate::command::Desk;

fn desk(store: &str, delivery: &str, url: &str) -> Desk {
    Desk::with_config(&format!(
        "[store]\npath = \"hub.db\"\n{store}[delivery]\nbackoff = {{ initial = \"5ms\", max = \"50ms\" }}\n{delivery}\
         [platforms.hook]\ntype = \"webhook\"\nurl = \"{url}\"\nallow_http = true\nallow_private_networks = true\n"
    ))
}

fn serve(desk: &Desk, arguments: &str, point: &str) -> Child {
    let mut command = desk.command(&format!("serve --quiet --grace 5s {arguments}"), &[("NOTIFYHUB_FAILPOINT", point)]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the command starts")
}

/// Waits until it has died by itself, not on a blocking thread of its own.
async fn died(mut child: Child) {
    let status = tokio::task::spawn_blocking(move || child.wait()).await.expect("waits").expect("it ends");
    assert_eq!(status.code(), None, "it was killed");
}

fn queue(desk: &Desk, more: &str) {
    let run = desk.run(&format!("send --queue --to hook {more}"));
    assert_eq!(run.code, 0, "{}", run.err);
}

fn states(desk: &Desk) -> Vec<String> {
    let rows: Value = desk.run("tasks list -o json").json();
    rows.as_array().expect("rows").iter().map(|row| row["state"].as_str().expect("a state").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_while_a_dead_letter_is_written_tries_once_more() {
    let server = FaultServer::start().await;
    let desk = desk("", "", &server.url("/x"));
    queue(&desk, "x");
    server.push(Answer::new(400));
    died(serve(&desk, "", "dead.in_tx")).await;
    server.push(Answer::new(400));
    assert_eq!(desk.run("serve --quiet --until-empty").code, 0);
    assert_eq!((states(&desk), server.requests().len()), (vec!["dead".to_owned()], 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_at_the_beginning_of_a_drain_loses_nothing_and_sends_nothing_again() {
    let server = FaultServer::start().await;
    let desk = desk("", "", &server.url("/x"));
    queue(&desk, "x");
    died(serve(&desk, "--until-empty", "shutdown.drain")).await;
    assert_eq!(desk.run("serve --quiet --until-empty").code, 0);
    assert_eq!((states(&desk), server.requests().len()), (vec!["delivered".to_owned()], 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_while_what_is_old_is_forgotten_touches_nothing_that_waits() {
    let server = FaultServer::start().await;
    let desk = desk("retention = \"1ms\"\n", "", &server.url("/x"));
    queue(&desk, "done");
    desk.write("later.ndjson", "{\"to\": [\"hook\"], \"body\": \"later\", \"not_before\": \"2099-01-01T00:00:00Z\"}\n");
    assert_eq!(desk.run("send --queue --from later.ndjson").code, 0);
    died(serve(&desk, "", "prune.in_tx")).await;
    let mut states = states(&desk);
    states.sort();
    assert_eq!(states, ["delivered", "waiting"], "nothing of it was done");
}

/// A platform that reads the head of one request and a little of its body, and then no more.
async fn half_read(listener: &TcpListener) -> tokio::net::TcpStream {
    let (mut stream, _) = listener.accept().await.expect("it connects");
    let mut some = [0; 4096];
    stream.read_exact(&mut some).await.expect("a part comes");
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_with_half_a_request_out_is_ambiguous() {
    for (policy, expected) in [("retry", "delivered"), ("dead", "dead")] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let desk = desk("", &format!("on_ambiguous = \"{policy}\"\n"), &format!("http://{address}/x"));
        // More than a connection holds on its way.
        desk.write("big.ndjson", &format!("{{\"to\": [\"hook\"], \"body\": \"{}\"}}\n", "x".repeat(16 * 1024 * 1024)));
        assert_eq!(desk.run("send --queue --from big.ndjson").code, 0);
        let mut service = serve(&desk, "", "");
        let half = half_read(&listener).await;
        service.kill().expect("killed");
        service.wait().expect("it ends");
        drop(half);
        let next = async {
            let (mut stream, _) = listener.accept().await.expect("it connects");
            let mut all = Vec::new();
            while all.len() < 16 * 1024 * 1024 {
                stream.read_buf(&mut all).await.expect("it comes");
            }
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                .await
                .expect("taken");
            tokio::time::sleep(Duration::from_secs(60)).await;
        };
        let rest = tokio::task::spawn_blocking(move || (desk.run("serve --quiet --until-empty").code, states(&desk)));
        let ended = tokio::select! {
            () = next => unreachable!("it stays open"),
            ended = rest => ended.expect("it ends"),
        };
        assert_eq!(ended, (0, vec![expected.to_owned()]), "{policy}");
    }
}
