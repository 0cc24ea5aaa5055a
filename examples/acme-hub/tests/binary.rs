//! The binary knows Acme Pager like any other platform: in the list, as a URL, and in a configuration.

use std::process::Output;

use notifyhub::platforms::testkit::{Answer, FaultServer};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

async fn acme_hub(folder: &TempDir, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_acme-hub"));
    command.env_clear().env("HOME", folder.path()).env("ACME_TOKEN", "t0ken").current_dir(folder.path()).args(arguments);
    command.output().await.expect("runs")
}

fn json(output: &Output) -> Value {
    let parsed = serde_json::from_slice(&output.stdout);
    parsed.ok().filter(|_| output.status.success()).expect("exit 0, and stdout is JSON")
}

async fn server() -> FaultServer {
    let server = FaultServer::start().await;
    server.otherwise(Answer::json(201, r#"{"page_id":"pg_1"}"#));
    server
}

#[tokio::test]
async fn acme_is_listed_beside_the_platforms_that_ship() {
    let folder = TempDir::new().expect("writable");
    let listed = json(&acme_hub(&folder, &["platforms", "-o", "json"]).await);
    let kinds: Vec<_> = listed.as_array().expect("a list").iter().map(|row| &row["type"]).collect();
    assert!(kinds.contains(&&"acme".into()) && kinds.contains(&&"webhook".into()), "{listed}");
    let keys = json(&acme_hub(&folder, &["platforms", "acme", "-o", "json"]).await).to_string();
    assert!(keys.contains("base_url"), "{keys}");
}

#[tokio::test]
async fn acme_is_sent_to_by_url() {
    let (folder, server) = (TempDir::new().expect("writable"), server().await);
    let target = format!("acme://t0ken@{}/team-red?tls=no", server.address());
    let output = acme_hub(&folder, &["send", "--to", &target, "-o", "json", "disk full"]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let row = &json(&output)[0];
    assert_eq!((&row["state"], &row["receipt"]["id"]), (&"delivered".into(), &"pg_1".into()));
    let request = server.requests().remove(0);
    assert_eq!((&*request.path, request.header("authorization")), ("/v1/pages", "Bearer t0ken"));
    let page: Value = serde_json::from_slice(&request.body).expect("JSON");
    assert_eq!((&page["to"], &page["text"]), (&"team-red".into(), &"disk full".into()));
    assert!(!String::from_utf8_lossy(&output.stdout).contains("t0ken"), "{output:?}");
}

#[tokio::test]
async fn acme_is_configured_like_any_platform() {
    let (folder, server) = (TempDir::new().expect("writable"), server().await);
    let table = format!(
        "[platforms.pager]\ntype = \"acme\"\ntoken = {{ env = \"ACME_TOKEN\" }}\nbase_url = \"{}\"\nallow_private_networks = true\n\
         recipient = \"team-red\"\n",
        server.url("")
    );
    std::fs::write(folder.path().join("notifyhub.toml"), &table).expect("writable");
    let checked = acme_hub(&folder, &["check", "--live"]).await;
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    let sent = acme_hub(&folder, &["send", "--to", "pager", "--to", "pager:ada", "x"]).await;
    assert_eq!(sent.status.code(), Some(0), "{sent:?}");
    let stdout = String::from_utf8_lossy(&sent.stdout);
    assert!(stdout.starts_with("ok  pager:team-red  1 attempt"), "{stdout}");
    std::fs::write(folder.path().join("notifyhub.toml"), table.replace("base_url", "base_ulr")).expect("writable");
    let wrong = acme_hub(&folder, &["check"]).await;
    let stderr = String::from_utf8_lossy(&wrong.stderr);
    assert!(wrong.status.code() == Some(78) && stderr.contains("base_url"), "{stderr}");
}
