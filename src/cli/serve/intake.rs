//! `serve --from`: notifications come in as lines of JSON while the service runs, and each is answered once it is kept.

use std::path::Path;

use futures_util::{StreamExt, stream::FuturesUnordered};
use serde_json::{Value, json};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::{Hub, cli::send::lines::notification, failpoint::failpoint};

/// Notifications that are being accepted at once: the store commits them in groups.
const UNDER_WAY_MAX: usize = 1024;

/// Reads lines from `path`, `-` being stdin, until there are none; answers each on stdout.
///
/// # Errors
///
/// When it cannot be read, or the answers cannot be written.
pub async fn take_in(hub: &Hub, path: &Path) -> std::io::Result<()> {
    if path.as_os_str() == "-" {
        return take_lines(hub, BufReader::new(tokio::io::stdin())).await;
    }
    take_lines(hub, BufReader::new(tokio::fs::File::open(path).await?)).await
}

async fn take_lines(hub: &Hub, reader: impl AsyncBufRead + Unpin) -> std::io::Result<()> {
    let (mut lines, mut number, mut ended) = (reader.lines(), 0_u64, false);
    let (mut under_way, mut stdout) = (FuturesUnordered::new(), tokio::io::stdout());
    while !ended || !under_way.is_empty() {
        tokio::select! {
            biased;
            Some(answer) = under_way.next() => {
                let mut text = format!("{answer}\n");
                // Whatever else is there is answered in the same write.
                while let Some(Some(answer)) = futures_util::FutureExt::now_or_never(under_way.next()) {
                    text.push_str(&format!("{answer}\n"));
                }
                stdout.write_all(text.as_bytes()).await?;
                stdout.flush().await?;
                failpoint!("accept.answered");
            }
            line = lines.next_line(), if !ended && under_way.len() < UNDER_WAY_MAX => match line? {
                Some(line) => {
                    number += 1;
                    if !line.trim().is_empty() {
                        under_way.push(accept(hub, number, line));
                    }
                }
                None => ended = true,
            },
        }
    }
    Ok(())
}

/// Accepts one line, and says what became of it.
async fn accept(hub: &Hub, line: u64, text: String) -> Value {
    let notification = match notification(text.trim().as_bytes(), &[]) {
        Ok(notification) => notification,
        Err(error) => return json!({ "line": line, "error": error }),
    };
    failpoint!("accept.parsed");
    match hub.send(notification).await {
        Ok(accepted) => {
            let tasks: Vec<_> = accepted.tasks().map(|task| json!({ "id": task.id, "target": task.target })).collect();
            let durability = accepted.durability;
            json!({ "line": line, "id": accepted.id, "durability": durability, "tasks": tasks })
        }
        Err(error) => json!({ "line": line, "error": error.to_string() }),
    }
}
