//! `notifyhub endpoints`: endpoints that fail, and sending to one again. The store's file is opened, so no other process may own it.

use clap::Subcommand;
use serde_json::{Value, json};

use super::{
    Context, Exit, Failure, planes,
    tasks::{failed, open},
};
use crate::{
    server::time,
    store::{Endpoint, Failing},
    task::{PlatformName, Target},
};

/// List endpoints that fail or are sent to no more, or enable them
#[derive(Debug, Subcommand)]
pub enum Endpoints {
    /// List those that are sent to no more, and those that have failed for over an hour
    List,
    /// Send to them again; what is dead stays so until `dead requeue --reason disabled`
    Enable {
        /// Targets: `platform`, or `platform:recipient`
        #[arg(required = true, value_name = "TARGET")]
        targets: Vec<String>,
    },
}

impl Endpoints {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        planes::one_for_all()?.block_on(async {
            let hub = open(context).await?;
            match self {
                Self::List => {
                    let failing = hub.endpoints().failing().await.map_err(failed)?;
                    let records: Vec<_> = failing.iter().map(record).collect();
                    context.output().list(&["target", "state", "since", "why"], &records)?;
                    Ok(Exit::Done)
                }
                Self::Enable { targets } => {
                    let endpoints: Result<Vec<_>, _> = targets.iter().map(|target| endpoint(target)).collect();
                    let (mut records, mut all_known) = (Vec::new(), true);
                    for (target, endpoint) in targets.iter().zip(endpoints?) {
                        let known = hub.endpoints().enable(&endpoint).await.map_err(failed)?;
                        all_known &= known;
                        records.push(json!({ "target": target, "enabled": known }));
                    }
                    context.output().list(&["target", "enabled"], &records)?;
                    Ok(if all_known { Exit::Done } else { Exit::Failed })
                }
            }
        })
    }
}

/// What a target means here: the name of a platform that came as a URL is that URL as it is shown.
fn endpoint(target: &str) -> Result<Endpoint, Failure> {
    let bad = |reason: String| Failure::new(Exit::Usage, format!("`{target}`: {reason}; `endpoints list` shows what there is"));
    match target.parse::<Target>() {
        Ok(Target::Platform { platform, recipient }) => {
            Ok(Endpoint { platform, recipient: recipient.as_deref().map(Into::into) })
        }
        Ok(Target::Url(url)) => Ok(Endpoint { platform: PlatformName::internal(&*url), recipient: None }),
        Ok(Target::Group(_)) => Err(bad("expected `platform` or `platform:recipient`".to_owned())),
        Err(error) => Err(bad(error.to_string())),
    }
}

fn record(failing: &Failing) -> Value {
    let Failing { endpoint: Endpoint { platform, recipient }, since, disabled } = failing;
    let target = recipient.as_ref().map_or_else(|| platform.to_string(), |recipient| format!("{platform}:{recipient}"));
    json!({
        "target": target,
        "state": if disabled.is_some() { "disabled" } else { "failing" },
        "since": time(disabled.as_ref().map_or(*since, |disabled| disabled.at)),
        "why": disabled.as_ref().map(|disabled| &*disabled.why),
    })
}
