//! Promises about what is sent.

use super::Http;
use crate::{
    contract::{Envelope, EnvelopeId, Idempotency},
    testkit::{FaultServer, RecordedRequest},
};

/// While the clock stands still, a second attempt is the same request byte by byte, so that its receiver can tell it
/// is a copy. Where the platform is said to recognise copies, another envelope must differ.
pub(super) async fn a_second_attempt_is_the_same_request(http: &Http) {
    const PROMISE: &str = "a_second_attempt_is_the_same_request";
    let server = http.server(http.accepted.clone()).await;
    let platform = http.platform(&server.url(""));
    let first = http.envelope();
    let second = Envelope { attempt: first.attempt + 1, ..first.clone() };
    let other = Envelope { id: EnvelopeId::new(first.id.bits() ^ 0xff), ..first.clone() };
    for envelope in [&first, &second, &other] {
        http.watched(platform.send(envelope).await).expect("accepted");
    }
    let requests = server.requests();
    let [first, second, other] = &requests[http.prelude_answers().len()..] else {
        assert_eq!(requests.len(), 3 + http.prelude_answers().len(), "{PROMISE}: one request per envelope");
        return;
    };
    assert_eq!(shown(first), shown(second), "{PROMISE}: the attempts differ");
    if platform.capabilities().idempotency != Idempotency::None {
        assert_ne!(shown(first), shown(other), "{PROMISE}: the envelope's id is not in the request");
    }
}

fn shown(request: &RecordedRequest) -> String {
    format!("{}{}", String::from_utf8_lossy(&request.head), String::from_utf8_lossy(&request.body))
}

pub(super) async fn a_check_notifies_nobody(http: &Http) {
    let server = http.server(http.accepted.clone()).await;
    let platform = http.platform(&server.url(""));
    http.watched(platform.send(&http.envelope()).await).expect("accepted");
    let sent = server.requests().pop().expect("one request");
    if let Err(error) = platform.check().await {
        http.watched(Err(error)).ok();
    }
    for request in &server.requests()[http.prelude_answers().len() + 1..] {
        let same = (&request.method, &request.path) == (&sent.method, &sent.path);
        assert!(!same, "a_check_notifies_nobody: it made the request that sends, {} {}", sent.method, sent.path);
    }
}

pub(super) async fn a_check_without_server_fails(http: &Http) {
    let answer = http.platform(&FaultServer::nowhere()).check().await;
    assert!(answer.is_err(), "a_check_without_server_fails: nobody listens, and the check passes");
    if let Err(error) = answer {
        http.watched(Err(error)).ok();
    }
}
