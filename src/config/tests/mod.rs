//! What configurations are read as, and what is said of those that cannot be: what both need.

use std::{fs, path::PathBuf};

use async_trait::async_trait;
use notifyhub_platforms::{
    Adapter, Platform, Registry,
    contract::{Capabilities, ConfigError, Envelope, Parts, Receipt, Secret, SendError},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::*;

mod layers;
mod mistakes;

/// A platform with one key of each kind.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BellConfig {
    /// Where it hangs.
    url: String,
    /// Its key.
    token: Option<Secret>,
    #[serde(default)]
    headers: BTreeMap<String, Secret>,
    #[serde(default)]
    tone: Tone,
    #[serde(default)]
    loud: bool,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Tone {
    /// As a bell.
    #[default]
    High,
    /// As a gong.
    Low,
}

struct Bell;

#[async_trait]
impl Platform for Bell {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    fn verify(&self, recipient: Option<&str>) -> Result<(), SendError> {
        match recipient {
            Some("nobody") => Err(SendError::invalid_recipient("nobody hears bells")),
            _ => Ok(()),
        }
    }

    async fn send(&self, _: &Envelope) -> Result<Receipt, SendError> {
        Err(SendError::unavailable("a bell of paper"))
    }

    async fn check(&self) -> Result<(), SendError> {
        Ok(())
    }
}

impl Adapter for Bell {
    const KIND: &'static str = "bell";
    const SUMMARY: &'static str = "Bells";
    const SCHEMES: &'static [&'static str] = &["bell"];
    type Config = BellConfig;

    fn build(config: BellConfig, _: &Parts) -> Result<Self, ConfigError> {
        if config.loud && matches!(config.tone, Tone::Low) {
            let secret = config.token.as_ref().map_or("none", Secret::expose);
            return Err(ConfigError::at("loud", format!("gongs are never loud, whatever the key {secret} says")));
        }
        assert!(config.headers.values().all(|value| !value.expose().is_empty()));
        if config.url.is_empty() { Err(ConfigError::at("url", "is empty")) } else { Ok(Self) }
    }
}

fn registry() -> Registry {
    Registry::empty().with::<Bell>()
}

fn parts() -> Parts {
    use notifyhub_platforms::testkit::FixedClock;
    struct NoNetwork;
    #[async_trait]
    impl notifyhub_platforms::contract::Transport for NoNetwork {
        async fn exchange(
            &self,
            _: notifyhub_platforms::contract::HttpRequest,
        ) -> Result<notifyhub_platforms::contract::HttpResponse, notifyhub_platforms::contract::TransportError> {
            panic!("a check asks nobody")
        }
    }
    Parts {
        transport: std::sync::Arc::new(NoNetwork),
        clock: std::sync::Arc::new(FixedClock::at_unix(0)),
        allow_private_networks: false,
    }
}

/// Files in a folder of their own, in order, and the environment.
struct Given {
    folder: tempfile::TempDir,
    sources: Sources,
}

fn given(files: &[&str], env: &[(&str, &str)]) -> Given {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |position: usize| folder.path().join(format!("{}.toml", (b'a' + position as u8) as char));
    let files: Vec<PathBuf> = files
        .iter()
        .enumerate()
        .map(|(position, text)| {
            fs::write(path(position), text).expect("it is writable");
            path(position)
        })
        .collect();
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Given { folder, sources: Sources { files, env, flags: Vec::new() } }
}

impl Given {
    fn load(&self) -> Loaded {
        load_and_build(&self.sources, &registry(), &parts()).map(|(loaded, _)| loaded).unwrap_or_else(|errors| panic!("{errors}"))
    }

    /// The first line of each mistake.
    fn mistakes(&self) -> Vec<String> {
        let errors = load_and_build(&self.sources, &registry(), &parts())
            .map(|(loaded, _)| loaded)
            .expect_err("there are mistakes")
            .to_string();
        let folder = format!("{}/", self.folder.path().display());
        errors.lines().filter(|line| !line.starts_with("  ")).map(|line| line.replace(&folder, "")).collect()
    }
}
