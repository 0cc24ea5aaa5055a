//! `demo --crash`: the engine is a process of its own, killed half-way and started again.
//!
//! The engine is `notifyhub serve --from -` with a SQLite file; this process writes notifications to its stdin, reads which
//! of them were accepted, and kills it without warning. What had no answer is offered to the next one under the same key.

use std::{collections::BTreeMap, fs, io, path::Path, process::Stdio};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use super::{
    folder::Folder,
    sink::Sink,
    verdict::{Sent, Verdict},
};
use crate::{NotificationId, cli::progress::Progress};

/// What came of it.
#[derive(Debug)]
pub struct Crashed {
    /// Notifications that were accepted.
    pub accepted: u64,
    /// How many of them were accepted when the engine was killed.
    pub before: u64,
    /// How many had arrived by then.
    pub arrived_before: u64,
    /// The rest of the story.
    pub verdict: Verdict,
}

/// Sends `count` notifications to `names` through an engine that is killed half-way.
pub async fn run(count: u64, names: &[String], sink: &Sink, folder: &Folder, mut progress: Progress) -> io::Result<Crashed> {
    let config = folder.path().join("notifyhub.toml");
    write_config(&config, names, sink.urls(), folder.path())?;
    let mut accepted = BTreeMap::new();
    let mut first = Engine::start(&config, false)?;
    first.feed(1..=count, names, count / 2, &mut accepted, &mut progress).await?;
    first.child.kill().await?;
    let (before, arrived_before) = (accepted.len() as u64, sink.arrived());
    let mut second = Engine::start(&config, true)?;
    let rest: Vec<u64> = (1..=count).filter(|number| !accepted.contains_key(number)).collect();
    second.feed(rest.into_iter(), names, u64::MAX, &mut accepted, &mut progress).await?;
    let status = second.child.wait().await?;
    if !status.success() {
        return Err(io::Error::other(format!("the second engine ended with {status}")));
    }
    let arrivals = sink.take_arrivals();
    // One kill, and what the sink did not answer: so many attempts of each may have arrived without anybody knowing.
    let ambiguous = |id: &crate::TaskId| 1 + arrivals.seen.get(id).map_or(0, |seen| seen.unanswered);
    let sent: Vec<_> = accepted.values().map(|id| id.task(0)).map(|id| Sent { id, ambiguous: ambiguous(&id) }).collect();
    Ok(Crashed { accepted: accepted.len() as u64, before, arrived_before, verdict: Verdict::of(&sent, &arrivals) })
}

fn write_config(path: &Path, names: &[String], urls: &[String], folder: &Path) -> io::Result<()> {
    let mut text = format!(
        "[server]\nlisten = \"\"\n[store]\npath = {}\n[delivery]\nbackoff = {{ initial = \"50ms\", max = \"2s\", factor = 2.0 }}\n\
         breaker = {{ recovery_timeout = \"1s\" }}\n",
        json!(folder.join("notifyhub.db"))
    );
    for (name, url) in names.iter().zip(urls) {
        text += &format!(
            "[platforms.{name}]\ntype = \"webhook\"\nurl = {}\nallow_http = true\nallow_private_networks = true\n",
            json!(url)
        );
    }
    fs::write(path, text)
}

/// An engine in a process of its own; dropped, it is killed.
struct Engine {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Engine {
    fn start(config: &Path, until_empty: bool) -> io::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve", "--quiet", "--from", "-", "--config"]).arg(config);
        if until_empty {
            command.arg("--until-empty");
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let gone = || io::Error::other("the engine has no stdout");
        let stdout = BufReader::new(child.stdout.take().ok_or_else(gone)?);
        Ok(Self { stdin: child.stdin.take(), child, stdout })
    }

    /// Offers these notifications until `enough` of them are accepted, or all are.
    async fn feed(
        &mut self,
        numbers: impl Iterator<Item = u64>,
        names: &[String],
        enough: u64,
        accepted: &mut BTreeMap<u64, NotificationId>,
        progress: &mut Progress,
    ) -> io::Result<()> {
        let numbers: Vec<u64> = numbers.collect();
        let name = |number: u64| &names[usize::try_from(number).unwrap_or_default() % names.len()];
        let line = |number: &u64| {
            let body = format!("notification {number}");
            format!("{}\n", json!({ "to": [name(*number)], "body": body, "idempotency_key": format!("demo-{number}") }))
        };
        let text: String = numbers.iter().map(line).collect();
        let stdin = self.stdin.take();
        let write = async {
            if let Some(mut stdin) = stdin {
                // Whoever is killed reads no more.
                let _ = stdin.write_all(text.as_bytes()).await;
            }
            Ok(())
        };
        let read = async {
            let mut lines = (&mut self.stdout).lines();
            let mut left = numbers.len();
            while left > 0
                && (accepted.len() as u64) < enough
                && let Some(line) = lines.next_line().await?
            {
                let answer: Value = serde_json::from_str(&line)?;
                let place = answer["line"].as_u64().and_then(|line| usize::try_from(line).ok()).unwrap_or_default();
                let id = answer["id"].as_str().and_then(|id| id.parse().ok());
                let (Some(id), Some(number)) = (id, place.checked_sub(1).and_then(|place| numbers.get(place))) else {
                    return Err(io::Error::other(format!("the engine answered {line}")));
                };
                accepted.insert(*number, id);
                left -= 1;
                progress.advance();
            }
            Ok::<_, io::Error>(())
        };
        tokio::pin!(read);
        tokio::select! {
            read = &mut read => read,
            done = write => { done.and(read.await) }
        }
    }
}
