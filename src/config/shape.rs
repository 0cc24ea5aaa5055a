//! A place in the configuration's JSON Schema: what may stand there.

use std::{collections::BTreeMap, sync::LazyLock};

use serde_json::{Value, json};

use super::schema::platform_pointer;

/// Which platform is of which type: it decides the keys of its table.
pub(crate) type Kinds = BTreeMap<String, String>;

/// What may stand at one place.
#[derive(Clone, Copy)]
pub(crate) struct Shape<'a> {
    document: &'a Value,
    kinds: &'a Kinds,
    at: &'a Value,
}

static ANYTHING: Value = Value::Bool(true);
static UNTYPED: LazyLock<Value> = LazyLock::new(|| json!({"type": "object", "properties": {}, "additionalProperties": false}));
static VARIANTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];

impl<'a> Shape<'a> {
    /// The whole file.
    pub(crate) fn root(document: &'a Value, kinds: &'a Kinds) -> Self {
        Self { document, kinds, at: document }
    }

    fn to(self, at: &'a Value) -> Self {
        Self { at, ..self }
    }

    /// A word of the schema at this very place, references followed.
    pub(crate) fn word(self, word: &str) -> Option<&'a Value> {
        self.at.get(word).or_else(|| self.target().at.get(word))
    }

    fn target(self) -> Self {
        let mut shape = self;
        // Bounded, so that a schema that refers to itself ends.
        for _ in 0..16 {
            let pointer = shape.at.get("$ref").and_then(Value::as_str).and_then(|pointer| pointer.strip_prefix('#'));
            match pointer.and_then(|pointer| self.document.pointer(pointer)) {
                Some(at) => shape = self.to(at),
                None => break,
            }
        }
        shape
    }

    /// The different things that may stand here; one, where there is no choice. "Nothing" is not among them.
    pub(crate) fn alternatives(self) -> Vec<Self> {
        let shape = self.target();
        if shape.at.get("properties").is_none() {
            for variants in ["anyOf", "oneOf"] {
                if let Some(list) = shape.at.get(variants).and_then(Value::as_array) {
                    return list.iter().flat_map(|at| self.to(at).alternatives()).filter(|shape| !shape.is_null()).collect();
                }
            }
        }
        vec![shape]
    }

    fn is_null(self) -> bool {
        self.at.get("type").is_some_and(|kind| kind == "null")
    }

    /// Whether anything at all may stand here.
    pub(crate) fn is_anything(self) -> bool {
        let at = self.target().at;
        at == &ANYTHING
            || at.as_object().is_some_and(|at| {
                !["type", "const", "enum", "anyOf", "oneOf", "allOf", "properties", "x-format"]
                    .iter()
                    .any(|word| at.contains_key(*word))
            })
    }

    /// Whether a table stands here whose keys are layered one by one. Other tables are one value: they are replaced whole.
    pub(crate) fn is_section(self) -> bool {
        let [only] = self.alternatives()[..] else { return false };
        let keyed =
            |only: Self| only.at.get("properties").or(only.at.get("additionalProperties")).is_some_and(|keys| keys != false);
        only.is_platforms() || (only.takes("object") && keyed(only))
    }

    /// Whether this is the table of all platforms.
    pub(crate) fn is_platforms(self) -> bool {
        self.target().at.get("x-platforms").is_some_and(|mark| mark == true)
    }

    /// A platform's table, where its type is not known: of its keys, none is known.
    pub(crate) fn untyped(self) -> Self {
        self.to(&UNTYPED)
    }

    /// The platform types there are, where this is the table of all platforms.
    pub(crate) fn kinds(self) -> Vec<&'a str> {
        let defs = self.document.get("$defs").and_then(Value::as_object).into_iter().flatten();
        defs.filter_map(|(name, _)| name.strip_prefix("platform.")).collect()
    }

    /// Whether a credential stands here.
    pub(crate) fn is_secret(self) -> bool {
        let marked = |shape: Self| shape.at.get("x-secret").is_some_and(|mark| mark == true);
        let target = self.target();
        marked(self)
            || marked(target)
            || ["anyOf", "oneOf"].iter().any(|word| {
                let members = target.at.get(*word).and_then(Value::as_array);
                members.is_some_and(|members| members.iter().any(|at| self.to(at).is_secret()))
            })
    }

    /// Whether credentials stand somewhere inside.
    pub(crate) fn holds_secrets(self) -> bool {
        self.holds_secrets_within(8)
    }

    fn holds_secrets_within(self, depth: usize) -> bool {
        let below = |shape: Self| shape.holds_secrets_within(depth - 1);
        self.is_secret()
            || (depth > 0
                && self.alternatives().into_iter().any(|shape| {
                    let inner = ["items", "additionalProperties"].iter().filter_map(|word| shape.at.get(*word));
                    inner.map(|at| shape.to(at)).any(below)
                        || shape.keys().into_iter().filter_map(|key| shape.property(key)).any(below)
                }))
    }

    /// Whether a value of this JSON type may stand here.
    pub(crate) fn takes(self, json_type: &str) -> bool {
        let fits = |wanted: &str| wanted == json_type || (wanted == "number" && json_type == "integer");
        match self.at.get("type") {
            Some(Value::String(wanted)) => fits(wanted),
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).any(fits),
            _ if self.at.get("const").or(self.at.get("enum")).is_some() => json_type == "string",
            _ => true,
        }
    }

    /// The words that may stand here, where only certain words may.
    pub(crate) fn words(self) -> Option<Vec<&'a str>> {
        let mut words = Vec::new();
        for shape in self.alternatives() {
            match (shape.at.get("const"), shape.at.get("enum").and_then(Value::as_array)) {
                (Some(word), _) => words.push(word.as_str()?),
                (None, Some(list)) => words.extend(list.iter().filter_map(Value::as_str)),
                (None, None) => return None,
            }
        }
        Some(words)
    }

    /// The keys that may stand in this table, where they are known.
    pub(crate) fn keys(self) -> Vec<&'a str> {
        let shape = self.target();
        let mut keys: Vec<_> =
            shape.at.get("properties").and_then(Value::as_object).into_iter().flatten().map(|(key, _)| key.as_str()).collect();
        keys.extend(shape.variants().flat_map(Self::keys));
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The keys that a table here may have, where they are known.
    pub(crate) fn fields(self) -> Vec<&'a str> {
        self.alternatives().into_iter().flat_map(Self::keys).collect()
    }

    /// The keys that must stand in this table.
    pub(crate) fn required(self) -> Vec<&'a str> {
        let required = self.target().at.get("required").and_then(Value::as_array);
        required.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// What may stand at a key of this table; `None` where the key may not.
    pub(crate) fn property(self, key: &str) -> Option<Self> {
        let shape = self.target();
        if shape.is_platforms() {
            let kind = self.kinds.get(key)?;
            return Some(self.to(self.document.pointer(&platform_pointer(kind))?));
        }
        if let Some(at) = shape.at.get("properties").and_then(|all| all.get(key)) {
            return Some(self.to(at));
        }
        if let Some(found) =
            shape.variants().find_map(|variant| variant.keys().contains(&key).then(|| variant.property(key)).flatten())
        {
            return Some(found);
        }
        match shape.at.get("additionalProperties").or(shape.at.get("unevaluatedProperties")) {
            Some(Value::Bool(false)) => None,
            Some(more) => Some(self.to(more)),
            None => Some(self.to(&ANYTHING)),
        }
    }

    /// What may stand in this list.
    pub(crate) fn item(self) -> Self {
        self.to(self.target().at.get("items").unwrap_or(&ANYTHING))
    }

    /// What may stand at the end of a path.
    pub(crate) fn find(self, path: &[String]) -> Option<Self> {
        path.iter().try_fold(self, |shape, key| {
            let table = shape.alternatives().into_iter().find(|shape| shape.takes("object"))?;
            table.property(key)
        })
    }

    fn variants(self) -> impl Iterator<Item = Self> {
        VARIANTS.iter().filter_map(move |word| self.at.get(*word)?.as_array()).flatten().map(move |at| self.to(at).target())
    }
}
