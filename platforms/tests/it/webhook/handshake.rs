//! The abuse protection of CloudEvents webhooks: who is asked, when, and what is made of the answer.

use std::{sync::Arc, time::Duration};

use notifyhub_platforms::{
    Platform,
    contract::{Envelope, ErrorKind, Message, Parts, Receipt, SendError},
    testkit::{Answer, Fault, FaultServer, conformance::Http},
};
use serde_json::{Value, json};

use super::{MovedClock, SIGNING_SECRET, build, envelope, parts, table};

const ORIGIN: &str = "notifyhub.example.com";

fn keys() -> Value {
    json!({"handshake": {"origin": ORIGIN, "rate": 120}, "signing_secrets": [SIGNING_SECRET], "headers": {"X-Kind": "{{ kind }}"},
        "auth": {"type": "bearer", "token": "t0ken"}})
}

fn consent(rate: &str) -> Answer {
    Answer::new(200).header("WebHook-Allowed-Origin", ORIGIN).header("WebHook-Allowed-Rate", rate)
}

fn message() -> Envelope {
    envelope(Message::text("x"))
}

/// A platform on a server with this script, and its clock.
async fn platform(server: &FaultServer, script: impl IntoIterator<Item = Answer>) -> (Arc<dyn Platform>, Arc<MovedClock>) {
    script.into_iter().for_each(|answer| server.push(answer));
    let clock = MovedClock::new();
    let parts = Parts { clock: clock.clone(), ..parts() };
    (build(table(server, keys()), &parts).expect("a webhook"), clock)
}

fn methods(server: &FaultServer) -> Vec<String> {
    server.requests().into_iter().map(|request| request.method).collect()
}

#[tokio::test]
async fn a_receiver_is_asked_before_the_first_delivery_and_told_who_sends_in_every_one() {
    let server = FaultServer::start().await;
    let (platform, _) = platform(&server, [consent("100")]).await;
    for _ in 0..3 {
        platform.send(&message()).await.expect("accepted");
    }
    assert_eq!(methods(&server), ["OPTIONS", "POST", "POST", "POST"]);
    let requests = server.requests();
    let question = &requests[0];
    let head = format!(
        "OPTIONS /hook HTTP/1.1\r\nauthorization: Bearer t0ken\r\nwebhook-request-origin: {ORIGIN}\r\nwebhook-request-rate: 120\r\n\
         accept: */*\r\nuser-agent: notifyhub/{} (notification dispatch)\r\nhost: {}\r\n\r\n",
        env!("CARGO_PKG_VERSION"),
        server.address(),
    );
    assert_eq!(std::str::from_utf8(&question.head), Ok(&*head));
    assert!(requests[1..].iter().all(|request| request.header("webhook-request-origin") == ORIGIN));
    assert!(requests[1..].iter().all(|request| !request.headers.contains_key("webhook-request-rate")));
}

#[tokio::test]
async fn many_who_come_at_once_ask_once() {
    let server = FaultServer::start().await;
    let (platform, _) = platform(&server, [consent("*")]).await;
    let message = message();
    let sends = (0..20).map(|_| platform.send(&message));
    assert!(futures_util::future::join_all(sends).await.iter().all(Result::is_ok));
    assert_eq!(methods(&server).iter().filter(|method| *method == "OPTIONS").count(), 1);
}

#[tokio::test]
async fn a_permission_is_asked_for_again_after_an_hour_and_for_every_url() {
    let server = FaultServer::start().await;
    server.otherwise(consent("*"));
    let (platform, clock) = platform(&server, []).await;
    platform.send(&message()).await.expect("accepted");
    clock.forward(Duration::from_secs(3599));
    platform.send(&message()).await.expect("accepted");
    clock.forward(Duration::from_secs(1));
    platform.send(&message()).await.expect("accepted");
    platform.send(&Envelope { recipient: Some(server.url("/other").into()), ..message() }).await.expect("accepted");
    assert_eq!(methods(&server), ["OPTIONS", "POST", "POST", "OPTIONS", "POST", "OPTIONS", "POST"]);
}

#[tokio::test]
async fn what_is_more_than_permitted_waits_for_the_next_minute_and_is_not_sent() {
    let server = FaultServer::start().await;
    let (platform, clock) = platform(&server, [consent("2")]).await;
    for _ in 0..2 {
        platform.send(&message()).await.expect("accepted");
    }
    clock.forward(Duration::from_secs(20));
    let error = platform.send(&message()).await.expect_err("too much");
    assert_eq!((error.kind(), error.retry_after()), (ErrorKind::RateLimited, Some(Duration::from_secs(40))));
    clock.forward(Duration::from_secs(40));
    platform.send(&message()).await.expect("accepted");
    assert_eq!(methods(&server), ["OPTIONS", "POST", "POST", "POST"]);
}

async fn outcome(question: impl Into<Fault>) -> (Result<Receipt, SendError>, Vec<String>) {
    let server = FaultServer::start().await;
    server.push(question);
    let (platform, _) = platform(&server, []).await;
    let outcome = platform.send(&message()).await;
    (outcome, methods(&server))
}

#[tokio::test]
async fn only_the_header_is_consent_whatever_the_status() {
    let allowed = |status, origin: &str| Answer::new(status).header("webhook-allowed-origin", origin);
    for answer in [allowed(200, "*"), allowed(204, ORIGIN), allowed(405, "*"), allowed(200, "NotifyHub.Example.COM")] {
        let (outcome, methods) = outcome(answer.clone()).await;
        assert!(outcome.is_ok() && methods == ["OPTIONS", "POST"], "{answer:?}");
    }
    use ErrorKind::{InvalidRecipient, RateLimited, Unauthorized, Unavailable};
    for (answer, expected) in [
        (Answer::new(200), InvalidRecipient),
        (Answer::new(204).header("allow", "POST"), InvalidRecipient),
        (allowed(200, "other.example.com"), InvalidRecipient),
        (Answer::new(404), InvalidRecipient),
        (Answer::new(405), InvalidRecipient),
        (Answer::new(410), InvalidRecipient),
        (Answer::new(302), Unauthorized),
        (Answer::new(401), Unauthorized),
        (Answer::new(403), Unauthorized),
        (Answer::new(429), RateLimited),
        (Answer::new(503), Unavailable),
    ] {
        let (outcome, methods) = outcome(answer.clone()).await;
        assert_eq!(outcome.expect_err("no consent").kind(), expected, "{answer:?}");
        assert_eq!(methods, ["OPTIONS"], "nothing is delivered without consent");
    }
}

#[tokio::test]
async fn a_question_that_gets_no_answer_leaves_no_doubt_about_the_message() {
    let (outcome, methods) = outcome(Fault::ResetAfterBody).await;
    let error = outcome.expect_err("no answer");
    assert_eq!((error.kind(), methods), (ErrorKind::Unavailable, vec!["OPTIONS".to_owned()]), "{error}");
}

#[tokio::test]
async fn a_refusal_is_not_kept() {
    let server = FaultServer::start().await;
    let (platform, clock) = platform(&server, [Answer::new(405), consent("*")]).await;
    assert_eq!(platform.send(&message()).await.expect_err("no consent").kind(), ErrorKind::InvalidRecipient);
    clock.forward(Duration::from_millis(1));
    platform.send(&message()).await.expect("accepted");
    assert_eq!(methods(&server), ["OPTIONS", "OPTIONS", "POST"]);
}

#[tokio::test]
async fn a_rate_nobody_can_read_is_the_one_that_was_asked_for() {
    for rate in ["0", "-1", "many", "1.5"] {
        let server = FaultServer::start().await;
        let mut keys = keys();
        keys["handshake"]["rate"] = json!(1);
        server.push(consent(rate));
        let platform = build(table(&server, keys), &parts()).expect("a webhook");
        platform.send(&message()).await.expect("accepted");
        assert_eq!(platform.send(&message()).await.expect_err(rate).kind(), ErrorKind::RateLimited);
    }
}

#[tokio::test]
async fn a_check_asks_for_permission() {
    for (answer, expected) in [(consent("*"), None), (Answer::new(405), Some(ErrorKind::InvalidRecipient))] {
        let server = FaultServer::start().await;
        let (platform, _) = platform(&server, [answer]).await;
        assert_eq!(platform.check().await.err().map(|error| error.kind()), expected);
        assert_eq!(methods(&server), ["OPTIONS"]);
    }
}

#[tokio::test]
async fn a_webhook_that_asks_keeps_every_promise_of_the_suite() {
    let make = |url: &str, parts: &Parts| {
        let mut keys = keys();
        keys["url"] = json!(format!("{url}/p4th-s3cret"));
        build(keys, parts).expect("a webhook")
    };
    let suite = Http::new(make, message(), Answer::new(204)).prelude([consent("*")]);
    suite.secrets(["p4th-s3cret", "t0ken"]).run().await;
}
