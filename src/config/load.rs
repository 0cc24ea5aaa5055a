//! From sources to a configuration: read, check, layer, and check what only the whole can tell.

use std::ops::Range;

use notifyhub_platforms::{Registry, contract::Parts};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    Config, ConfigErrors, Entry, Loaded, PoolConfig, Sources,
    accounts::{self, Accounts},
    check, env, file, groups,
    layering::{self, Merged},
    loaded,
    mistake::Mistake,
    references::{self, References},
    routes, schema,
    shape::Shape,
    shared_limits, shared_store,
    source::{Layer, Source},
    tree::Node,
    whole_pool,
};

/// Reads a configuration. No platform is built and no secret is fetched: see [`load_and_build`].
///
/// # Errors
///
/// Every mistake there is, each with its place.
pub fn load(sources: &Sources, registry: &Registry) -> Result<Loaded, ConfigErrors> {
    read(sources, registry, None).map(|(loaded, _)| loaded)
}

/// Reads a configuration and builds every platform in it, which fetches their secrets.
///
/// # Errors
///
/// Every mistake there is, each with its place: also what adapters refuse, secrets that cannot be had, and recipients that
/// platforms cannot address.
pub fn load_and_build(sources: &Sources, registry: &Registry, parts: &Parts) -> Result<(Loaded, Accounts), ConfigErrors> {
    read(sources, registry, Some(parts))
}

fn read(sources: &Sources, registry: &Registry, parts: Option<&Parts>) -> Result<(Loaded, Accounts), ConfigErrors> {
    let document = schema::schema(registry);
    let mut mistakes = Vec::new();
    let mut layers = vec![Layer { source: Source::Default, root: Node::bare(schema::defaults()) }];
    for path in &sources.files {
        layers.push(file::read(layers.len(), path, &mut mistakes));
    }
    let variables = env::variables(&sources.env);
    let kinds = env::kinds(&variables, &layers);
    let shape = Shape::root(&document, &kinds);
    let files = layers.len();
    for (name, value) in &variables {
        layers.push(env::layer(name, value, &layers[..files], shape));
    }
    for flag in &sources.flags {
        layers.push(Layer { source: Source::Flag(flag.name.clone()), root: Node::nested(&flag.key, flag.value.clone()) });
    }
    let unreadable = !mistakes.is_empty();
    let mut draft = Draft::new(layers, shape, mistakes);
    // Of a whole with a hole in it, nothing can be said but of its parts.
    let (config, accounts) = if unreadable { (None, Accounts::new()) } else { draft.finish(registry, parts) };
    match (ConfigErrors::collect(draft.mistakes), config) {
        (None, Some(config)) => {
            let (entries, warnings) = (entries(&draft.merged, &draft.layers, shape), warnings(&draft.layers, shape));
            Ok((Loaded { config, files: sources.files.clone(), warnings, entries }, accounts))
        }
        (Some(errors), _) => Err(errors),
        (None, None) => unreachable!("a section that cannot be read is reported as a mistake"),
    }
}

/// A configuration on its way: its layers, what they say together, and the mistakes so far.
pub(super) struct Draft<'a> {
    pub(super) layers: Vec<Layer>,
    pub(super) shape: Shape<'a>,
    pub(super) merged: Merged,
    pub(super) mistakes: Vec<Mistake>,
    /// For each layer, the parts of its text that may not be shown.
    hidden: Vec<Vec<Range<usize>>>,
}

impl<'a> Draft<'a> {
    fn new(layers: Vec<Layer>, shape: Shape<'a>, mistakes: Vec<Mistake>) -> Self {
        let hidden = layers.iter().map(|layer| {
            let mut hidden = Vec::new();
            check::hidden(Some(shape), &layer.root, &mut hidden);
            hidden
        });
        let hidden = hidden.collect();
        let merged = layering::merge(&layers, shape);
        let failed = merged.as_ref().err().cloned();
        let mut draft = Self { merged: merged.unwrap_or(Merged::Section(Default::default())), layers, shape, mistakes, hidden };
        if let Some(reason) = failed {
            draft.report(0, 0..0, &[], reason);
        }
        for layer in 0..draft.layers.len() {
            for problem in check::problems(shape, &draft.layers[layer].root) {
                draft.report(layer, problem.at, &problem.path, problem.message);
            }
        }
        draft
    }

    /// Reports a mistake at a place of a layer.
    fn report(&mut self, layer: usize, at: Range<usize>, key: &[String], message: String) {
        let hidden = self.hidden.get(layer).map_or(&[][..], Vec::as_slice);
        self.mistakes.push(Mistake::at(&self.layers, layer, at, hidden, key, message));
    }

    /// Reports a mistake at a key, wherever it was set last; where it was not set, at the nearest table around it.
    pub(super) fn report_at(&mut self, path: &[String], message: String) {
        for length in (0..=path.len()).rev() {
            let known = &path[..length];
            let set = |layer: &usize| {
                self.layers[*layer].root.find(known).is_some() && !matches!(self.layers[*layer].source, Source::Default)
            };
            let Some(layer) = (0..self.layers.len()).rev().find(set) else { continue };
            let at = self.layers[layer].root.find(known).map(Node::mark).unwrap_or_default();
            return self.report(layer, at, path, message);
        }
        self.report(0, 0..0, path, message);
    }

    /// Whether nothing is wrong at `path` and below.
    pub(super) fn is_sound(&self, path: &[&str]) -> bool {
        !self.mistakes.iter().any(|mistake| mistake.is_within(path))
    }

    /// A section as its type; `None`, with a mistake reported, where it is unsound.
    fn section<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        self.is_sound(&[name]).then(|| self.value(&[name])).flatten()
    }

    /// The value at `path` as its type; `None`, with a mistake reported, where it is none.
    pub(super) fn value<T: DeserializeOwned>(&mut self, at: &[&str]) -> Option<T> {
        let value = self.merged.find(at).map_or_else(|| Value::Object(Default::default()), Merged::json);
        serde_path_to_error::deserialize(value)
            .map_err(|error| {
                let outer = at.iter().map(|name| (*name).to_owned());
                let path: Vec<String> = outer.chain(accounts::segments(&error.path().to_string())).collect();
                let message = format!("`{}`: {}", super::tree::dotted(&path), error.inner());
                self.report_at(&path, message);
            })
            .ok()
    }

    fn finish(&mut self, registry: &Registry, parts: Option<&Parts>) -> (Option<Config>, Accounts) {
        let (pool, store, delivery): (Option<PoolConfig>, _, _) =
            (self.section("pool"), self.section("store"), self.section("delivery"));
        let (telemetry, server) = (self.section("telemetry"), self.section("server"));
        if let Some(pool) = &pool {
            whole_pool::check(self, pool);
        }
        let platforms = accounts::read(self);
        if let (Some(store), Some(delivery)) = (&store, &delivery) {
            shared_store::check(self, store, delivery, &platforms);
        }
        let accounts = parts.map(|parts| accounts::build(self, &platforms, registry, parts)).unwrap_or_default();
        let shared = shared_limits::read(self, delivery.as_ref(), &platforms);
        let collective = [references::names(self, "groups"), references::names(self, "routes")].concat();
        let known = references::names(self, "platforms");
        let references = References { known, collective, platforms: &platforms, accounts: &accounts, registry, parts };
        let (groups, routes) = (groups::read(self, &references), routes::read(self, &references));
        let config = || {
            Some(Config {
                pool: pool?,
                store: store?,
                delivery: delivery?,
                platforms,
                groups,
                routes,
                accounts: shared,
                telemetry: telemetry?,
                server: server?,
            })
        };
        (config(), accounts)
    }
}

fn entries(merged: &Merged, layers: &[Layer], shape: Shape<'_>) -> Vec<Entry> {
    let entry = |(path, value, layer): (Vec<String>, &Value, usize)| {
        let at = layers[layer].root.find(&path).map_or(0, |node| node.mark().start);
        Entry {
            key: super::tree::dotted(&path),
            value: loaded::redacted(shape.find(&path), &Node::bare(value.clone())),
            origin: layers[layer].origin(at),
        }
    };
    merged.values().into_iter().map(entry).collect()
}

/// Files whose secrets everybody on the machine can read.
fn warnings(layers: &[Layer], shape: Shape<'_>) -> Vec<String> {
    let exposed = |layer: &Layer| {
        let Source::File(file) = &layer.source else { return None };
        let key = loaded::inline_secret(shape, &layer.root, &mut Vec::new())?;
        let path = file.path.display();
        others_can_read(&file.path)
            .then(|| format!("{path}: others can read this file, and `{key}` holds a secret; run `chmod 600 {path}`, or write {{ env = \"NAME\" }}"))
    };
    layers.iter().filter_map(exposed).collect()
}

#[cfg(unix)]
fn others_can_read(path: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn others_can_read(_: &std::path::Path) -> bool {
    false
}
