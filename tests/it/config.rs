//! The configuration, as users meet it.

use std::{collections::BTreeSet, fs, path::PathBuf};

use notifyhub::{
    Config, Registry,
    config::{self, Origin, Sources},
};
use serde_json::Value;

use crate::command::Desk;

fn read(file: &str) -> config::Loaded {
    let sources = Sources { files: vec![PathBuf::from(file)], ..Sources::default() };
    config::load(&sources, &Registry::builtin()).expect("a file without mistakes")
}

#[test]
fn every_mistake_of_a_file_is_shown_at_once_with_its_line() {
    let desk = Desk::with_config(
        "[pool]\nslots = 0\nslotz = 1\n\n[telemetry]\nlog_format = \"xml\"\n\n[platforms.ops]\ntype = \"webhok\"\n\n[groups]\noncall = [\"opps\"]\n",
    );
    let run = desk.run("check");
    assert_eq!(run.code, 78);
    for place in [
        ":2:9: `pool.slots`",
        ":3:1: unknown key",
        ":6:14: `telemetry.log_format`",
        ":9:8: unknown platform type",
        ":12:11: `groups",
    ] {
        assert!(run.err.contains(&format!("notifyhub.toml{place}")), "{place} is not in {}", run.err);
    }
    assert!(
        run.err.contains("did you mean `slots`?")
            && run.err.contains("did you mean `webhook`?")
            && run.err.contains("did you mean `ops`?")
    );
    assert!(run.err.contains("  3 | slotz = …\n    | ^^^^^\n"), "{}", run.err);
    assert!(run.err.ends_with("error: the configuration has 5 mistakes\n") && run.out.is_empty(), "{}", run.err);
}

#[test]
fn an_unknown_platform_type_lists_the_known_ones() {
    let run = Desk::with_config("[platforms.ops]\ntype = \"pigeon\"\n").run("check");
    let known: Vec<_> = Registry::builtin().kinds().collect();
    assert!(run.err.contains(&format!("unknown platform type `pigeon`, expected one of: {}", known.join(", "))), "{}", run.err);
}

#[test]
fn a_variable_that_looks_like_a_number_fits_a_text() {
    let desk = Desk::with_config("[platforms.my-hook]\ntype = \"webhook\"\nurl = \"https://example.com\"\n");
    let env = [("NOTIFYHUB__PLATFORMS__MY_HOOK__CONTENT_TYPE", "12345"), ("NOTIFYHUB__POOL__SLOTS", "7")];
    let shown = desk.run_with("config show -o json", &env).json();
    let value = |key: &str| shown.as_array().expect("a list").iter().find(|entry| entry["key"] == key).expect(key).clone();
    assert_eq!(value("platforms.my-hook.content_type")["value"], "12345");
    assert_eq!(value("pool.slots")["value"], 7);
}

#[test]
fn every_value_is_shown_with_who_set_it_and_no_secret_is() {
    let desk = Desk::with_config(
        "[pool]\nslots = 3\nbatch_size = 4\n[platforms.ops]\ntype = \"webhook\"\nurl = \"https://hunter2@example.com\"\n",
    );
    desk.write("more.toml", "[pool]\nbatch_size = 5\n");
    let run = desk.run_with(
        "config show -c notifyhub.toml -c more.toml --log-format json",
        &[("NOTIFYHUB__PLATFORMS__OPS__SIGNING_SECRETS", "[{ env = \"KEY\" }]")],
    );
    let out = run.ok();
    for (key, value, origin) in [
        ("pool.slots", "3", "notifyhub.toml:2"),
        ("pool.batch_size", "5", "more.toml:2"),
        ("pool.linger", "\"0s\"", "default"),
        ("telemetry.log_format", "\"json\"", "flag --log-format"),
        ("platforms.ops.url", "\"[redacted]\"", "notifyhub.toml:6"),
        ("platforms.ops.signing_secrets", "[{ env = \"KEY\" }]", "env NOTIFYHUB__PLATFORMS__OPS__SIGNING_SECRETS"),
    ] {
        let line = out.lines().find(|line| line.starts_with(&format!("{key} "))).expect(key);
        let rest = line.strip_prefix(key).expect("it does").trim();
        assert_eq!(rest.strip_prefix(value).map(str::trim), Some(origin), "{line}");
    }
    assert!(!out.contains("hunter2"), "{out}");
}

#[test]
fn a_secret_that_cannot_be_had_is_reported_at_its_line_and_others_are_not_shown() {
    let desk = Desk::with_config(
        "[platforms.ops]\ntype = \"webhook\"\nurl = { env = \"NO_SUCH_URL\" }\n[platforms.dev]\ntype = \"webhook\"\nurl = { file = \"no-such-file\" }\n",
    );
    let run = desk.run("check");
    assert_eq!(run.code, 78);
    assert!(
        run.err.contains("notifyhub.toml:3:1: `platforms.ops.url`: environment variable `NO_SUCH_URL` is not set"),
        "{}",
        run.err
    );
    assert!(run.err.contains("notifyhub.toml:6:1: `platforms.dev.url`: cannot read secret file `no-such-file`"), "{}", run.err);
}

#[test]
fn a_named_file_that_is_missing_is_a_mistake_and_no_file_at_all_is_none() {
    let desk = Desk::new();
    let run = desk.run("check -c nowhere.toml");
    assert_eq!((run.code, run.err.lines().next()), (78, Some("nowhere.toml: no such file")));
    assert_eq!(desk.run_with("check", &[("NOTIFYHUB_CONFIG", "nowhere.toml")]).code, 78);
    assert_eq!(desk.run("check").code, 0);
    assert_eq!(desk.run("config path").ok(), "");
    desk.write("notifyhub.toml", "");
    assert_eq!(desk.run("config path").ok(), "notifyhub.toml\n");
}

#[test]
fn every_file_in_the_config_folder_can_be_read() {
    let files: Vec<PathBuf> =
        fs::read_dir("config").expect("the folder is there").map(|entry| entry.expect("readable").path()).collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        read(file.to_str().expect("a name"));
    }
}

#[test]
fn the_reference_file_holds_every_key_with_its_default() {
    let loaded = read("config/notifyhub.toml");
    assert_eq!(loaded.config, Config::default());
    let unset: Vec<_> = loaded.entries().iter().filter(|entry| entry.origin == Origin::Default).map(|entry| &entry.key).collect();
    assert!(unset.is_empty(), "{unset:?} are not in config/notifyhub.toml");
    let text = fs::read_to_string("config/notifyhub.toml").expect("it is there");
    let words: BTreeSet<&str> = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let schema = config::schema(&Registry::empty());
    let sections = schema["properties"].as_object().expect("sections");
    let tables = schema["$defs"].as_object().expect("definitions");
    let keys = tables.values().filter_map(|table| table["properties"].as_object()).flatten().map(|(key, _)| key);
    for key in sections.keys().chain(keys) {
        assert!(words.contains(key.as_str()), "`{key}` is not in config/notifyhub.toml");
    }
}

#[test]
fn there_is_an_example_of_every_platform_type_and_it_can_be_built() {
    let example = fs::read_to_string("config/platforms.toml").expect("it is there");
    let desk = Desk::with_config(&example);
    let variables: BTreeSet<String> = example
        .match_indices("env = \"")
        .filter_map(|(at, mark)| Some(example[at + mark.len()..].split_once('"')?.0.to_owned()))
        .collect();
    let value = |name: &String| match name.as_str() {
        "DISCORD_WEBHOOK_URL" => "https://discord.com/api/webhooks/123456789012345678/abcdefghijklmnopqrstuvwxyz",
        "SLACK_WEBHOOK_URL" => "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
        "DKIM_KEY" => include_str!("../../platforms/tests/it/email/keys/rsa.pem"),
        "SLACK_BOT_TOKEN" => "xoxb-0-0",
        "WEBHOOK_SIGNING_SECRET" => "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        name if name.ends_with("_URL") => "https://example.com/x",
        _ => "s3cret",
    };
    let env: Vec<(&str, &str)> = variables.iter().map(|name| (name.as_str(), value(name))).collect();
    let shown = desk.run_with("check -o json", &env).json();
    let kinds: BTreeSet<&str> = shown.as_array().expect("a list").iter().filter_map(|row| row["type"].as_str()).collect();
    assert_eq!(kinds, Registry::builtin().kinds().collect(), "config/platforms.toml has not one of each");
}

#[test]
fn no_adapter_has_a_key_of_its_own_that_all_platforms_have() {
    let registry = Registry::builtin();
    for kind in registry.kinds() {
        let schema = registry.schema(kind).expect("a known type").to_value();
        let own = schema["properties"].as_object().cloned().unwrap_or_default();
        let shared = config::platform_keys(&registry, kind).expect("a known type").into_iter().filter(|key| key.shared);
        for key in shared.map(|key| key.path).chain(["type".to_owned(), "backoff".to_owned()]) {
            assert!(!own.contains_key(&key), "`{key}` of {kind} would never reach it");
        }
    }
}

#[test]
fn the_schema_is_one_document_with_every_type_and_all_its_references_resolve() {
    let schema = Desk::new().run("config schema").json();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let choices = schema["properties"]["platforms"]["additionalProperties"]["oneOf"].as_array().expect("choices");
    assert_eq!(choices.len(), Registry::builtin().kinds().count());
    let mut references = Vec::new();
    collect(&schema, &mut references);
    for reference in references {
        assert!(schema.pointer(reference.trim_start_matches('#')).is_some(), "{reference} leads nowhere");
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            references.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| collect(value, references));
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}
