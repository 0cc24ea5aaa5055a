//! JSON Schemas of the contract's types, for configuration that mentions them.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::contract::Secret;

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let source = |name: &str, value: Schema| json_schema!({"type": "object", "properties": {name: value}, "required": [name], "additionalProperties": false});
        json_schema!({
            "description": "A secret: \"inline\", { env = \"NAME\" }, { file = \"PATH\" } or { cmd = [\"PROGRAM\", \"ARG\"] }",
            "x-secret": true,
            "anyOf": [
                {"type": "string"},
                source("env", json_schema!({"type": "string"})),
                source("file", json_schema!({"type": "string"})),
                source("cmd", json_schema!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})),
            ]
        })
    }
}
