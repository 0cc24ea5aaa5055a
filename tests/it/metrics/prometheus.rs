//! A real Prometheus scrapes the command, and its own tool finds nothing wrong with the text.

use std::{
    collections::HashMap,
    env, fs,
    io::Write,
    net::TcpListener,
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use notifyhub::{
    Notification,
    clock::{Clock, SystemClock},
    platforms::testkit::{FakePlatform, FaultServer},
};
use serde_json::Value;

use crate::command::Desk;

const VARIABLE: &str = "NOTIFYHUB_TEST_PROMETHEUS";

/// What `./test` started; see `tests/servers/prometheus.sh`.
fn words() -> HashMap<String, String> {
    let text = env::var(VARIABLE);
    let text = text.expect("NOTIFYHUB_TEST_PROMETHEUS is set by ./test, which starts a Prometheus; ./test quick leaves this out");
    text.split_whitespace().filter_map(|word| word.split_once('=')).map(|(key, value)| (key.into(), value.into())).collect()
}

/// A target that Prometheus scrapes until this is dropped.
struct Scraped(PathBuf);

impl Scraped {
    fn new(folder: &str, address: &str) -> Self {
        let file = PathBuf::from(folder).join(format!("{}.json", address.replace([':', '.'], "-")));
        // Renamed into place, so that it is never read half written.
        let half = file.with_extension("half");
        fs::write(&half, format!(r#"[{{"targets":["{address}"]}}]"#)).expect("the folder is writable");
        fs::rename(&half, &file).expect("the same folder");
        Self(file)
    }
}

impl Drop for Scraped {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn prometheus_scrapes_the_command_where_the_configuration_says() {
    let words = words();
    let sink = FaultServer::start().await;
    let free = TcpListener::bind("127.0.0.1:0").expect("loopback").local_addr().expect("bound");
    let desk = Desk::with_config(&format!("[telemetry]\nprometheus_listen = \"{free}\"\n"));
    let to = format!("json://{}/x", sink.address());
    // Long enough for Prometheus, and the test ends the command before it.
    let later = Timestamp::try_from(SystemClock.wall() + Duration::from_secs(100)).expect("a time of this century");
    desk.write("n.ndjson", &format!("{{\"body\":\"now\"}}\n{{\"body\":\"later\",\"not_before\":\"{later}\"}}\n"));
    let command = desk.command(&format!("send --quiet --wait 120s --from n.ndjson --to {to}"), &[]);
    let mut child =
        tokio::process::Command::from(command).stdout(Stdio::null()).kill_on_drop(true).spawn().expect("the command starts");
    let scraped = Scraped::new(&words["targets"], &free.to_string());
    let client = reqwest::Client::builder().tls_backend_preconfigured(no_tls()).build().expect("a client");
    let ask = async |query: &str| -> Option<String> {
        let url = format!("{}/api/v1/query", words["url"]);
        let url = reqwest::Url::parse_with_params(&url, [("query", query)]).expect("a URL");
        let answer = client.get(url).send().await.expect("prometheus answers").bytes().await.expect("whole");
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        answer["data"]["result"][0]["value"][1].as_str().map(str::to_owned)
    };
    let instance = format!("instance=\"{free}\"");
    let delivered = format!("sum(notifyhub_deliveries_total{{{instance},outcome=\"delivered\"}})");
    let seen = async {
        while ask(&delivered).await.as_deref() != Some("1") {
            assert!(child.try_wait().expect("asked").is_none(), "the command ended");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), seen).await.expect("prometheus has it within a minute");
    for (query, expected) in [
        (format!("up{{{instance}}}"), "1"),
        (format!("notifyhub_accepted_total{{{instance}}}"), "2"),
        (format!("sum(notifyhub_delivery_duration_seconds_count{{{instance}}})"), "1"),
        (format!("sum(notifyhub_delivery_duration_seconds_bucket{{{instance},le=\"+Inf\"}})"), "1"),
    ] {
        assert_eq!(ask(&query).await.as_deref(), Some(expected), "{query}");
    }
    drop(scraped);
    let beside = tokio::process::Command::from(desk.command(&format!("send --to {to} beside"), &[])).output().await;
    let beside = beside.expect("the command starts");
    assert!(beside.status.success(), "another process of this configuration sends all the same: {beside:?}");
    child.kill().await.expect("it was still running");
}

/// The tests' own client speaks to loopback in the clear; a provider must be named all the same.
fn no_tls() -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    builder.expect("ring knows them").with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth()
}

#[tokio::test]
async fn the_tool_of_prometheus_finds_nothing_wrong_with_the_text() {
    let hub = super::hub(&Arc::new(FakePlatform::new())).await;
    hub.deliver(Notification::text("b").to("ops")).await.expect("an outcome");
    let text = hub.prometheus();
    let mut tool = Command::new(&words()["promtool"])
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed");
    tool.stdin.take().expect("piped").write_all(text.as_bytes()).expect("it reads");
    let output = tool.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.trim().is_empty(), "{said}\n{text}");
}
