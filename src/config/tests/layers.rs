//! What is read from several sources.

use super::*;

#[test]
fn without_anything_the_defaults_serve() {
    assert_eq!(given(&[], &[]).load().config, Config::default());
    assert_eq!(given(&[""], &[]).load().config, Config::default());
}

#[test]
fn flags_override_the_environment_that_overrides_later_files_that_override_earlier_ones() {
    let mut given = given(
        &[
            "[pool]\nslots = 3\nbatch_size = 4\nmin_workers = 5\nthreads = 6\n",
            "[pool]\nslots = 30\nbatch_size = 40\nthreads = 60\n",
        ],
        &[("NOTIFYHUB__POOL__SLOTS", "300"), ("NOTIFYHUB__POOL__THREADS", "600")],
    );
    given.sources.flags.push(Flag::new("--threads", "pool", "threads", 1000));
    let loaded = given.load();
    let pool = PoolConfig { slots: 300, batch_size: 40, min_workers: 5, threads: 1000, ..PoolConfig::default() };
    assert_eq!(loaded.config.pool, pool);
    let origin = |key: &str| loaded.entry(key).expect(key).origin.to_string().rsplit('/').next().expect("a name").to_owned();
    assert_eq!(origin("pool.slots"), "env NOTIFYHUB__POOL__SLOTS");
    assert_eq!(origin("pool.batch_size"), "b.toml:3");
    assert_eq!(origin("pool.min_workers"), "a.toml:4");
    assert_eq!(origin("pool.threads"), "flag --threads");
    assert_eq!(origin("pool.linger"), "default");
}

#[test]
fn a_secret_of_a_later_source_replaces_the_whole_of_an_earlier_one() {
    let first = "[platforms.ops]\ntype = \"bell\"\nurl = \"x\"\ntoken = { env = \"NO_SUCH\" }\nrate_limit = { rate = \"9/s\", burst = 9 }\n";
    let second = "[platforms.ops]\ntoken = { cmd = \"printf x\" }\nrate_limit = { rate = \"1/s\" }\n";
    let loaded = given(&[first, second], &[]).load();
    let ops = &loaded.config.platforms["ops"];
    assert_eq!(ops.settings, json!({"url": "x", "token": {"cmd": "printf x"}}));
    assert_eq!(ops.delivery.rate_limit.iter().map(|window| window.burst.get()).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_platform_overrides_delivery_key_by_key() {
    let text = "[delivery]\ntimeout = \"3s\"\nbackoff = { initial = \"1s\", factor = 1.5 }\non_ambiguous = \"dead\"\n\
                [platforms.ops]\ntype = \"bell\"\nurl = \"x\"\nrecipient = \"all\"\nbackoff.max = \"1m\"\nmax_attempts = 2\nrate_limit = [\"5/2s\", \"30/min\"]\n";
    let config = given(&[text], &[]).load().config;
    let ops = &config.platforms["ops"];
    assert_eq!((ops.kind.as_str(), ops.recipient.as_deref()), ("bell", Some("all")));
    assert_eq!(ops.delivery.timeout.as_secs(), 3);
    assert_eq!(ops.delivery.backoff.max.as_secs(), 60);
    assert_eq!((ops.delivery.backoff.initial.as_secs(), ops.delivery.backoff.factor_permille), (1, 1500));
    assert_eq!((ops.delivery.max_attempts, config.delivery.max_attempts), (2, 20));
    assert_eq!(ops.delivery.on_ambiguous, OnAmbiguous::Dead);
    assert_eq!(ops.delivery.rate_limit.len(), 2);
}

#[test]
fn a_variable_that_looks_like_a_number_fits_a_text_and_names_match_in_any_case() {
    let file = "[platforms.My-Ops]\ntype = \"bell\"\nurl = \"x\"\n";
    let env = [
        ("NOTIFYHUB__PLATFORMS__MY_OPS__TOKEN", "12345"),
        ("NOTIFYHUB__PLATFORMS__MY_OPS__HEADERS__X_TEAM", "1"),
        ("NOTIFYHUB__PLATFORMS__MY_OPS__LOUD", "true"),
        ("NOTIFYHUB__PLATFORMS__NEW__TYPE", "bell"),
        ("NOTIFYHUB__PLATFORMS__NEW__URL", "5"),
        ("NOTIFYHUB__DELIVERY__BACKOFF", "{ initial = \"9s\" }"),
        ("NOTIFYHUB__GROUPS__ALL", "[\"new\", \"My-Ops\"]"),
    ];
    let config = given(&[file], &env).load().config;
    assert_eq!(
        config.platforms["My-Ops"].settings,
        json!({"url": "x", "token": "12345", "headers": {"x_team": "1"}, "loud": true})
    );
    assert_eq!(config.platforms["new"].settings, json!({"url": "5"}));
    assert_eq!((config.delivery.backoff.initial.as_secs(), config.delivery.backoff.max.as_secs()), (9, 7200));
    assert_eq!(config.groups["all"].len(), 2);
}

#[test]
fn the_named_files_come_first_then_the_variable_then_the_usual_places() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (here, user) = (folder.path().join("here"), folder.path().join("user/notifyhub"));
    fs::create_dir_all(&here).and_then(|()| fs::create_dir_all(&user)).expect("folders can be made");
    let env =
        |with: &[(&str, &str)]| with.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>();
    let user_folder = folder.path().join("user").display().to_string();
    let both = env(&[("NOTIFYHUB_CONFIG", "named.toml"), ("XDG_CONFIG_HOME", &user_folder)]);
    assert_eq!(Sources::discover(&["a".into(), "b".into()], &both, &here), [PathBuf::from("a"), "b".into()]);
    assert_eq!(Sources::discover(&[], &both, &here), [PathBuf::from("named.toml")]);
    fs::write(user.join("notifyhub.toml"), "").expect("it is writable");
    assert_eq!(Sources::discover(&[], &both[1..], &here), [user.join("notifyhub.toml")]);
    fs::write(here.join("notifyhub.toml"), "").expect("it is writable");
    assert_eq!(Sources::discover(&[], &both[1..], &here), [here.join("notifyhub.toml")]);
    let home = Sources::places(&env(&[("HOME", "/home/me"), ("XDG_CONFIG_HOME", "")]), std::path::Path::new(""));
    assert_eq!(
        home.iter().map(|place| place.display().to_string()).collect::<Vec<_>>(),
        ["notifyhub.toml", "/home/me/.config/notifyhub/notifyhub.toml", "/etc/notifyhub/notifyhub.toml"]
    );
}

#[test]
fn nothing_at_all_is_a_time_after_which_nothing_is_disabled() {
    let loaded = given(&["[delivery]\ndisable_after = \"0s\"\n"], &[]).load();
    assert!(loaded.config.delivery.disable_after.is_zero());
}
