//! The command under `strace`, and its trace as a list of steps.

use std::{fs, process::Stdio, time::Duration};

use notifyhub::NotificationId;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::Command,
};

use crate::command::Desk;

/// What the command did, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Bytes at a place in a file.
    Write { file: String, at: u64, bytes: Vec<u8> },
    /// A file got this length.
    Truncate { file: String, length: u64 },
    /// A file, or a folder, was synced.
    Sync { file: String },
    /// A file got another name.
    Rename { from: String, to: String },
    /// A file was removed.
    Remove { file: String },
    /// The sender was told that this is accepted.
    Answered(NotificationId),
}

/// Lets the command accept `count` notifications, one after the other, and kills it.
pub async fn record(durability: &str, count: usize) -> Vec<Step> {
    let lines = (0..count).map(|number| json!({ "to": ["hook"], "body": format!("n {number}") })).collect();
    record_lines(durability, "http://127.0.0.1:9/x", lines).await
}

/// The same with these lines, for whatever listens at `url`.
pub async fn record_lines(durability: &str, url: &str, lines: Vec<Value>) -> Vec<Step> {
    let desk = Desk::with_config(&format!(
        "[store]\npath = \"hub.db\"\ndurability = \"{durability}\"\n[delivery]\nbackoff = {{ initial = \"50ms\", max = \"1s\" }}\n\
         [platforms.hook]\ntype = \"webhook\"\nurl = \"{url}\"\nallow_http = true\nallow_private_networks = true\n",
    ));
    let inner = desk.command("serve --quiet --from -", &[]);
    let mut command = Command::new("strace");
    let calls = "trace=pwrite64,write,fsync,fdatasync,ftruncate,rename,unlink";
    // The traced program is our child, so that it is what we kill.
    command.args(["-D", "-f", "-y", "-xx", "-s", "100000", "-o", "trace", "-e", calls]);
    command
        .arg(inner.get_program())
        .args(inner.get_args())
        .current_dir(desk.path())
        .env_clear()
        .env("NOTIFYHUB__SERVER__LISTEN", "");
    command.env("HOME", desk.path()).env("PATH", "/usr/bin:/bin");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
    let mut child = command.spawn().expect("strace is installed by ./test");
    let mut stdin = child.stdin.take().expect("piped");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    for line in lines {
        stdin.write_all(format!("{line}\n").as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        let read = tokio::time::timeout(Duration::from_secs(20), stdout.read_line(&mut answer)).await;
        assert!(read.expect("in time").expect("it answers") > 0, "it ended");
    }
    child.kill().await.expect("killed");
    let trace = loop {
        let trace = fs::read_to_string(desk.path().join("trace")).expect("a trace");
        // The last line of each thread; the first thread ends last.
        if trace.lines().last().is_some_and(|line| line.contains("+++ killed by SIGKILL")) && ended(&trace) {
            break trace;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let folder = desk.path().canonicalize().expect("it is there");
    steps(&trace, folder.to_str().expect("a plain name"))
}

/// Whether every thread of the trace has ended.
fn ended(trace: &str) -> bool {
    let threads: std::collections::BTreeSet<_> =
        trace.lines().filter_map(|line| line.split_once(' ')).map(|(id, _)| id).collect();
    let ends = trace.lines().filter(|line| line.contains("+++ ")).count();
    ends >= threads.len()
}

/// What of the trace concerns files in `folder`, and the answers.
fn steps(trace: &str, folder: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    // A call that another thread interrupted is completed by a line of its own.
    let mut begun: std::collections::HashMap<String, String> = std::collections::HashMap::new();
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        if let Some(start) = call.strip_suffix(" <unfinished ...>") {
            begun.insert(thread.to_owned(), start.to_owned());
            continue;
        }
        let whole = match call.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            Some((_, rest)) => begun.remove(thread).map(|start| start + rest).unwrap_or_default(),
            None => call.to_owned(),
        };
        if let Some(answers) = answers(&whole) {
            steps.extend(answers.into_iter().map(Step::Answered));
        }
        steps.extend(step(&whole, folder));
    }
    steps
}

fn step(call: &str, folder: &str) -> Option<Step> {
    let (name, rest) = call.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    let arguments = arguments.trim_end().strip_suffix(')')?;
    if result.starts_with('-') {
        return None;
    }
    let arguments: Vec<&str> = arguments.split(", ").collect();
    let of_descriptor = || {
        let text = arguments.first()?.split_once('<')?.1.strip_suffix('>')?;
        local(&text_of(text)?, folder)
    };
    let of_name = |index: usize| {
        let name = text_of(arguments.get(index)?.trim_matches('"'))?;
        local(&name, folder).or_else(|| (!name.starts_with('/')).then_some(name))
    };
    match name {
        "pwrite64" => {
            let bytes = bytes_of(arguments.get(1)?.trim_matches('"'))?;
            Some(Step::Write { file: of_descriptor()?, at: arguments.get(3)?.parse().ok()?, bytes })
        }
        "ftruncate" => Some(Step::Truncate { file: of_descriptor()?, length: arguments.get(1)?.parse().ok()? }),
        "fsync" | "fdatasync" => Some(Step::Sync { file: of_descriptor()? }),
        "rename" => Some(Step::Rename { from: of_name(0)?, to: of_name(1)? }),
        "unlink" => Some(Step::Remove { file: of_name(0)? }),
        _ => None,
    }
}

/// What a call tells the sender, if it writes to stdout.
fn answers(call: &str) -> Option<Vec<NotificationId>> {
    let text = text_of(call.strip_prefix("write(1<")?.split_once(", \"")?.1.split_once('"')?.0)?;
    let id = |line: &str| {
        let answer: Value = serde_json::from_str(line).ok()?;
        answer["id"].as_str()?.parse().ok()
    };
    Some(text.lines().filter_map(id).collect())
}

/// The name within the folder; the folder itself is the empty name.
fn local(path: &str, folder: &str) -> Option<String> {
    let rest = path.strip_prefix(folder)?;
    Some(rest.trim_start_matches('/').to_owned())
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    hex.split("\\x").skip(1).map(|pair| u8::from_str_radix(pair.get(..2)?, 16).ok()).collect()
}

fn text_of(hex: &str) -> Option<String> {
    String::from_utf8(bytes_of(hex)?).ok()
}
