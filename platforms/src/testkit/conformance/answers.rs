//! Promises about what a platform's answer means.

use std::time::Duration;

use super::Http;
use crate::{
    contract::ErrorKind::{self, Ambiguous, RateLimited, Unavailable},
    testkit::{Answer, Fault, FaultServer, conformance::suite::expect_error},
};

pub(super) async fn accepted_is_delivered(http: &Http) {
    let server = http.server(http.accepted.clone()).await;
    let outcome = http.watched(http.platform(&server.url("")).send(&http.envelope()).await);
    assert!(outcome.is_ok(), "accepted_is_delivered: the platform's acceptance came out as {outcome:?}");
    let sent = server.requests().len() - http.prelude_answers().len();
    assert_eq!(sent, 1, "accepted_is_delivered: {sent} requests were made for one envelope");
}

pub(super) async fn too_many_requests_waits(http: &Http) {
    const PROMISE: &str = "too_many_requests_waits";
    // The clock of the platform stands at Tue, 14 Nov 2023 22:13:20 GMT.
    for (value, wait) in [
        ("7", Some(Duration::from_secs(7))),
        ("1.5", Some(Duration::from_millis(1500))),
        ("Tue, 14 Nov 2023 22:13:50 GMT", Some(Duration::from_secs(30))),
        ("Tue, 14 Nov 2023 22:00:00 GMT", Some(Duration::ZERO)),
        ("soon", None),
        ("-5", None),
        ("99999999999999999999999", None),
        ("", None),
    ] {
        let error = http.fails(Answer::new(429).header("retry-after", value), &[RateLimited], PROMISE).await;
        let found = error.retry_after();
        assert!(wait.is_none() || found == wait, "{PROMISE}: `retry-after: {value}` came out as {found:?}, expected {wait:?}");
    }
    http.fails(Answer::new(429), &[RateLimited], PROMISE).await;
}

/// Some platforms' sheets call a 5xx ambiguous; none may call it delivered or final.
pub(super) async fn server_errors_are_unavailable(http: &Http) {
    const PROMISE: &str = "server_errors_are_unavailable";
    for status in [500, 502, 503, 504] {
        http.fails(Answer::new(status), &[Unavailable, Ambiguous], PROMISE).await;
    }
    let repair = Answer::new(503).header("retry-after", "7");
    let error = http.fails(repair, &[Unavailable, RateLimited, Ambiguous], PROMISE).await;
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)), "{PROMISE}: the wait a 503 asks for is forgotten");
}

pub(super) async fn redirects_are_not_followed(http: &Http) {
    const PROMISE: &str = "redirects_are_not_followed";
    let elsewhere = FaultServer::start().await;
    elsewhere.otherwise(http.accepted.clone());
    for status in [300, 301, 302, 303, 304, 305, 307, 308] {
        let answer = Answer::new(status).header("location", elsewhere.url("/"));
        let error = expect_error(http.send(answer).await, PROMISE, &format!("a {status}"));
        assert!(!error.is_retryable(), "{PROMISE}: a {status} is to be tried again: {error}");
    }
    assert_eq!(elsewhere.connections(), 0, "{PROMISE}: one was followed");
}

pub(super) async fn refused_credentials_are_not_delivered(http: &Http) {
    for status in [401, 403] {
        expect_error(http.send(Answer::new(status)).await, "refused_credentials_are_not_delivered", &format!("a {status}"));
    }
}

pub(super) async fn junk_for_json_is_ambiguous(http: &Http) {
    if !http.json {
        return;
    }
    let status = http.accepted.status;
    let whole = &http.accepted.body;
    let half = whole.slice(..whole.len() / 2);
    let bodies: [&[u8]; 6] = [b"", b"<!doctype html><title>captive portal</title>", b"{", b"\xff\xfe\x00", &half, b"ok"];
    for body in bodies {
        let answer = Answer::new(status).body(body.to_vec());
        http.fails(answer, &[Ambiguous], "junk_for_json_is_ambiguous").await;
    }
}

/// Every outcome of every promise is looked at; here the server gives away the whole request.
pub(super) async fn secrets_stay_secret(http: &Http) {
    for status in [400, 401, 403, 404, 409, 413, 422, 429, 500, 503] {
        http.fails(Fault::Echo(status), &ErrorKind::ALL, "secrets_stay_secret").await;
    }
    http.send(Fault::Echo(200)).await.ok();
}
