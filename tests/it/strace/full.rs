//! A disk that is full, and one that does not keep what it is given: real ones, under the real command.

use std::{fs, path::PathBuf, process::Stdio, time::Duration};

use notifyhub::platforms::testkit::FaultServer;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::command::Desk;

/// A running command that takes notifications in, one after the other.
struct Service {
    child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Service {
    /// The command `wrapped` in another, in the folder of `desk`.
    fn start(desk: &Desk, wrapper: &str, wrapped: impl FnOnce(String) -> Vec<String>) -> Self {
        let inner = desk.command("serve --quiet --grace 5s --from -", &[]);
        let program = inner.get_program().to_str().expect("a plain name").to_owned();
        let mut command = Command::new(wrapper);
        command.args(wrapped(program)).current_dir(desk.path()).env_clear().env("NOTIFYHUB__SERVER__LISTEN", "");
        command.env("HOME", desk.path()).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("installed by ./test");
        let stdin = child.stdin.take().expect("piped");
        let stdout = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { child, stdin, stdout }
    }

    /// What it answers; `None` if it has ended.
    async fn ask(&mut self, body: &str) -> Option<Value> {
        let line = json!({ "to": ["hook"], "body": body });
        self.stdin.write_all(format!("{line}\n").as_bytes()).await.ok()?;
        let answer = tokio::time::timeout(Duration::from_secs(20), self.stdout.next_line()).await.expect("in time");
        Some(serde_json::from_str(&answer.ok()??).expect("JSON"))
    }

    async fn ended(self) -> (Option<i32>, String) {
        drop(self.stdin);
        let output = self.child.wait_with_output().await.expect("it ends");
        (output.status.code(), String::from_utf8(output.stderr).expect("text"))
    }
}

fn desk(server: &FaultServer, path: &str) -> Desk {
    Desk::with_config(&format!(
        "[store]\npath = \"{path}\"\n[platforms.hook]\ntype = \"webhook\"\nurl = \"{}\"\nallow_http = true\nallow_private_networks = true\n",
        server.url("/x")
    ))
}

#[tokio::test]
async fn a_full_disk_refuses_what_is_new_loses_nothing_and_goes_on_when_space_returns() {
    let server = FaultServer::start().await;
    let desk = desk(&server, "small/hub.db");
    fs::create_dir(desk.path().join("small")).expect("made");
    let script = "mount -t tmpfs -o size=8m tmpfs small && head -c 3000000 /dev/zero > small/filler && exec \"$0\" serve --quiet --grace 5s --from -";
    let mut service = Service::start(&desk, "unshare", |program| {
        ["--mount", "--map-root-user", "sh", "-c", script, &program].map(str::to_owned).to_vec()
    });
    let (mut accepted, body) = (0, "x".repeat(20_000));
    let refused = loop {
        let answer = service.ask(&body).await.expect("it lives");
        if answer["error"] != Value::Null {
            break answer["error"].as_str().expect("a text").to_owned();
        }
        accepted += 1;
        assert!(accepted < 1_000, "8 MiB hold no more than 400 of these");
    };
    assert!(refused.contains("disk is full"), "{refused}");
    assert!(service.ask("small, but not now").await.is_some_and(|answer| answer["error"] != Value::Null));
    // The folder as the process sees it.
    let pid = service.child.id().expect("it runs");
    let seen = PathBuf::from(format!("/proc/{pid}/root")).join(desk.path().strip_prefix("/").expect("absolute"));
    fs::remove_file(seen.join("small/filler")).expect("space is freed");
    while service.ask("again").await.expect("it lives")["error"] != Value::Null {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    accepted += 1;
    tokio::time::timeout(Duration::from_secs(30), server.received(accepted)).await.expect("everything arrives");
    let sent = std::process::Command::new("kill").arg(pid.to_string()).status().expect("kill runs");
    let (code, log) = service.ended().await;
    assert!(sent.success() && code == Some(0), "{log}");
    assert!(log.contains("nearly full"), "{log}");
    let ids: std::collections::HashSet<_> =
        server.requests().iter().map(|request| request.header("webhook-id").to_owned()).collect();
    assert_eq!((ids.len(), server.requests().len()), (accepted, accepted), "each arrived once");
}

#[tokio::test]
async fn a_disk_that_does_not_keep_what_is_written_ends_the_service_with_74() {
    let server = FaultServer::start().await;
    for failing in [3, 6, 9] {
        let desk = desk(&server, "hub.db");
        // The file is made before, so that the failing sync is one of a commit.
        assert_eq!(desk.run("tasks list").code, 0);
        let inject = format!("inject=fsync,fdatasync:error=EIO:when={failing}+");
        let mut service = Service::start(&desk, "strace", |program| {
            let arguments = ["-D", "-f", "-o", "/dev/null", "-e", &inject, &program, "serve", "--quiet", "--from", "-"];
            arguments.map(str::to_owned).to_vec()
        });
        let mut acked = Vec::new();
        for number in 0..20 {
            match service.ask(&format!("n {number}")).await {
                Some(answer) if answer["error"] == Value::Null => acked.push(answer["id"].as_str().expect("an id").to_owned()),
                _ => break,
            }
        }
        assert!(acked.len() < 20, "a commit failed");
        let (code, log) = service.ended().await;
        assert!(code == Some(74) && log.contains("disk"), "{code:?} {log}");
        // What was answered is there, and the file is whole.
        assert_eq!(desk.run("check --store").code, 0);
        for id in acked {
            assert_eq!(desk.run(&format!("tasks show {id}")).code, 0, "{id} was answered");
        }
    }
}
