//! What Acme Pager promises: the exact request, every row of the error table, and what all adapters promise.

use std::{sync::Arc, time::Duration};

use acme_platform::AcmePager;
use notifyhub_platforms::{
    Adapter, Platform, Registry,
    contract::{Envelope, ErrorKind, Message, Parts, Priority, Secret, SendError},
    http::{ReqwestTransport, TransportConfig},
    testkit::{self, Answer, FaultServer, FixedClock, conformance::Http},
};
use serde_json::{Value, json};

fn parts() -> Parts {
    let transport = ReqwestTransport::new(TransportConfig::default()).expect("the system has root certificates");
    Parts { transport: Arc::new(transport), clock: Arc::new(FixedClock::at_unix(1_700_000_000)), allow_private_networks: false }
}

fn pager(url: &str, parts: &Parts) -> Arc<dyn Platform> {
    let table = json!({"token": "t0ken", "base_url": url, "allow_private_networks": true});
    Registry::empty().with::<AcmePager>().build("acme", table, parts).expect("builds")
}

fn envelope(message: Message) -> Envelope {
    testkit::envelope(Some("team-red"), message)
}

fn accepted() -> Answer {
    Answer::json(201, r#"{"page_id":"pg_1","state":"queued"}"#)
}

#[tokio::test]
async fn it_keeps_every_promise_of_an_adapter() {
    Http::new(pager, envelope(Message::text("x")), accepted()).json().secrets(["t0ken"]).run().await;
}

#[tokio::test]
async fn a_page_is_one_request_with_all_that_a_pager_shows() {
    let server = FaultServer::start().await;
    server.otherwise(accepted());
    let mut message = Message::markdown("**disk** full").title("db-3").priority(Priority::Urgent);
    message.extras_mut().click_url = Some("https://runbook.example/disk".into());
    message.extras_mut().raw.insert("acme".into(), json!({"sound": "siren"}));
    let receipt = pager(&server.url(""), &parts()).send(&envelope(message)).await.expect("accepted");
    assert_eq!(receipt.id.as_deref(), Some("pg_1"));
    let request = server.requests().remove(0);
    assert_eq!((&*request.method, &*request.path), ("POST", "/v1/pages"));
    assert_eq!(request.header("authorization"), "Bearer t0ken");
    assert_eq!(request.header("idempotency-key"), "00000000-0000-0000-0000-000000000007");
    assert_eq!(
        serde_json::from_slice::<Value>(&request.body).expect("JSON"),
        json!({"to": "team-red", "severity": "critical", "text": "db-3\ndisk full", "link": "https://runbook.example/disk",
            "sound": "siren"})
    );
}

#[tokio::test]
async fn a_long_text_is_cut_to_what_a_pager_shows() {
    let server = FaultServer::start().await;
    server.otherwise(accepted());
    pager(&server.url(""), &parts()).send(&envelope(Message::text("é".repeat(2000)))).await.expect("accepted");
    let page: Value = serde_json::from_slice(&server.requests()[0].body).expect("JSON");
    assert_eq!(page["text"].as_str().expect("text").chars().count(), 480);
}

#[tokio::test]
async fn every_row_of_the_error_table_has_its_kind() {
    use ErrorKind::{Ambiguous, InvalidMessage, InvalidRecipient, RateLimited, Unauthorized, Unavailable};
    let server = FaultServer::start().await;
    let pager = pager(&server.url(""), &parts());
    for (status, code, kind) in [
        (200, "", Ambiguous),
        (400, "text_empty", InvalidMessage),
        (400, "unknown_recipient", InvalidRecipient),
        (401, "token_invalid", Unauthorized),
        (402, "not_paid", Unauthorized),
        (403, "suspended", Unauthorized),
        (404, "unknown_recipient", InvalidRecipient),
        (409, "in_progress", Ambiguous),
        (410, "recipient_left", InvalidRecipient),
        (413, "", InvalidMessage),
        (429, "slow_down", RateLimited),
        (500, "", Unavailable),
        (503, "maintenance", Unavailable),
    ] {
        server.push(
            Answer::json(status, json!({"error": {"code": code, "message": "why"}}).to_string()).header("retry-after", "3"),
        );
        let error = pager.send(&envelope(Message::text("x"))).await.expect_err("refused");
        assert_eq!(error.kind(), kind, "{status} {code}: {error}");
        if !code.is_empty() {
            let told = (error.code(), error.reason(), error.retry_after());
            assert_eq!(told, (Some(code), "why", Some(Duration::from_secs(3))), "{status}");
        }
    }
}

#[tokio::test]
async fn a_check_asks_for_the_account_with_the_token() {
    let server = FaultServer::start().await;
    let pager = pager(&server.url(""), &parts());
    pager.check().await.expect("the token is taken");
    assert_eq!((&*server.requests()[0].method, &*server.requests()[0].path), ("GET", "/v1/account"));
    assert_eq!(server.requests()[0].header("authorization"), "Bearer t0ken");
    server.push(Answer::new(401).body("bad token t0ken"));
    let error = pager.check().await.expect_err("refused");
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Unauthorized, "bad token [redacted]"));
}

#[tokio::test]
async fn a_recipient_is_a_person_or_a_team() {
    let pager = pager("https://pager.example", &parts());
    assert_eq!(pager.verify(Some("team-red")), Ok(()));
    for recipient in [None, Some(""), Some("Team Red"), Some(&*"x".repeat(33))] {
        assert_eq!(pager.verify(recipient).map_err(|error: SendError| error.kind()), Err(ErrorKind::InvalidRecipient));
    }
}

#[tokio::test]
async fn a_table_with_a_mistake_is_refused_with_its_key() {
    let build =
        |table| Registry::empty().with::<AcmePager>().build("acme", table, &parts()).map(|_| ()).map_err(|e| e.to_string());
    for (table, part) in [
        (json!({}), "missing field `token`"),
        (json!({"token": "t", "tokn": "t"}), "unknown field `tokn`, expected one of `token`, `base_url`"),
        (json!({"token": "a\nb"}), "`token`: holds characters that no token has"),
        (json!({"token": "t", "base_url": "http://a"}), "`base_url`: http:// is for gateways in a private network"),
    ] {
        let error = build(table).expect_err(part);
        assert!(error.contains(part), "{error}");
    }
    let from_url = AcmePager::from_url("acme://t0ken@pager.example/ada").expect("a URL");
    assert_eq!((from_url.config.token, from_url.recipient.as_deref()), (Secret::new("t0ken"), Some("ada")));
}
