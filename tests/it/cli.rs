//! The command line, as users meet it.

use std::{fs, io::Read, net::TcpListener, process::Stdio};

use notifyhub::Registry;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

use crate::command::Desk;

#[test]
fn a_file_made_by_init_passes_the_check_and_only_its_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    assert_eq!(desk.run("init").code, 0);
    assert!(desk.read("notifyhub.toml").starts_with("#:schema "));
    let mode = fs::metadata(desk.path().join("notifyhub.toml")).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let run = desk.run("check");
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(run.err.contains("put a table [platforms.NAME] into notifyhub.toml"), "{}", run.err);
    assert!(Desk::new().run("check").err.contains("`notifyhub init --platform TYPE` writes a file"));
}

#[test]
fn init_makes_a_table_for_every_type_that_is_read_without_mistakes() {
    for kind in Registry::builtin().kinds() {
        let desk = Desk::new();
        desk.run(&format!("init --platform {kind} --platform {kind} x.toml")).ok();
        let text = desk.read("x.toml");
        assert!(
            text.contains(&format!("[platforms.{kind}]\ntype = \"{kind}\"")) && text.contains(&format!("[platforms.{kind}-2]")),
            "{text}"
        );
        desk.run("config show -c x.toml").ok();
        // Its comments are examples: with all of them in force, no key is unknown and no value of a wrong type.
        let loose: String = text.lines().map(|line| uncommented(line) + "\n").collect();
        desk.write("y.toml", &loose);
        let run = desk.run("config show -c y.toml");
        assert!(!run.err.contains("unknown key") && !run.err.contains(": found a "), "{}", run.err);
    }
}

/// `# key = value` as `key = value`; sentences stay comments.
fn uncommented(line: &str) -> String {
    let key = |line: &str| {
        line.split_once(" = ").is_some_and(|(key, _)| key.bytes().all(|byte| byte.is_ascii_lowercase() || b"_.".contains(&byte)))
    };
    match line.strip_prefix("# ") {
        Some(rest) if key(rest) && !rest.contains("TYPE") => rest.to_owned(),
        Some(rest) if rest.starts_with('[') && !rest.contains("NAME") => rest.to_owned(),
        _ => line.to_owned(),
    }
}

#[test]
fn init_overwrites_nothing_unless_forced_and_knows_the_types() {
    let desk = Desk::with_config("mine");
    let run = desk.run("init");
    assert_eq!((run.code, run.err.as_str()), (2, "error: `notifyhub.toml` exists; --force overwrites it\n"));
    assert_eq!(desk.read("notifyhub.toml"), "mine");
    desk.run("init --force").ok();
    assert_ne!(desk.read("notifyhub.toml"), "mine");
    assert_eq!(fs::read_dir(desk.path()).expect("it is there").count(), 1, "nothing else is left");
    let run = desk.run("init --platform webhok other.toml");
    assert_eq!((run.code, run.err.contains("did you mean `webhook`?")), (2, true), "{}", run.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_check_asks_every_platform_and_says_who_refused() {
    let fine = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&fine).await;
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let table = |name: &str, url: &str| {
        format!("[platforms.{name}]\ntype = \"webhook\"\nallow_http = true\nallow_private_networks = true\nurl = \"{url}\"\n")
    };
    let desk = Desk::with_config(&(table("fine", &fine.uri()) + &table("gone", &format!("http://{closed}/x"))));
    let run = desk.run("check --live --timeout 5s -o json");
    let answers: serde_json::Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!(
        (run.code, answers[0]["result"].as_str(), answers[1]["result"].as_str()),
        (69, Some("ok"), Some("unavailable")),
        "{answers}"
    );
    assert_eq!(answers[1]["platform"], "gone");
    desk.write("notifyhub.toml", &table("fine", &fine.uri()));
    assert!(desk.run("check --live").ok().contains("fine"));
}

#[test]
fn the_catalogue_names_every_type_and_every_key_of_one() {
    let desk = Desk::new();
    let all = desk.run("platforms -o json").json();
    let kinds: Vec<&str> = all.as_array().expect("a list").iter().filter_map(|row| row["type"].as_str()).collect();
    assert_eq!(kinds, Registry::builtin().kinds().collect::<Vec<_>>());
    let keys = desk.run("platforms webhook -o json").json();
    let key = |name: &str| keys.as_array().expect("a list").iter().find(|key| key["key"] == name).expect(name).clone();
    assert_eq!((&key("url")["secret"], &key("url")["shared"]), (&true.into(), &false.into()));
    assert_eq!((&key("max_attempts")["shared"], &key("backoff.initial")["shared"]), (&true.into(), &true.into()));
    let page = desk.run("platforms webhook").ok();
    assert!(
        page.contains("\n  allow_http  (true or false)\n      ") && page.lines().all(|line| line.chars().count() <= 100),
        "{page}"
    );
    let run = desk.run("platforms pigeon");
    assert_eq!((run.code, run.err.contains("expected one of: ")), (2, true));
}

#[test]
fn completion_and_manual_know_the_commands() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(desk.run(&format!("completion {shell}")).ok().contains("platforms"), "{shell}");
    }
    let page = desk.run("man").ok();
    assert!(page.contains(".TH notifyhub") && page.contains("78 configuration"), "{page}");
    desk.run("man pages/1").ok();
    assert!(desk.read("pages/1/notifyhub-check.1").contains("live"));
}

#[test]
fn a_reader_that_has_enough_ends_the_command_quietly() {
    let desk = Desk::new();
    for arguments in ["config schema", "config show", "completion bash", "platforms", "man", "check -o json"] {
        let mut command = desk.command(arguments, &[]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command starts");
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().expect("it is piped").read_to_string(&mut said).expect("text");
        let said: Vec<_> = said.lines().filter(|line| !line.starts_with("no configuration file")).collect();
        assert_eq!((child.wait().expect("it ends").code(), said), (Some(0), vec![]), "{arguments}");
    }
}

#[test]
fn what_makes_no_sense_is_a_usage_error_and_help_is_none() {
    let desk = Desk::new();
    assert_eq!(desk.run("frobnicate").code, 2);
    assert_eq!(desk.run("check --live --timeout soon").code, 2);
    assert_eq!(desk.run("check -q -v").code, 2);
    assert!(desk.run("--help").ok().contains("Exit codes"));
    assert!(desk.run("--version").ok().starts_with("notifyhub "));
}

#[test]
fn a_warning_about_a_secret_that_others_can_read_goes_to_stderr() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::with_config("[platforms.ops]\ntype = \"webhook\"\nurl = \"https://example.com/hunter2\"\n");
    fs::set_permissions(desk.path().join("notifyhub.toml"), fs::Permissions::from_mode(0o644)).expect("it is ours");
    let run = desk.run("check");
    assert!(run.err.starts_with("warning: notifyhub.toml: others can read this file, and `platforms.ops.url`"), "{}", run.err);
    assert!(!run.err.contains("hunter2") && run.code == 0);
}
