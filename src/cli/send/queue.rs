//! `send --queue`: commits to the configured store and returns; `notifyhub serve` delivers.

use serde_json::{Value, json};

use super::{delivery::refused, input::Batch};
use crate::{
    HubBuilder, UrlTargets,
    cli::{Context, Exit, Failure, Format, planes},
    config::{Loaded, StoreKind},
};

/// Commits `batch`, and prints one row per target.
pub fn queue(context: &Context, loaded: &Loaded, batch: Batch) -> Result<Exit, Failure> {
    if loaded.config.store.kind == StoreKind::Memory {
        let message =
            "nothing can be queued in memory, which is gone with this command; set `store.type` to \"sqlite\" or \"postgres\"";
        return Err(Failure::new(Exit::Config, message));
    }
    let records = planes::one_for_all()?.block_on(async {
        let builder = HubBuilder::from_sources(&context.sources(), context.registry.clone())?;
        // Whoever names a URL here may write the file of the service.
        let hub = builder.url_targets(UrlTargets::Trusted).queue_only().start().await?;
        let Batch { notifications, lines } = batch;
        let accepted = hub.send_all(notifications).await;
        let accepted = accepted.map_err(|error| refused(error, lines.as_deref(), &hub, &context.registry))?;
        let rows = accepted.accepted.iter().flat_map(|accepted| {
            accepted.tasks().map(|task| {
                json!({ "notification": accepted.id, "correlation_id": accepted.correlation_id.to_string(), "task": task.id,
                    "target": task.target, "state": "waiting", "durability": accepted.durability })
            })
        });
        Ok::<Vec<Value>, Failure>(rows.collect())
    })?;
    let mut output = context.output();
    match output.format() {
        Format::Table => {
            let line = |row: &Value| {
                let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
                format!("queued     {}  id={} ({})\n", text("target"), text("task"), text("durability"))
            };
            output.text(&records.iter().map(line).collect::<String>())?;
        }
        Format::Json | Format::Ndjson => output.list(&[], &records)?,
    }
    Ok(Exit::Done)
}
