//! The command, fed by its stdin, and how it is killed.

use std::{process::Stdio, time::Duration};

use notifyhub::NotificationId;
use rand::{Rng, rngs::SmallRng};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::{sleep, timeout},
};

use crate::command::Desk;

/// The points of the command, in the order a notification comes by them.
pub const POINTS: [&str; 13] = [
    "migrate.step",
    "rescue.in_tx",
    "accept.parsed",
    "accept.in_tx",
    "accept.synced",
    "accept.answered",
    "claim.in_tx",
    "claim.committed",
    "send.connecting",
    "send.answered",
    "complete.in_tx",
    "complete.committed",
    "retry.in_tx",
];

/// How it ends.
#[derive(Debug, Clone)]
pub enum Kill {
    /// By itself.
    Never,
    /// SIGKILL after so long.
    After(Duration),
    /// It dies at a named point, or else after a second.
    At(String),
    /// SIGTERM after so long, and SIGKILL after so long again.
    Told(Duration, Duration),
}

impl Kill {
    pub fn random(rng: &mut SmallRng) -> Self {
        let mut millis = |range| Duration::from_millis(rng.random_range(range));
        let (after, again) = (millis(50..1_200), millis(0..300));
        match rng.random_range(0..100) {
            0..80 => Self::After(after),
            80..95 => {
                let point = POINTS[rng.random_range(0..POINTS.len())];
                Self::At(format!("{point}:{}", rng.random_range(1..200)))
            }
            _ => Self::Told(after, again),
        }
    }
}

/// What came of one life.
#[derive(Debug, Default)]
pub struct Told {
    pub acked: Vec<(u64, NotificationId)>,
    pub killed: bool,
}

/// A running command.
pub struct Engine {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Engine {
    pub fn start(desk: &Desk, kill: &Kill) -> Self {
        let arguments = match kill {
            Kill::Never => "serve --quiet --grace 5s --until-empty --from -",
            _ => "serve --quiet --grace 5s --from -",
        };
        let mut command = Command::from(desk.command(arguments, &[]));
        if let Kill::At(point) = kill {
            command.env("NOTIFYHUB_FAILPOINT", point);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
        let mut child = command.spawn().expect("the command starts");
        let stdin = child.stdin.take().expect("piped");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, stdin, stdout }
    }

    /// Feeds it these numbers and reads its answers until it is dead.
    pub async fn feed_until_killed(self, numbers: Vec<u64>, kill: &Kill) -> Told {
        let Self { mut child, mut stdin, stdout } = self;
        let lines = lines(&numbers);
        let feed = async {
            // It may die while it reads.
            let _ = stdin.write_all(lines.as_bytes()).await;
            std::future::pending::<()>().await;
        };
        let mut told = Told { killed: true, ..Told::default() };
        let pid = child.id().expect("it runs").to_string();
        let end = async {
            match kill {
                Kill::Never => std::future::pending().await,
                Kill::After(after) => sleep(*after).await,
                Kill::At(_) => sleep(Duration::from_secs(1)).await,
                Kill::Told(after, again) => {
                    sleep(*after).await;
                    let _ = std::process::Command::new("kill").args(["-s", "TERM", &pid]).status();
                    sleep(*again).await;
                }
            }
        };
        {
            let read = answers(stdout, &numbers, &mut told.acked);
            tokio::pin!(read);
            tokio::select! {
                () = feed => unreachable!("it never ends"),
                () = &mut read => {}
                () = end => {
                    let _ = child.start_kill();
                    read.await;
                }
            }
        }
        let status = child.wait().await.expect("it ends");
        told.killed = status.code() != Some(0);
        told
    }

    /// Feeds it these numbers, and waits until it has nothing left to do.
    pub async fn feed_until_empty(self, numbers: Vec<u64>, within: Duration) -> Vec<(u64, NotificationId)> {
        let Self { mut child, mut stdin, stdout } = self;
        let lines = lines(&numbers);
        let mut acked = Vec::new();
        let feed = async {
            stdin.write_all(lines.as_bytes()).await.expect("it reads");
            drop(stdin);
        };
        let work = async {
            tokio::join!(feed, answers(stdout, &numbers, &mut acked));
            child.wait().await.expect("it ends")
        };
        assert_eq!(timeout(within, work).await.expect("it ends in time").code(), Some(0));
        acked
    }
}

/// One notification a line; the key is the number's.
fn lines(numbers: &[u64]) -> String {
    let line = |number: &u64| {
        let line = json!({ "to": ["hook"], "body": format!("n {number}"), "idempotency_key": format!("key-{number}") });
        format!("{line}\n")
    };
    numbers.iter().map(line).collect()
}

/// Reads answers until there are no more; the last line may be torn.
async fn answers(mut stdout: BufReader<ChildStdout>, numbers: &[u64], acked: &mut Vec<(u64, NotificationId)>) {
    let mut line = String::new();
    while stdout.read_line(&mut line).await.is_ok_and(|length| length > 0) {
        if line.ends_with('\n') {
            let answer: Value = serde_json::from_str(&line).expect("an answer is JSON");
            assert_eq!(answer["error"], Value::Null, "{answer}");
            let place = usize::try_from(answer["line"].as_u64().expect("a number")).expect("small") - 1;
            let id = answer["id"].as_str().expect("an id").parse().expect("an id");
            acked.push((numbers[place], id));
        }
        line.clear();
    }
}
