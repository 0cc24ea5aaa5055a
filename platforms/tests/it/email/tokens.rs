//! OAuth 2: where access tokens come from, how long they are kept, and what their refusal means.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use notifyhub_platforms::{
    contract::{
        Adapter, ErrorKind, HttpRequest, HttpResponse, LimitScope, Message, NetworkPolicy, Parts, Platform, Receipt, Secret,
        SendError, Transport, TransportError, TransportErrorKind,
    },
    email::{Email, EmailConfig, OAuth2},
    testkit::{ScriptedTransport, SmtpScript, answer},
};
use serde_json::json;

use super::{envelope, parts, plain};

const REFRESH: &str = "1//refresh+token";
const CLIENT: &str = "client&secret";

fn config(server: &SmtpScript) -> EmailConfig {
    server.always("EHLO", "250-script.example.test\r\n250 AUTH PLAIN XOAUTH2");
    let mut config = plain(server);
    config.allow_insecure_auth = true;
    config.username = Some("ada@example.org".into());
    config.max_messages_per_connection = 1; // so that each mail logs in
    config.oauth2 = Some(OAuth2 {
        token_url: "https://login.example.org/token".into(),
        client_id: "hub".into(),
        client_secret: Some(Secret::new(CLIENT)),
        refresh_token: Secret::new(REFRESH),
        scope: Some("smtp.send offline".into()),
    });
    config
}

fn build(config: EmailConfig, transport: impl Transport) -> Email {
    Email::build(config, &Parts { transport: Arc::new(transport), ..parts() }).expect("a good configuration")
}

async fn send(platform: &Email) -> Result<Receipt, SendError> {
    platform.send(&envelope("ada@example.com", Message::text("x"))).await
}

fn grant(token: &str, seconds: u64) -> String {
    json!({"access_token": token, "token_type": "Bearer", "expires_in": seconds}).to_string()
}

/// The tokens that were shown to the mail server.
fn shown(server: &SmtpScript) -> Vec<String> {
    let encoded = server.lines().into_iter().filter_map(|line| line.strip_prefix("AUTH XOAUTH2 ").map(str::to_owned));
    let proof = encoded.map(|text| String::from_utf8(STANDARD.decode(text).expect("base64")).expect("text"));
    proof
        .map(|text| text.trim_start_matches("user=ada@example.org\x01auth=Bearer ").trim_end_matches('\x01').to_owned())
        .collect()
}

async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_token_is_asked_for_by_a_form_and_shown_to_the_mail_server() {
    let server = SmtpScript::start().await;
    let transport = ScriptedTransport::new().answering(200, grant("ya29.first", 3600));
    send(&build(config(&server), transport.clone())).await.expect("accepted");
    let request = transport.requests().remove(0);
    assert_eq!((request.method.as_str(), request.url.expose()), ("POST", "https://login.example.org/token"));
    assert_eq!(request.headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(request.headers["accept"], "application/json");
    assert_eq!(
        request.body,
        "grant_type=refresh_token&refresh_token=1%2F%2Frefresh%2Btoken&client_id=hub&client_secret=client%26secret&scope=smtp.send+offline"
    );
    assert_eq!(request.network, NetworkPolicy::AllowPrivate);
    assert_eq!(shown(&server), ["ya29.first"]);
}

#[tokio::test]
async fn a_token_is_kept_until_shortly_before_its_end() {
    // An hour: five minutes are the margin. Two minutes: a tenth of them is. No word about it: ten minutes.
    for (body, good, over) in [
        (grant("t1", 3600), 3290, 20),
        (grant("t1", 120), 100, 10),
        (json!({"access_token": "t1", "expires_in": "120"}).to_string(), 100, 10),
        (json!({"access_token": "t1"}).to_string(), 530, 20),
    ] {
        let server = SmtpScript::start().await;
        let transport = ScriptedTransport::new().answering(200, body).answering(200, grant("t2", 3600));
        let platform = build(config(&server), transport.clone());
        send(&platform).await.expect("accepted");
        pass(Duration::from_secs(good)).await;
        send(&platform).await.expect("accepted");
        assert_eq!(transport.requests().len(), 1);
        pass(Duration::from_secs(over)).await;
        send(&platform).await.expect("accepted");
        assert_eq!(shown(&server), ["t1", "t1", "t2"]);
    }
}

/// Lets others run before it answers.
struct Slow(ScriptedTransport);

#[async_trait]
impl Transport for Slow {
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        self.0.exchange(request).await
    }
}

#[tokio::test]
async fn many_connections_ask_for_one_token_together() {
    let server = SmtpScript::start().await;
    let transport = ScriptedTransport::new().answering(200, grant("t1", 3600));
    let platform = build(config(&server), Slow(transport.clone()));
    let outcomes = futures_util::future::join_all((0..4).map(|_| send(&platform))).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!((transport.requests().len(), shown(&server).len()), (1, 4));
}

#[tokio::test]
async fn a_token_the_mail_server_refuses_is_replaced_once() {
    let server = SmtpScript::start().await;
    server.next("AUTH", "535 5.7.8 token expired");
    let transport = ScriptedTransport::new().answering(200, grant("t1", 3600)).answering(200, grant("t2", 3600));
    let platform = build(config(&server), transport.clone());
    send(&platform).await.expect("accepted with the second token");
    assert_eq!(shown(&server), ["t1", "t2"]);
    send(&platform).await.expect("accepted");
    assert_eq!(transport.requests().len(), 2);

    let server = SmtpScript::start().await;
    server.always("AUTH", "535 5.7.8 mailbox disabled");
    let transport = ScriptedTransport::new().answering(200, grant("t1", 3600)).answering(200, grant("t2", 3600));
    let error = send(&build(config(&server), transport.clone())).await.expect_err("refused twice");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unauthorized, Some("535 5.7.8")));
    assert_eq!((transport.requests().len(), server.connections()), (2, 2));
}

#[tokio::test]
async fn the_challenge_that_explains_a_refusal_is_answered_so_that_the_refusal_comes() {
    let server = SmtpScript::start().await;
    server.always("EHLO", "250-script.example.test\r\n250 AUTH XOAUTH2");
    server.always("AUTH", "334 eyJzdGF0dXMiOiI0MDEifQ==");
    server.always("", "535 5.7.8 Username and Password not accepted");
    let mut config = plain(&server);
    config.allow_insecure_auth = true;
    config.username = Some("ada@example.org".into());
    config.access_token = Some(Secret::new("ya29.dead"));
    let error = send(&super::build(config)).await.expect_err("refused");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unauthorized, Some("535 5.7.8")), "{error}");
    assert_eq!(server.connections(), 1, "a fixed token has no successor");
}

#[tokio::test]
async fn a_newer_refresh_token_is_used_from_then_on() {
    let server = SmtpScript::start().await;
    let first = json!({"access_token": "t1", "expires_in": 60, "refresh_token": "newer"}).to_string();
    let transport = ScriptedTransport::new().answering(200, first).answering(200, grant("t2", 3600));
    let platform = build(config(&server), transport.clone());
    send(&platform).await.expect("accepted");
    pass(Duration::from_secs(60)).await;
    send(&platform).await.expect("accepted");
    let body = String::from_utf8_lossy(&transport.requests()[1].body).into_owned();
    assert!(body.contains("&refresh_token=newer&"), "{body}");
}

#[tokio::test]
async fn every_answer_without_a_token_has_its_verdict_and_no_mail_is_begun() {
    use ErrorKind::{RateLimited, Unauthorized, Unavailable, Unexpected};
    let lost = |kind| Err(TransportError::new(kind, "lost"));
    for (response, kind, part) in [
        (
            Ok(answer(400, &[], r#"{"error": "invalid_grant", "error_description": "revoked"}"#)),
            Unauthorized,
            "invalid_grant: revoked",
        ),
        (Ok(answer(401, &[], r#"{"error": "invalid_client"}"#)), Unauthorized, "invalid_client"),
        (Ok(answer(400, &[], "")), Unauthorized, "bad request"),
        (Ok(answer(404, &[], "<html>")), Unauthorized, "not found"),
        (Ok(answer(302, &[], "")), Unauthorized, "redirects"),
        (Ok(answer(400, &[], r#"{"error": "temporarily_unavailable"}"#)), Unavailable, "temporarily_unavailable"),
        (Ok(answer(503, &[("retry-after", "7")], "<html>")), Unavailable, "service unavailable"),
        (Ok(answer(429, &[("retry-after", "7")], "")), RateLimited, "too many requests"),
        (Ok(answer(200, &[], "<html>welcome</html>")), Unexpected, "holds none"),
        (Ok(answer(200, &[], r#"{"token_type": "Bearer"}"#)), Unexpected, "holds none"),
        (Ok(answer(200, &[], r#"{"access_token": "a\r\nRCPT TO:<eve@example.com>"}"#)), Unexpected, "holds none"),
        (Ok(answer(200, &[], r#"{"access_token": ""}"#)), Unexpected, "holds none"),
        (lost(TransportErrorKind::Timeout), Unavailable, "lost"),
        (lost(TransportErrorKind::Lost), Unavailable, "lost"),
        (lost(TransportErrorKind::Connect), Unavailable, "lost"),
        (lost(TransportErrorKind::Blocked), Unauthorized, "lost"),
    ] {
        let server = SmtpScript::start().await;
        let shown = format!("{response:?}");
        let error = send(&build(config(&server), ScriptedTransport::new().then(response))).await.expect_err(&shown);
        assert_eq!(error.kind(), kind, "{shown}: {error}");
        assert!(error.reason().starts_with("no access token: ") && error.reason().contains(part), "{shown}: {error}");
        assert_eq!(server.connections(), 0, "{shown}");
        if shown.contains("retry-after") {
            assert_eq!((error.retry_after(), error.scope()), (Some(Duration::from_secs(7)), LimitScope::Platform));
        }
    }
}

#[tokio::test]
async fn no_secret_comes_back_in_an_error() {
    let server = SmtpScript::start().await;
    let echo = json!({"error": "invalid_grant", "error_description": format!("{REFRESH} of {CLIENT}")}).to_string();
    let error = send(&build(config(&server), ScriptedTransport::new().answering(400, echo))).await.expect_err("refused");
    assert!(error.reason().ends_with("[redacted] of [redacted]"), "{error}");

    let proof = STANDARD.encode("user=ada@example.org\x01auth=Bearer ya29.token\x01\x01");
    server.always("AUTH", &*format!("535 5.7.8 ya29.token {proof} is dead"));
    let transport = ScriptedTransport::new().answering(200, grant("ya29.token", 60)).answering(200, grant("ya29.token", 60));
    let error = send(&build(config(&server), transport)).await.expect_err("refused");
    assert_eq!(error.reason(), "[redacted] [redacted] is dead");
    let shown = format!("{:?}", config(&server));
    assert!(!shown.contains(REFRESH) && !shown.contains(CLIENT), "{shown}");
}
