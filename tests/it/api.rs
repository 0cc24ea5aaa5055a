//! What `notifyhub serve` answers over HTTP, and what `tasks show` makes of it.

use std::{process::Stdio, time::Duration};

use notifyhub::platforms::testkit::FaultServer;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStderr, Command},
};

use crate::command::{Desk, Run, serving};

/// A service in a folder of its own, whose platform may be sent to once an hour.
struct Service {
    desk: Desk,
    listen: String,
    child: Child,
    _log: Lines<BufReader<ChildStderr>>,
}

impl Service {
    /// With two tasks, one of which was delivered.
    async fn start(sink: &FaultServer) -> (Self, [String; 2]) {
        let desk = Desk::with_config(&format!(
            "[store]\npath = \"hub.db\"\n[platforms.hook]\ntype = \"webhook\"\nurl = \"{}\"\nallow_http = true\n\
             allow_private_networks = true\nrate_limit = \"1/h\"\n",
            sink.url("/x")
        ));
        let queued = ["one", "two"].map(|text| desk.run(&format!("send --queue -o json --to hook {text}")).json());
        let ids = queued.map(|rows| rows[0]["task"].as_str().expect("an id").to_owned());
        let mut command = Command::from(desk.command("serve --grace 5s", &[("NOTIFYHUB__SERVER__LISTEN", "127.0.0.1:0")]));
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn().expect("the command starts");
        let (child, listen, log) = serving(child).await;
        sink.received(1).await;
        (Self { desk, listen, child, _log: log }, ids)
    }

    /// A command beside it, of the same configuration.
    fn beside(&self, arguments: &str) -> Run {
        self.desk.run_with(arguments, &[("NOTIFYHUB__SERVER__LISTEN", &self.listen)])
    }

    /// What it answers to a request with this target and `Host`: the head, and the body.
    async fn ask(&self, target: &str, host: &str) -> (String, String) {
        self.exchange(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await
    }

    /// What it answers to a notification that is posted with these further header lines: the head, and the body.
    async fn post(&self, headers: &str, body: &str) -> (String, Value) {
        let length = body.len();
        let head = format!("POST /v1/notifications HTTP/1.1\r\nHost: {}\r\nConnection: close", self.listen);
        let (head, body) = self.exchange(format!("{head}\r\nContent-Length: {length}\r\n{headers}\r\n{body}")).await;
        (head, serde_json::from_str(&body).expect("JSON"))
    }

    async fn exchange(&self, request: String) -> (String, String) {
        let mut stream = TcpStream::connect(&self.listen).await.expect("it listens");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        (head.to_lowercase(), body.to_owned())
    }
}

/// The only record of what was shown.
#[track_caller]
fn only(shown: &Value) -> &Value {
    let records = shown.as_array().expect("a list");
    assert_eq!(records.len(), 1, "{shown}");
    &records[0]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_show_tells_what_a_task_waits_for_in_the_service_that_has_it() {
    let sink = FaultServer::start().await;
    let (mut service, [one, two]) = Service::start(&sink).await;
    let (mut delivered, mut waits) = (Value::Null, Value::Null);
    while delivered["state"] != "delivered" || !waits["explained"].as_str().unwrap_or_default().contains("parked") {
        assert!(service.child.try_wait().expect("asked").is_none(), "{delivered} {waits}");
        [delivered, waits] = [&one, &two].map(|id| only(&service.beside(&format!("tasks show {id}")).json()).clone());
    }
    assert_eq!(delivered["explained"], "tried once, and delivered");
    let explained = waits["explained"].as_str().expect("words");
    assert!(
        explained.starts_with("not tried yet; parked: the rate limit of hook is used up, for ")
            && explained.ends_with(" min more; 0 before it"),
        "{explained}"
    );

    let notification = waits["notification"].as_str().expect("an id");
    let named = service
        .desk
        .run_with(&format!("dead show {notification}"), &[("NOTIFYHUB_SERVER", &format!("http://{}/", service.listen))]);
    assert_eq!(only(&named.json())["task"], two.as_str(), "by the notification's id, and at a service that was named");
    let unknown = service.beside("tasks show 01a21bac-10a3-7000-8000-010000000001");
    assert!(unknown.code == 1 && unknown.err.contains("does not know"), "{}", unknown.err);
    // Whoever may not ask the service is told who has the store.
    let kept_out = service.desk.run(&format!("tasks show {two}"));
    assert!(kept_out.code == 69 && kept_out.err.contains("process"), "{}", kept_out.err);
    let nobody = service.desk.run(&format!("tasks show --server http://127.0.0.1:9 {two}"));
    assert!(nobody.code == 69 && nobody.err.contains("http://127.0.0.1:9"), "{}", nobody.err);
    let sink_of_others = service.desk.run(&format!("tasks show --server http://{} {two}", sink.address()));
    assert!(sink_of_others.code == 69 && sink_of_others.err.contains("no notifyhub"), "{}", sink_of_others.err);

    service.child.kill().await.expect("it ran");
    // From the store, when there is no service.
    let after = only(&service.beside(&format!("tasks show {two}")).json()).clone();
    assert_eq!(
        (&after["state"], &after["explained"]),
        (&"waiting".into(), &"not tried yet; waits in the store for its turn; 0 before it".into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_answers_its_own_machine_in_json_and_says_what_is_wrong() {
    let sink = FaultServer::start().await;
    let (service, [one, _]) = Service::start(&sink).await;
    let notification: Value = loop {
        let (head, body) = service.ask(&format!("/v1/tasks/{one}"), "localhost").await;
        assert!(head.starts_with("http/1.1 200") && head.contains("content-type: application/json"), "{head}");
        let task: Value = serde_json::from_str(&body).expect("JSON");
        if task["state"] == "delivered" {
            break task["notification"].clone();
        }
    };
    let notification = notification.as_str().expect("an id");
    let (_, body) = service.ask(&format!("/v1/notifications/{notification}"), &service.listen).await;
    let whole: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((&whole["id"], &whole["tasks"][0]["task"]), (&notification.into(), &one.as_str().into()));
    // Its numbers are told once a second.
    let seen = async {
        while !service.ask("/metrics", "127.0.0.1").await.1.contains("notifyhub_accepted_total") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), seen).await.expect("metrics");

    for (target, host, status, says) in [
        ("/v1/tasks/7", "localhost", 400, "`7` is no id"),
        (&*format!("/v1/tasks/{notification}"), "localhost", 404, "/v1/notifications/"),
        (&*format!("/v1/notifications/{one}"), "localhost", 404, "/v1/tasks/"),
        ("/v1/tasks/01a21bac-10a3-7000-8000-010000000001", "localhost", 404, "not known"),
        ("/v1/nothing", "localhost", 404, "/v1/nothing"),
        ("/metrics", "evil.example", 403, "this machine"),
    ] {
        let (head, body) = service.ask(target, host).await;
        assert!(
            head.starts_with(&format!("http/1.1 {status}")) && head.contains("content-type: application/problem+json"),
            "{head}"
        );
        let problem: Value = serde_json::from_str(&body).expect("JSON");
        let detail = problem["detail"].as_str().expect("words");
        assert!(problem["status"] == status && detail.contains(says), "{body}");
    }
}

const JSON: &str = "Content-Type: application/json\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_that_is_posted_is_kept_and_delivered_once_per_key() {
    let sink = FaultServer::start().await;
    let (service, _) = Service::start(&sink).await;
    let body = r#"{"to": ["hook"], "title": "db-3", "body": "disk full", "correlation_id": "c-7"}"#;
    let keyed = format!("{JSON}Idempotency-Key: k-1\r\n");
    let (head, accepted) = service.post(&keyed, body).await;
    assert!(head.starts_with("http/1.1 202"), "{head} {accepted}");
    let id = accepted["id"].as_str().expect("an id");
    assert!(head.contains(&format!("location: /v1/notifications/{id}")), "{head}");
    assert_eq!((&accepted["durability"], &accepted["correlation_id"]), (&"disk".into(), &"c-7".into()));
    let task = &accepted["tasks"][0];
    assert_eq!((&task["target"], &task["state"]), (&"hook".into(), &"waiting".into()));
    let (_, found) = service.ask(&format!("/v1/notifications/{id}"), "localhost").await;
    let found: Value = serde_json::from_str(&found).expect("JSON");
    assert_eq!((&found["tasks"][0]["task"], &found["tasks"][0]["correlation_id"]), (&task["id"], &"c-7".into()));
    let (head, again) = service.post(&keyed, body).await;
    assert!(head.starts_with("http/1.1 202"), "{head} {again}");
    assert_eq!((&again["id"], &again["tasks"]), (&accepted["id"], &accepted["tasks"]));
    let (head, conflict) = service.post(&keyed, &body.replace("full", "empty")).await;
    assert!(head.starts_with("http/1.1 409") && conflict["detail"].as_str().is_some_and(|why| why.contains(id)), "{conflict}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_accepted_is_refused_with_its_reason_and_nothing_of_it_is_kept() {
    let sink = FaultServer::start().await;
    let (mut service, _) = Service::start(&sink).await;
    let plain = "Content-Type: text/plain\r\n";
    let fine = r#"{"to": ["hook"], "body": "x"}"#;
    for (headers, body, status, says) in [
        ("", fine, 415, "application/json"),
        (plain, fine, 415, "application/json"),
        (JSON, r#"{"to": ["hook"], "boddy": "x"}"#, 400, "unknown field `boddy`"),
        (JSON, r#"{"to": ["hook"], "body": "x""#, 400, "not JSON"),
        (JSON, r#"{"to": ["hook"]}"#, 400, "nothing to say"),
        (JSON, r#"{"to": ["nosuch"], "body": "x"}"#, 422, "hook"),
        (JSON, r#"{"to": [], "body": "x"}"#, 422, "target"),
        (&*format!("{JSON}Idempotency-Key: \r\n"), fine, 400, "Idempotency-Key"),
        (&*format!("{JSON}Idempotency-Key: a\r\n"), r#"{"to": ["hook"], "body": "x", "idempotency_key": "b"}"#, 400, "differ"),
        (JSON, &*format!(r#"{{"to": ["hook"], "body": "{}"}}"#, "x".repeat(8 * 1024 * 1024)), 413, "8388608 bytes"),
    ] {
        let (head, problem) = service.post(headers, body).await;
        let detail = problem["detail"].as_str().expect("words");
        assert!(head.starts_with(&format!("http/1.1 {status}")) && detail.contains(says), "{head} {problem}");
        assert!(problem["status"] == status && head.contains("content-type: application/problem+json"), "{head} {problem}");
    }
    let (head, body) = service.ask("/v1/notifications", "localhost").await;
    assert!(head.starts_with("http/1.1 405") && body.contains("GET"), "{head} {body}");
    service.child.kill().await.expect("it ran");
    let kept = service.desk.run("tasks list -o json").json();
    assert_eq!(kept.as_array().map(Vec::len), Some(2), "those of the start: {kept}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_whose_port_is_taken_delivers_all_the_same() {
    let sink = FaultServer::start().await;
    let (first, _) = Service::start(&sink).await;
    let other = Desk::with_config(&format!(
        "[store]\npath = \"hub.db\"\n[platforms.hook]\ntype = \"webhook\"\nurl = \"{}\"\nallow_http = true\n\
         allow_private_networks = true\n",
        sink.url("/x")
    ));
    assert_eq!(other.run("send --queue --to hook three").code, 0);
    let run = other.run_with("serve --until-empty", &[("NOTIFYHUB__SERVER__LISTEN", &first.listen)]);
    assert!(run.code == 0 && run.err.contains("another listens on") && run.err.contains("server.listen"), "{}", run.err);
    tokio::time::timeout(Duration::from_secs(20), sink.received(2)).await.expect("delivered");
}
