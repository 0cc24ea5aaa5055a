//! What is said of mistakes, and what is never said.

use super::*;

#[test]
fn every_mistake_is_reported_with_its_place_and_the_way_out() {
    let first = "[pol]\nslots = 3\n[pool]\nslotz = 3\nslots = 0\nmin_workers = \"two\"\nstrategy = \"least-conections\"\nmax_workers = 4000\n\
                 [telemetry]\nlog = \"inof\"\n[store]\ntype = \"postgras\"\n[delivery]\ntimeout = \"5\"\nbackoff = { initial = \"3h\" }\nrate_limit = \"1/fortnight\"\n";
    let second = "[platforms.a]\ntype = \"bel\"\n[platforms.b]\nurl = \"x\"\n[platforms.c]\ntype = \"bell\"\ntokn = \"hunter2\"\ntone = \"lov\"\n\
                  [platforms.d]\ntype = \"bell\"\nurl = \"x\"\nloud = true\ntone = \"low\"\ntoken = \"hunter2\"\n\
                  [platforms.e]\ntype = \"bell\"\nurl = \"x\"\ntoken = { vault = \"x\" }\n[platforms.f]\ntype = \"bell\"\nurl = 5\ntoken = 12345\n\
                  [platforms.g]\ntype = \"bell\"\nurl=\"x\"\n[groups]\nall = [\"g:nobody\", \"gg\", \"@al\", \"gong://hunter2\", \"\"]\nself = [\"@self\"]\n";
    let given = given(&[first, second], &[("NOTIFYHUB__POOL__SLOT", "4"), ("NOTIFYHUB__POOL__LINGER", "2h")]);
    let expected = [
        "a.toml:1:2: unknown section `pol`, did you mean `pool`?",
        "a.toml:4:1: unknown key `pool.slotz`, did you mean `slots`?",
        "a.toml:5:9: `pool.slots`: found the number 0, expected a whole number from 1 to 65536",
        "a.toml:6:15: `pool.min_workers`: found the text \"two\", expected a whole number from 1 to 1024",
        "a.toml:7:12: `pool.strategy`: unknown word `least-conections`, did you mean `least-connections`?",
        "a.toml:8:15: `pool.max_workers`: found the number 4000, expected a whole number from 0 to 1024",
        "a.toml:10:7: `telemetry.log`: found the text \"inof\", expected a level (off, error, warn, info, debug, trace) or filters such as \"info,notifyhub=debug\"",
        "a.toml:12:8: `store.type`: unknown word `postgras`, did you mean `postgres`?",
        "a.toml:14:11: `delivery.timeout`: found the text \"5\", expected a duration from 1ms to 1h such as \"30s\"",
        "a.toml:15:13: `delivery.backoff.initial`: the first wait of 3h is longer than the longest, 2h",
        "a.toml:16:14: `delivery.rate_limit`: found the text \"1/fortnight\", expected a rate such as \"30/min\"",
        "b.toml:2:8: unknown platform type `bel`, did you mean `bell`? expected one of: bell",
        "b.toml:3:12: `platforms.b` needs a `type`, one of: bell",
        "b.toml:5:12: `platforms.c` needs the key `url`",
        "b.toml:7:1: unknown key `platforms.c.tokn`, did you mean `token`?",
        "b.toml:8:8: `platforms.c.tone`: unknown word `lov`, did you mean `low`?",
        "b.toml:12:1: `platforms.d.loud`: gongs are never loud, whatever the key [redacted] says",
        "b.toml:18:9: `platforms.e.token`: unknown source `vault` of a secret, expected one of: env, file, cmd",
        "b.toml:21:7: `platforms.f.url`: found the number 5, expected a text",
        "b.toml:22:9: `platforms.f.token`: found [redacted], expected a secret: \"inline\", { env = \"NAME\" }, { file = \"PATH\" } or { cmd = [\"PROGRAM\", \"ARG\"] }",
        "b.toml:27:8: `groups.all[0]`: nobody hears bells",
        "b.toml:27:20: `groups.all[1]`: unknown platform `gg`, did you mean `g`?",
        "b.toml:27:26: `groups.all[2]`: unknown group `al`, did you mean `all`?",
        "b.toml:27:33: `groups.all[3]`: unknown URL scheme `gong://`, expected one of: bell://",
        "b.toml:27:51: `groups.all[4]`: empty target, expected `platform`, `platform:recipient`, `@group` or a URL",
        "b.toml:28:1: group `self` contains itself",
        "NOTIFYHUB__POOL__LINGER: `pool.linger`: found the text \"2h\", expected a duration from 0s to 1m such as \"30s\"",
        "NOTIFYHUB__POOL__SLOT: unknown key `pool.slot`, did you mean `slots`?",
    ];
    assert_eq!(given.mistakes(), expected);
}

#[test]
fn keys_of_the_pool_that_do_not_fit_each_other_are_mistakes() {
    let text = "[pool]\nmin_workers = 5\nmax_workers = 4\nscale_down_load = 0.8\npin_cores = [-1]\n\
                [[pool.affinity]]\nworkers = 1\nplatforms = [\"opps\"]\n\
                [platforms.ops]\ntype = \"bell\"\nurl = \"x\"\n[telemetry]\nprometheus_listen = \"9464\"\n\
                [server]\nlisten = \"0.0.0.0:8420\"\n";
    let listen = "a.toml:13:21: `telemetry.prometheus_listen`: found the text \"9464\", expected an address with a port such as \"127.0.0.1:9464\", or \"\"";
    let core = "a.toml:5:14: `pool.pin_cores[0]`: found the number -1, expected a whole number from 0 to 4095";
    let server = "a.toml:15:10: `server.listen`: found the text \"0.0.0.0:8420\", expected an address of this machine alone with a port, such as \"127.0.0.1:8420\", or \"\"";
    assert_eq!(given(&[text], &[]).mistakes(), [core, listen, server]);
    let expected = [
        "a.toml:3:1: `pool.max_workers` is 4, expected at least min_workers, which is 5, or 0",
        "a.toml:4:1: `pool.scale_down_load` is 0.8, expected less than target_load, which is 0.7",
        "a.toml:5:8: `pool.affinity`: unknown platform `opps`, did you mean `ops`?",
    ];
    let text = text.replace("pin_cores = [-1]\n", "").replace("9464", "").replace("0.0.0.0", "127.0.0.1");
    assert_eq!(given(&[&text], &[]).mistakes(), expected);
}

#[test]
fn a_shared_store_needs_a_url_and_a_lease_that_outlasts_every_attempt() {
    let text = "[store]\ntype = \"postgres\"\n[delivery]\nlease = \"30s\"\n[platforms.ops]\ntype = \"bell\"\nurl = \"x\"\ntimeout = \"25s\"\n";
    let expected = [
        "a.toml:2:1: `store.url` is missing, which `type = \"postgres\"` needs; write `url = { env = \"DATABASE_URL\" }`",
        "a.toml:4:1: `delivery.lease` is 30s, expected at least 35s: an attempt may take 25s (`platforms.ops.timeout`), and 10s are needed beyond that",
    ];
    assert_eq!(given(&[text], &[]).mistakes(), expected);
    let text = text.replace("\"postgres\"", "\"sqlite\"\nurl = \"postgres://ada:hunter2@db/hub\"");
    assert_eq!(
        given(&[&text], &[]).mistakes(),
        ["a.toml:3:1: `store.url` is for `type = \"postgres\"` alone; set that, or remove the key"]
    );
    let text = text.replace("\"sqlite\"", "\"postgres\"").replace("30s", "35s");
    let loaded = given(&[&text], &[]).load();
    assert_eq!(loaded.entry("store.url").expect("set").value, "[redacted]");
    assert!(!format!("{loaded:?}").contains("hunter2"), "{loaded:?}");
    let url = loaded.config.store.url.expect("set");
    assert_eq!(url.fetch().expect("inline").expose(), "postgres://ada:hunter2@db/hub");
    let lease = "[platforms.ops]\ntype = \"bell\"\nurl = \"x\"\nlease = \"50s\"\n";
    assert_eq!(given(&[lease], &[]).mistakes().len(), 1, "a lease is a node's, not a platform's");
}

#[test]
fn no_secret_is_shown_in_any_line_around_a_mistake_nor_among_the_values() {
    let text = "[platforms]\na = { type = \"bell\", token = \"hunter2\", slots = 1, headers = { x = \"hunter3\" }, url = \"seen\" }\n\
                b = { type = \"gong\", token = \"hunter4\" }\nc = { type = \"bell\", tokn = \"hunter5\", url = \"seen\" }\n\
                [groups]\nall = [\"gong://hunter6\", \"nobody\"]\n";
    let errors = load(&given(&[text], &[]).sources, &registry()).expect_err("there are mistakes").to_string();
    assert!(!errors.contains("hunter"), "{errors}");
    let line = "  2 | a = { type = \"bell\", token = …, slots = …, headers = { x = … }, url = \"seen\" }\n    |                                 ^^^^^";
    assert!(errors.contains(line), "{errors}");
    assert!(errors.contains("  6 | all = […, \"nobody\"]\n    |           ^^^^^^^^"), "{errors}");

    let sound = "[platforms.a]\ntype = \"bell\"\nurl = \"seen\"\ntoken = \"hunter2\"\n[platforms.b]\ntype = \"bell\"\nurl = \"seen\"\n\
                 token = { env = \"PATH\" }\n[platforms.c]\ntype = \"bell\"\nurl = \"seen\"\ntoken = { cmd = \"echo hunter4\" }\n[groups]\nall = [\"bell://hunter5\"]\n";
    let loaded =
        load(&given(&[sound], &[("NOTIFYHUB__PLATFORMS__A__HEADERS__X", "hunter3")]).sources, &registry()).expect("sound");
    let value = |key: &str| loaded.entry(key).expect(key).value.clone();
    assert_eq!(value("platforms.a.token"), "[redacted]");
    assert_eq!(value("platforms.a.headers.x"), "[redacted]");
    assert_eq!(value("platforms.b.token"), json!({"env": "PATH"}));
    assert_eq!(value("platforms.c.token"), json!({"cmd": "[redacted]"}));
    assert_eq!(value("groups.all"), json!(["[redacted]"]));
    assert!(!format!("{loaded:?}").contains("hunter"), "{loaded:?}");
}

#[test]
fn what_stands_where_a_table_of_secrets_belongs_is_not_shown_either() {
    let platform = |rest: &str| format!("[platforms.ops]\ntype = \"bell\"\nurl = \"seen\"\n{rest}\n");
    for text in [
        platform("headers = \"hunter2\""),
        platform("token = [\"hunter2\"]"),
        platform("token = { env = [\"hunter2\"] }"),
        platform("token = { vault = \"hunter2\" }"),
        platform("[groups]\nall = \"gong://hunter2\""),
        platform("[groups.all]\nx = \"gong://hunter2\""),
        "platforms = \"hunter2\"".into(),
        "[platforms]\nops = \"hunter2\"".into(),
        "[platforms.ops]\ntype = 5\ntoken = \"hunter2\"".into(),
    ] {
        let errors = load(&given(&[&text], &[]).sources, &registry()).expect_err(&text).to_string();
        assert!(!errors.contains("hunter2"), "{errors}");
    }
    let env = [("NOTIFYHUB__PLATFORMS__OPS__TOKN", "hunter2"), ("NOTIFYHUB__PLATFORMS__OPS__HEADERS", "hunter2")];
    let errors = load(&given(&[&platform("")], &env).sources, &registry()).expect_err("two mistakes").to_string();
    assert!(errors.lines().count() == 2 && !errors.contains("hunter2"), "{errors}");
}

proptest::proptest! {
    #[test]
    fn whatever_a_file_or_a_variable_says_is_read_or_refused(
        file in "(\\[?[a-z\"'é.]{0,8}\\]?( ?[=,{}\\[\\]\"#\n] ?[a-zé0-9.\"-]{0,5}){0,6}\r?\n){0,6}",
        name in "(__|[A-Z.é_]{0,4}|POOL|PLATFORMS|GROUPS|TYPE){0,5}",
        value in "[a-z0-9\\[\\]{}=\" é]{0,8}",
    ) {
        let given = given(&[&file], &[(&format!("NOTIFYHUB__{name}"), &value)]);
        if let Err(errors) = load(&given.sources, &registry()) {
            assert!(!errors.to_string().is_empty());
        }
    }
}

#[test]
fn a_file_with_secrets_that_others_can_read_is_warned_about() {
    use std::os::unix::fs::PermissionsExt;
    for (token, mode, warned) in [("\"x\"", 0o644, true), ("\"x\"", 0o640, false), ("{ env = \"PATH\" }", 0o644, false)] {
        let given = given(&[&format!("[platforms.ops]\ntype = \"bell\"\nurl = \"x\"\ntoken = {token}\n")], &[]);
        fs::set_permissions(&given.sources.files[0], fs::Permissions::from_mode(mode)).expect("it is ours");
        let warnings = given.load().warnings;
        assert_eq!(
            warnings.iter().any(|warning| warning.contains("`platforms.ops.token` holds a secret")),
            warned,
            "{warnings:?}"
        );
    }
}

#[test]
fn a_route_that_cannot_be_is_a_mistake_with_its_place() {
    let text = "[platforms.ops]\ntype = \"bell\"\nurl = \"x\"\n[groups]\nall = [\"ops:a\", \"@both\", \"@later\"]\nboth = [\"ops:a\"]\n\
                [routes.later]\nchain = [\"ops:a\", \"opps\"]\nstep_timeout = \"0s\"\n\
                [routes.both]\nchain = [\"ops:a\", \"ops:b\"]\n\
                [routes.one]\nchain = [\"ops:a\"]\n\
                [routes.twice]\nchain = [\"ops:a\", \"ops:a\"]\n\
                [routes.wide]\nchain = [\"ops:a\", \"@all\"]\n\
                [routes.none]\nstep_timeout = \"1m\"\n\
                [routes.wrong]\nchain = [\"ops:a\", \"opps\", \"ops:nobody\"]\nsteps = 2\n";
    let first = [
        "a.toml:9:16: `routes.later.step_timeout`: found the text \"0s\", expected a duration from 1ms to 366d such as \"30s\"",
        "a.toml:10:9: `both` is a group too: `@both` can mean one of them only",
        "a.toml:13:1: `routes.one.chain`: it has 1 targets, expected 2 to 16",
        "a.toml:15:1: `routes.twice.chain`: `ops:a` is there twice",
        "a.toml:17:1: `routes.wide.chain`: `@all` is several targets, a step of a route is one",
        "a.toml:18:9: `routes.none` needs the key `chain`: its targets, in order",
        "a.toml:22:1: unknown key `routes.wrong.steps`, expected one of: chain, step_timeout",
    ];
    assert_eq!(given(&[text], &[]).mistakes(), first);
}

#[test]
fn a_route_is_read_and_its_steps_must_exist() {
    let text = "[platforms.ops]\ntype = \"bell\"\nurl = \"x\"\n[groups]\nall = [\"@critical\"]\n\
                [routes.critical]\nchain = [\"ops:a\", \"ops:b\"]\n";
    let config = given(&[text], &[]).load().config;
    let route = &config.routes["critical"];
    assert_eq!(route.chain.iter().map(ToString::to_string).collect::<Vec<_>>(), ["ops:a", "ops:b"]);
    assert_eq!(route.step_timeout, std::time::Duration::from_secs(120));
    let wrong = given(&[&text.replace("ops:b", "opps")], &[]).mistakes();
    assert_eq!(wrong, ["a.toml:7:19: `routes.critical.chain[1]`: unknown platform `opps`, did you mean `ops`?"]);
}

#[test]
fn an_account_is_named_as_it_is_configured() {
    let text = "[delivery]\naccount = \"amce\"\n[accounts.acme]\nrate_limit = [\"5/2s\", \"30/min\"]\n\
                [platforms.ops]\ntype = \"bell\"\nurl = \"x\"\naccount = \"other\"\nrecipient_rate_limit = \"1/s\"\n[platforms.too]\ntype = \"bell\"\nurl = \"x\"\n";
    let wrong = [
        "a.toml:2:1: `delivery.account`: unknown account `amce`, did you mean `acme`?",
        "a.toml:8:1: `platforms.ops.account`: unknown account `other`, expected one of: acme",
    ];
    assert_eq!(given(&[text], &[]).mistakes(), wrong);
    let config = given(&[&text.replace("amce", "acme").replace("other", "acme")], &[]).load().config;
    assert_eq!(config.accounts["acme"].rate_limit.len(), 2);
    let delivery = &config.platforms["too"].delivery;
    assert_eq!((&*delivery.account, delivery.recipient_rate_limit.len()), ("acme", 0));
    assert_eq!(config.platforms["ops"].delivery.recipient_rate_limit.len(), 1);
}
