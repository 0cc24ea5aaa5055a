//! The environment as a source: `NOTIFYHUB__SECTION__KEY=value`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    file,
    shape::{Kinds, Shape},
    source::{Layer, Source},
    tree::Node,
};

const PREFIX: &str = "NOTIFYHUB__";

/// Our variables, in alphabetical order.
pub(crate) fn variables(env: &[(String, String)]) -> BTreeMap<&str, &str> {
    let ours = |name: &str| name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX));
    env.iter().filter(|(name, _)| ours(name)).map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// The types of platforms that variables give, over those that files give.
pub(crate) fn kinds(env: &BTreeMap<&str, &str>, files: &[Layer]) -> Kinds {
    let mut kinds = Kinds::new();
    for layer in files {
        for (name, platform) in layer.root.find(&["platforms"]).and_then(Node::table).into_iter().flatten() {
            if let Some(kind) = platform.find(&["type"]).and_then(Node::text) {
                kinds.insert(name.clone(), kind.into());
            }
        }
    }
    for (name, value) in env {
        let words: Vec<&str> = name[PREFIX.len()..].split("__").collect();
        if let [section, platform, key] = words[..]
            && section.eq_ignore_ascii_case("platforms")
            && key.eq_ignore_ascii_case("type")
        {
            kinds.insert(matching(platform, &written(files, &["platforms".into()])), (*value).into());
        }
    }
    kinds
}

/// One layer for a variable.
pub(crate) fn layer(name: &str, value: &str, files: &[Layer], root: Shape<'_>) -> Layer {
    let mut path = Vec::new();
    let mut shape = Some(root);
    for word in name[PREFIX.len()..].split("__") {
        let table = shape.and_then(|shape| shape.alternatives().into_iter().find(|shape| shape.takes("object")));
        let mut known: Vec<String> = table.map(|table| table.keys().into_iter().map(str::to_owned).collect()).unwrap_or_default();
        known.extend(written(files, &path));
        let key = matching(word, &known);
        shape = table.and_then(|table| table.property(&key));
        path.push(key);
    }
    let value = shape.map_or_else(|| value.into(), |shape| coerced(shape, value));
    Layer { source: Source::Env(name.into()), root: Node::nested(&path, value) }
}

/// The keys that files have written in a table.
fn written(files: &[Layer], path: &[String]) -> Vec<String> {
    files.iter().filter_map(|layer| layer.root.find(path)?.table()).flat_map(|table| table.keys().cloned()).collect()
}

/// The known key a word of a variable stands for: letter case does not count, and `_` stands for `-` and `.` too. The exact
/// one is preferred; a word that stands for none is a new key, in lower case.
fn matching(word: &str, known: &[String]) -> String {
    let plain = |word: &str| word.to_lowercase().replace(['-', '.'], "_");
    let exact = known.iter().find(|known| *known == word).or_else(|| known.iter().find(|known| known.eq_ignore_ascii_case(word)));
    exact.or_else(|| known.iter().find(|known| plain(known) == plain(word))).cloned().unwrap_or_else(|| word.to_lowercase())
}

/// The text of a variable as the schema wants it at its place. A text stays a text wherever one may stand, however much it
/// looks like a number; where no text may, or where it is a list or a table in TOML, it is read as TOML. What does not fit
/// stays a text, for the check to refuse.
fn coerced(shape: Shape<'_>, text: &str) -> Value {
    let takes = |json_type: &str| shape.is_anything() || shape.alternatives().iter().any(|shape| shape.takes(json_type));
    let trimmed = text.trim();
    let read = file::value(trimmed);
    let fits = match &read {
        Some(Value::Array(_)) => takes("array") && !shape.is_anything(),
        Some(Value::Object(_)) => takes("object") && !shape.is_anything(),
        Some(Value::Bool(_)) => takes("boolean") && !takes("string"),
        Some(Value::Number(number)) => takes(if number.is_f64() { "number" } else { "integer" }) && !takes("string"),
        _ => false,
    };
    read.filter(|_| fits).unwrap_or_else(|| text.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_becomes_what_the_schema_wants_at_its_place() {
        let (kinds, string) = (Kinds::new(), json!({"type": "string"}));
        let secret = json!({"anyOf": [{"type": "string"}, {"type": "object"}]});
        let integer = json!({"type": ["integer", "null"]});
        for (schema, text, expected) in [
            (&string, "12345", json!("12345")),
            (&string, "true", json!("true")),
            (&string, "[1]", json!("[1]")),
            (&string, " a ", json!(" a ")),
            (&secret, "12345", json!("12345")),
            (&secret, "{ env = \"X\" }", json!({"env": "X"})),
            (&secret, "{not toml", json!("{not toml")),
            (&integer, "5", json!(5)),
            (&integer, " 5 ", json!(5)),
            (&integer, "many", json!("many")),
            (&json!({"type": "boolean"}), "true", json!(true)),
            (&json!({"type": "number"}), "2", json!(2)),
            (&json!({"type": "number"}), "2.5", json!(2.5)),
            (&json!({"type": "array"}), "[\"a\", \"b\"]", json!(["a", "b"])),
            (&json!(true), "5", json!("5")),
        ] {
            assert_eq!(coerced(Shape::root(schema, &kinds), text), expected, "{schema} {text}");
        }
    }

    #[test]
    fn names_match_whatever_their_case_and_dashes() {
        let known = ["my-Ops".to_owned(), "mail".to_owned(), "my_ops".to_owned()];
        assert_eq!(matching("MAIL", &known), "mail");
        assert_eq!(matching("MY_OPS", &known), "my_ops");
        assert_eq!(matching("MY_OPS", &known[..1]), "my-Ops");
        assert_eq!(matching("NEW", &known), "new");
    }
}
