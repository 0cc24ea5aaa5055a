//! Promises about connections that fail, on one question: can the platform have accepted?

use bytes::Bytes;

use super::Http;
use crate::{
    contract::ErrorKind::{Ambiguous, Unavailable},
    testkit::{Answer, Fault, FaultServer, conformance::suite::expect_error},
};

pub(super) async fn a_refused_connection_is_unavailable(http: &Http) {
    let outcome = http.watched(http.platform(&FaultServer::nowhere()).send(&http.envelope()).await);
    let error = expect_error(outcome, "a_refused_connection_is_unavailable", "a refused connection");
    assert_eq!(error.kind(), Unavailable, "a_refused_connection_is_unavailable: {error}");
}

pub(super) async fn a_lost_connection_is_ambiguous(http: &Http) {
    const PROMISE: &str = "a_lost_connection_is_ambiguous";
    http.fails(Fault::ResetBeforeRead, &[Unavailable, Ambiguous], PROMISE).await;
    for fault in [
        Fault::ResetAfterHeaders,
        Fault::ResetAfterBody,
        Fault::EndlessHeaders,
        Fault::Raw(Bytes::new()),
        Fault::Raw(Bytes::from_static(b"220 mail.example.com ESMTP\r\n")),
        Fault::Raw(Bytes::from_static(b"HTTP/1.1 2000 OK\r\n\r\n")),
    ] {
        http.fails(fault, &[Ambiguous], PROMISE).await;
    }
}

pub(super) async fn silence_is_ambiguous(http: &Http) {
    let server = http.server(Fault::Silence).await;
    let outcome = http.watched(http.hasty_platform(&server.url("")).send(&http.envelope()).await);
    let error = expect_error(outcome, "silence_is_ambiguous", "silence");
    assert_eq!(error.kind(), Ambiguous, "silence_is_ambiguous: {error}");
}

pub(super) async fn a_flood_is_cut(http: &Http) {
    const PROMISE: &str = "a_flood_is_cut";
    let outcome = http.send(Fault::Flood(Answer::new(http.accepted.status))).await;
    assert!(!http.json || outcome.is_err(), "{PROMISE}: a gigabyte of junk counts as delivered");
    http.fails(Fault::Flood(Answer::new(500)), &[Unavailable, Ambiguous], PROMISE).await;
}

pub(super) async fn a_slow_answer_counts(http: &Http) {
    let outcome = http.send(Fault::Trickle(http.accepted.clone())).await;
    assert!(outcome.is_ok(), "a_slow_answer_counts: an acceptance byte by byte came out as {outcome:?}");
}
