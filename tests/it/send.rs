//! `notifyhub send`: one shot, and an exit code that says how it went.

use std::{path::Path, process::Stdio};

use notifyhub::platforms::testkit::{Answer, Fault, FaultServer};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
};

/// What the command left behind.
struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

/// A folder to run in, where no configuration is found but the one put there.
struct Shell(TempDir);

impl Shell {
    fn new() -> Self {
        Self(TempDir::new().expect("the temporary folder is writable"))
    }

    fn put(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).expect("writable");
    }

    fn start(&self, arguments: &[&str], stdin: Stdio) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_notifyhub"));
        command.env_clear().env("HOME", self.0.path()).current_dir(self.0.path()).arg("send").args(arguments);
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().expect("runs")
    }

    async fn send(&self, arguments: &[&str]) -> Ended {
        ended(self.start(arguments, Stdio::null())).await
    }

    async fn send_with(&self, arguments: &[&str], stdin: &str) -> Ended {
        let mut child = self.start(arguments, Stdio::piped());
        let mut pipe = child.stdin.take().expect("piped");
        pipe.write_all(stdin.as_bytes()).await.expect("read");
        drop(pipe);
        ended(child).await
    }
}

async fn ended(child: Child) -> Ended {
    let output = child.wait_with_output().await.expect("ends");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Ended { code: output.status.code().expect("exits"), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn url(server: &FaultServer) -> String {
    format!("json://{}/x", server.address())
}

fn body(server: &FaultServer, at: usize) -> Value {
    serde_json::from_slice(&server.requests()[at].body).expect("a JSON body")
}

#[tokio::test]
async fn a_url_is_sent_to_without_any_configuration() {
    let server = FaultServer::start().await;
    let sent = Shell::new().send(&["--to", &url(&server), "-t", "greeting", "-p", "high", "hello"]).await;
    assert_eq!((sent.code, &*sent.stderr), (0, ""), "{}", sent.stdout);
    assert!(sent.stdout.starts_with(&format!("ok  json://{}/…  1 attempt  0.", server.address())), "{}", sent.stdout);
    let data = &body(&server, 0)["data"];
    assert_eq!((&data["title"], &data["body"], &data["priority"]), (&"greeting".into(), &"hello".into(), &"high".into()));
}

#[tokio::test]
async fn urls_are_shown_without_secrets_and_told_apart() {
    let (server, shell) = (FaultServer::start().await, Shell::new());
    let address = server.address();
    let (bare, one) = (format!("json://{address}"), format!("json://me:s3cret@{address}/tok1?a=tok2"));
    let sent = shell.send(&["--to", &bare, "--to", &one, "--to", &format!("{bare}/tok3"), "x"]).await;
    let shown: Vec<_> = sent.stdout.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(shown, [&*bare, &format!("{bare}/…"), &format!("{bare}/…#2")]);
}

#[tokio::test]
async fn a_shown_url_is_no_target_that_reaches_what_it_stands_for() {
    let (server, shell) = (FaultServer::start().await, Shell::new());
    let shown = format!("json://{}/…", server.address());
    assert_eq!(shell.send(&["--to", &url(&server), "--to", &shown, "x"]).await.code, 0);
    let paths: Vec<_> = server.requests().iter().map(|request| request.path.clone()).collect();
    assert!(paths.len() == 2 && paths[0] != paths[1], "{paths:?}");
}

#[tokio::test]
async fn what_is_piped_in_is_the_body() {
    let server = FaultServer::start().await;
    let shell = Shell::new();
    for arguments in [&["--to", &url(&server)][..], &["--to", &url(&server), "-"]] {
        assert_eq!(shell.send_with(arguments, "disk\nfull\n").await.code, 0);
    }
    assert_eq!(
        (&body(&server, 0)["data"]["body"], &body(&server, 1)["data"]["body"]),
        (&"disk\nfull".into(), &"disk\nfull".into())
    );
}

#[tokio::test]
async fn every_option_reaches_the_platform() {
    let server = FaultServer::start().await;
    let shell = Shell::new();
    shell.put("note.txt", "hi");
    let arguments = [
        "--kind",
        "alert",
        "--correlation-id",
        "c-1",
        "--attach",
        "note.txt",
        "--at",
        "+1ms",
        "--expires",
        "1h",
        "-f",
        "markdown",
    ];
    let sent = shell.send(&[&["--to", &url(&server), "*x*", "-o", "json"], &arguments[..]].concat()).await;
    assert_eq!(sent.code, 0, "{}", sent.stderr);
    let event = body(&server, 0);
    assert_eq!((&event["type"], &event["data"]["format"]), (&"notification.alert".into(), &"markdown".into()));
    assert_eq!(event["data"]["correlation_id"], "c-1");
    assert_eq!(event["data"]["attachments"][0], serde_json::json!({"name": "note.txt", "mime": "text/plain", "base64": "aGk="}));
    let rows: Value = serde_json::from_str(&sent.stdout).expect("one JSON array and nothing else");
    assert_eq!((&rows[0]["state"], &rows[0]["correlation_id"]), (&"delivered".into(), &"c-1".into()));
}

#[tokio::test]
async fn an_unknown_platform_is_told_with_what_there_is() {
    let shell = Shell::new();
    let bare = shell.send(&["--to", "nosuch", "x"]).await;
    assert_eq!(bare.code, 65);
    assert!(bare.stderr.contains("unknown platform `nosuch`") && bare.stderr.contains("json://, jsons://"), "{}", bare.stderr);
    let typo = shell.send(&["--to", "jsn://example.com", "x"]).await;
    assert_eq!((typo.code, typo.stderr.matches("jsons://").count()), (65, 1), "{}", typo.stderr);
    let both = shell.send(&["--to", "nosuch", "--to", "json://", "x"]).await;
    assert!(
        both.stderr.contains("`nosuch`: unknown platform") && both.stderr.contains("`json://…`: expected"),
        "{}",
        both.stderr
    );
    shell.put("notifyhub.toml", "[platforms.hooks]\ntype = \"webhook\"\nurl = \"https://example.com/\"\n");
    let configured = shell.send(&["--to", "nosuch", "x"]).await;
    assert_eq!((configured.code, &*configured.stdout), (65, ""));
    assert!(configured.stderr.contains("unknown platform `nosuch`, expected one of: hooks"), "{}", configured.stderr);
}

#[tokio::test]
async fn a_file_of_many_is_sent_in_order_with_one_row_each() {
    let server = FaultServer::start().await;
    let (shell, to) = (Shell::new(), url(&server));
    let lines: String = (0..30).map(|n| format!("{{\"body\": \"{n}\", \"correlation_id\": \"c-{n}\"}}\n")).collect();
    let sent = shell.send_with(&["--from", "-", "--to", &to, "-o", "ndjson"], &lines).await;
    assert_eq!(sent.code, 0, "{}", sent.stderr);
    let ids: Vec<Value> =
        sent.stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["correlation_id"].clone()).collect();
    assert_eq!(ids, (0..30).map(|n| Value::from(format!("c-{n}"))).collect::<Vec<_>>());
    assert_eq!(server.requests().len(), 30);
    assert!(sent.stderr.contains("30 of 30 finished"), "{}", sent.stderr);
}

#[tokio::test]
async fn a_file_with_one_bad_line_is_refused_whole() {
    let server = FaultServer::start().await;
    let (shell, to) = (Shell::new(), url(&server));
    let good = format!("{{\"to\": [\"{to}\"], \"body\": \"x\"}}");
    for (bad, part) in [
        (r#"{"to": ["a"], "boddy": "x"}"#, "many.ndjson: line 2: unknown field `boddy`, expected one of"),
        ("hello", "many.ndjson: line 2: not JSON"),
        (r#"{"to": ["nosuch"], "body": "x"}"#, "line 2: target `nosuch`: unknown platform"),
        (
            r#"{"to": ["a"], "body": "x", "not_before": "2999-01-01T00:00:00Z"}"#,
            "line 2: `not_before`: later than one shot waits",
        ),
    ] {
        shell.put("many.ndjson", &format!("{good}\n{bad}\n{good}\n"));
        let sent = shell.send(&["--from", "many.ndjson"]).await;
        assert_eq!((sent.code, &*sent.stdout), (65, ""), "{}", sent.stderr);
        assert!(sent.stderr.contains(part), "{}", sent.stderr);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_refusal_is_told_with_its_reason_and_its_own_exit_code() {
    let (server, other) = (FaultServer::start().await, FaultServer::start().await);
    let shell = Shell::new();
    server.push(Answer::new(400).body("no such field"));
    let sent = shell.send(&["--to", &url(&server), "x"]).await;
    assert_eq!((sent.code, sent.stdout.contains("invalid_message (400): no such field")), (1, true), "{}", sent.stdout);
    server.push(Answer::new(401));
    assert_eq!(shell.send(&["--to", &url(&server), "x"]).await.code, 77);
    server.push(Answer::new(401));
    let mixed = shell.send(&["--to", &url(&server), "--to", &url(&other), "x"]).await;
    assert_eq!(mixed.code, 1);
    assert_eq!(mixed.stdout.lines().map(|line| line.split(' ').next().unwrap_or_default()).collect::<Vec<_>>(), ["failed", "ok"]);
}

#[tokio::test]
async fn a_platform_that_cannot_be_reached_is_waited_for_and_then_told() {
    let shell = Shell::new();
    let nowhere = FaultServer::nowhere().replacen("http://", "json://", 1);
    let late = shell.send(&["--to", &nowhere, "--wait", "1s", "x"]).await;
    assert_eq!(late.code, 75, "{}", late.stderr);
    assert!(
        late.stdout.starts_with("waiting  json://127.0.0.1:") && late.stdout.contains("not finished: unavailable"),
        "{}",
        late.stdout
    );
    shell.put("notifyhub.toml", "[delivery]\nmax_attempts = 1\n");
    let given_up = shell.send(&["--to", &nowhere, "x"]).await;
    assert_eq!(given_up.code, 69, "{}", given_up.stderr);
    assert!(given_up.stdout.contains("out of attempts: unavailable"), "{}", given_up.stdout);
}

#[tokio::test]
async fn a_mistake_on_the_command_line_or_in_the_configuration_sends_nothing() {
    let (server, shell) = (FaultServer::start().await, Shell::new());
    let to = url(&server);
    for (arguments, part) in [
        (&["x"][..], "--to"),
        (&["--to", &to, "--at", "in 5m", "x"], "--at is later than one shot waits (1m): raise --wait"),
        (&["--to", &to, "--at", "tomorrow", "x"], "expected a time such as"),
        (&["--to", &to, "--from", "f", "x"], "cannot be used with"),
        (&["--to", &to, "-p", "loud", "x"], "expected one of `low`"),
    ] {
        let sent = shell.send(arguments).await;
        assert!(sent.code == 2 && sent.stderr.contains(part), "{}: {}", sent.code, sent.stderr);
    }
    assert_eq!(shell.send(&["--to", &to]).await.code, 65, "stdin is empty");
    assert_eq!(shell.send(&["--to", &to, "--attach", "nosuch", "x"]).await.code, 65);
    shell.put("notifyhub.toml", "[delivery]\nmax_atempts = 1\n");
    assert_eq!(shell.send(&["--to", &to, "x"]).await.code, 78);
    assert_eq!(server.connections(), 0);
}

#[cfg(unix)]
#[tokio::test]
async fn ctrl_c_ends_it_and_tells_what_is_known() {
    let (server, shell) = (FaultServer::start().await, Shell::new());
    server.otherwise(Fault::Silence);
    let child = shell.start(&["--to", &url(&server), "x"], Stdio::null());
    server.received(1).await;
    let pid = child.id().expect("it runs").to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().await.expect("kill runs").success());
    let sent = ended(child).await;
    assert_eq!(sent.code, 130, "{}", sent.stderr);
    assert!(sent.stdout.contains("/…  0 attempts"), "{}", sent.stdout);
    assert!(Path::new(shell.0.path()).read_dir().expect("readable").next().is_none(), "no file is left behind");
}
