//! One JSON Schema for the whole file: what editors complete from, and what the checks go by.

use notifyhub_platforms::Registry;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::{AccountConfig, DeliveryConfig, PoolConfig, RouteConfig, ServerConfig, StoreConfig, TelemetryConfig};

/// The schema of every configuration file (JSON Schema draft 2020-12), with all platform types of `registry`.
///
/// Beside the standard's words it has our own: `x-secret` (never shown), `x-format` (`duration`, `rate`, `target`) with
/// `x-min` and `x-max`, and `x-platforms` (a table's keys are decided by its `type`).
pub fn schema(registry: &Registry) -> Value {
    let mut defs = Map::new();
    let sections = json!({
        "pool": section::<PoolConfig>("pool", "The workers.", &mut defs),
        "store": section::<StoreConfig>("store", "Where accepted work is kept.", &mut defs),
        "delivery": section::<DeliveryConfig>("delivery", "How tasks are delivered; each platform may override it.", &mut defs),
        "telemetry": section::<TelemetryConfig>("telemetry", "Logs, to stderr.", &mut defs),
        "server": section::<ServerConfig>("server", "What `serve` answers over HTTP.", &mut defs),
        "platforms": platforms(registry, &mut defs),
        "groups": {
            "description": "Names for several targets: a notification to `@name` goes to all of them.",
            "type": "object",
            "additionalProperties": {
                "type": "array",
                "items": {"type": "string", "minLength": 1, "x-format": "target"}
            }
        },
        "accounts": {
            "description": "Limits that several platforms share: each names one with `account`.",
            "type": "object",
            "additionalProperties": section::<AccountConfig>("account", "One account.", &mut defs),
        },
        "routes": {
            "description": "Targets that are tried one after the other: a notification to `@name` goes to the first that delivers it.",
            "type": "object",
            "additionalProperties": section::<RouteConfig>("route", "One route.", &mut defs),
        }
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "notifyhub configuration",
        "type": "object",
        "properties": sections,
        "additionalProperties": false,
        "$defs": defs,
    })
}

/// Every key that has a default, with it.
pub(super) fn defaults() -> Value {
    json!({
        "pool": PoolConfig::default(),
        "store": StoreConfig::default(),
        "delivery": DeliveryConfig::default(),
        "telemetry": TelemetryConfig::default(),
        "server": ServerConfig::default(),
    })
}

/// The keys that every platform's table may hold beside its adapter's own, `type` left out.
pub(crate) fn shared_keys() -> Map<String, Value> {
    let mut keys = properties(&SchemaGenerator::default().into_root_schema_for::<DeliveryConfig>().to_value());
    // A lease is a node's, not a platform's.
    keys.remove("lease");
    for key in keys.values_mut() {
        let Some(key) = key.as_object_mut() else { continue };
        key.remove("default");
        if let Some(text) = key.get("description").and_then(Value::as_str) {
            let text = text.split(" Default:").next().unwrap_or(text);
            key.insert("description".into(), format!("{text} Default: as in `[delivery]`.").into());
        }
    }
    let recipient =
        json!({"description": "The recipient of targets that name none. Default: none.", "type": "string", "minLength": 1});
    keys.insert("recipient".into(), recipient);
    keys
}

/// Where the schema of a platform type stands.
pub(super) fn platform_pointer(kind: &str) -> String {
    format!("/$defs/platform.{kind}")
}

fn section<T: JsonSchema>(name: &str, description: &str, defs: &mut Map<String, Value>) -> Value {
    let schema = hoist("", SchemaGenerator::default().into_root_schema_for::<T>().to_value(), defs);
    defs.insert(name.into(), schema);
    json!({"$ref": format!("#/$defs/{name}"), "description": description})
}

fn platforms(registry: &Registry, defs: &mut Map<String, Value>) -> Value {
    let mut choices = Vec::new();
    for kind in registry.kinds() {
        let own = registry.schema(kind).map(|schema| schema.to_value()).unwrap_or_default();
        let own = hoist(&format!("{kind}."), own, defs);
        defs.insert(format!("platform.{kind}"), platform(kind, registry.summary(kind).unwrap_or_default(), own));
        choices.push(json!({"$ref": format!("#{}", platform_pointer(kind))}));
    }
    json!({
        "description": "Destination accounts, one table each: `[platforms.NAME]`.",
        "type": "object",
        "propertyNames": {"pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"},
        "additionalProperties": if choices.is_empty() { json!(false) } else { json!({"oneOf": choices}) },
        "x-platforms": true,
    })
}

/// An adapter's own keys, together with `type` and the shared ones. An own key of the same name never reaches its adapter.
fn platform(kind: &str, summary: &str, mut own: Value) -> Value {
    let mut all = properties(&own);
    all.extend(shared_keys());
    all.insert("type".into(), json!({"description": "The platform type.", "const": kind}));
    let mut required = vec![json!("type")];
    required.extend(own.get("required").and_then(Value::as_array).cloned().unwrap_or_default());
    let mut table = json!({"title": kind, "description": summary, "type": "object", "properties": all, "required": required});
    // An adapter whose keys come in variants keeps them: they are looked into by the checks, and by editors.
    for word in ["oneOf", "anyOf", "allOf"] {
        if let Some(variants) = own.get_mut(word) {
            table[word] = variants.take();
        }
    }
    let closed = if table.get("oneOf").or(table.get("anyOf")).or(table.get("allOf")).is_some() {
        "unevaluatedProperties"
    } else {
        "additionalProperties"
    };
    table[closed] = json!(false);
    table
}

fn properties(schema: &Value) -> Map<String, Value> {
    schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default()
}

/// Moves a schema's `$defs` into `defs`, each under `prefix`, and makes its `$ref`s follow.
fn hoist(prefix: &str, mut schema: Value, defs: &mut Map<String, Value>) -> Value {
    let own = schema.as_object_mut().and_then(|schema| schema.remove("$defs"));
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("$schema");
    }
    rename(prefix, &mut schema);
    for (name, mut definition) in own.and_then(|own| own.as_object().cloned()).into_iter().flatten() {
        rename(prefix, &mut definition);
        defs.insert(format!("{prefix}{name}"), definition);
    }
    schema
}

fn rename(prefix: &str, schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            for (word, value) in map {
                match (word.as_str(), value.as_str().and_then(|value| value.strip_prefix("#/$defs/"))) {
                    ("$ref", Some(name)) => *value = format!("#/$defs/{prefix}{name}").into(),
                    _ => rename(prefix, value),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| rename(prefix, value)),
        _ => {}
    }
}
