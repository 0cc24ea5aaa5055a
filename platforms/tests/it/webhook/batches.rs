//! Batches: what a list looks like, and what one answer says about its members.

use std::{sync::Arc, time::Duration};

use notifyhub_platforms::{
    contract::{Envelope, EnvelopeId, ErrorKind, Message, Receipt, Secret, SendError},
    http::signature::{VerifyingKey, verify},
    testkit::{Answer, FaultServer, RecordedRequest, conformance::Http},
};
use serde_json::{Value, json};

use super::{SIGNING_SECRET, build, envelope, parts, table, wall};

/// Messages `m0`, `m1`, … with the ids 1, 2, …
fn messages(count: usize) -> Vec<Envelope> {
    let message =
        |index: usize| Envelope { id: EnvelopeId::new(index as u128 + 1), ..envelope(Message::text(format!("m{index}"))) };
    (0..count).map(message).collect()
}

fn with_max(keys: Value) -> Value {
    let mut keys = keys;
    keys["max_batch"] = json!(10);
    keys
}

/// What came of a batch on a server that answers so, and the requests it made.
async fn sent(
    keys: Value,
    batch: &[Envelope],
    answers: impl IntoIterator<Item = Answer>,
) -> (Vec<Outcome>, Vec<RecordedRequest>) {
    let server = FaultServer::start().await;
    answers.into_iter().for_each(|answer| server.push(answer));
    let platform = build(table(&server, with_max(keys)), &parts()).expect("a webhook");
    (platform.send_batch(batch).await, server.requests())
}

type Outcome = Result<Receipt, SendError>;

fn kinds(outcomes: &[Outcome]) -> Vec<Option<ErrorKind>> {
    outcomes.iter().map(|outcome| outcome.as_ref().err().map(SendError::kind)).collect()
}

#[tokio::test]
async fn a_batch_is_one_signed_request_whose_members_hold_their_ids() {
    let keys = json!({"signing_secrets": [SIGNING_SECRET], "idempotency_header": "Idempotency-Key"});
    let (outcomes, requests) = sent(keys, &messages(2), [Answer::new(204)]).await;
    assert_eq!(outcomes, vec![Ok(Receipt::accepted()); 2]);
    let [request] = &requests[..] else { panic!("one request") };
    assert_eq!(
        std::str::from_utf8(&request.body),
        Ok(concat!(
            r#"[{"id":"00000000-0000-0000-0000-000000000001","type":"notification.sent","timestamp":"2023-11-14T22:13:18.500Z","#,
            r#""data":{"body":"m0","format":"text","priority":"normal"}},"#,
            r#"{"id":"00000000-0000-0000-0000-000000000002","type":"notification.sent","timestamp":"2023-11-14T22:13:18.500Z","#,
            r#""data":{"body":"m1","format":"text","priority":"normal"}}]"#
        ))
    );
    assert_eq!(request.header("content-type"), "application/json");
    assert_eq!(request.header("idempotency-key"), request.header("webhook-id"));
    let key = VerifyingKey::parse(&Secret::new(SIGNING_SECRET)).expect("a key");
    assert_eq!(verify(&[key], &request.headers, &request.body, wall()), Ok(()));
}

#[tokio::test]
async fn the_same_messages_have_the_same_id_in_any_order_and_a_single_one_has_its_own() {
    let ids = async |batch: &[Envelope]| {
        let (_, requests) = sent(json!({}), batch, []).await;
        requests.iter().map(|request| request.header("webhook-id").to_owned()).collect::<Vec<_>>()
    };
    let (two, three) = (messages(2), messages(3));
    let reversed: Vec<_> = two.iter().rev().cloned().collect();
    let id = ids(&two).await;
    // The first sixteen bytes of SHA-256 over both ids, marked as a UUID of version 8; computed with Python.
    assert_eq!(id, ["78d68721-debb-823c-b880-232869a63e25"]);
    assert_eq!(ids(&reversed).await, id);
    assert_ne!(ids(&three).await, id);
    assert_eq!(ids(&two[..1]).await, ["00000000-0000-0000-0000-000000000001"]);
}

#[tokio::test]
async fn a_message_alone_is_a_list_of_one() {
    let server = FaultServer::start().await;
    let platform = build(table(&server, with_max(json!({}))), &parts()).expect("a webhook");
    assert_eq!(platform.capabilities().batch_max, 10);
    platform.send(&messages(1)[0]).await.expect("accepted");
    let body: Value = serde_json::from_slice(&server.requests()[0].body).expect("JSON");
    assert_eq!(body.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn without_max_batch_every_message_travels_alone() {
    let server = FaultServer::start().await;
    let platform = build(table(&server, json!({})), &parts()).expect("a webhook");
    assert_eq!(platform.capabilities().batch_max, 1);
    assert_eq!(kinds(&platform.send_batch(&messages(2)).await), [None, None]);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn ndjson_is_one_line_per_message_however_the_template_is_laid_out() {
    let template = "{\n  \"id\": {{ id }},\r\n  \"text\": \"{{ body }}\"\n}";
    let keys = json!({"body": "template", "template": template, "batch_format": "ndjson"});
    let mut batch = messages(2);
    batch[1].message = Arc::new(Message::text("two\nlines"));
    let (_, requests) = sent(keys, &batch, []).await;
    assert_eq!(requests[0].header("content-type"), "application/x-ndjson");
    assert_eq!(
        std::str::from_utf8(&requests[0].body),
        Ok(concat!(
            "{   \"id\": \"00000000-0000-0000-0000-000000000001\",    \"text\": \"m0\" }\n",
            "{   \"id\": \"00000000-0000-0000-0000-000000000002\",    \"text\": \"two\\nlines\" }\n",
        ))
    );
}

#[tokio::test]
async fn a_batch_of_cloud_events_is_an_array_also_without_max_batch() {
    let keys = json!({"body": "cloudevents", "cloudevents": {"source": "/x", "mode": "batched"}});
    let (_, requests) = sent(keys.clone(), &messages(2), []).await;
    assert_eq!(requests[0].header("content-type"), "application/cloudevents-batch+json; charset=utf-8");
    let events: Value = serde_json::from_slice(&requests[0].body).expect("JSON");
    assert_eq!((&events[0]["specversion"], &events[1]["id"]), (&json!("1.0"), &json!("00000000-0000-0000-0000-000000000002")));
    let alone = super::arrives(keys, &messages(1)[0]).await;
    let events: Value = serde_json::from_slice(&alone.body).expect("JSON");
    assert_eq!((events.as_array().map(Vec::len), &events[0]["data"]["body"]), (Some(1), &json!("m0")));
}

#[tokio::test]
async fn all_share_the_outcome_of_a_receiver_that_answers_once() {
    for (answer, expected) in [
        (Answer::new(200), None),
        (Answer::new(401), Some(ErrorKind::Unauthorized)),
        (Answer::new(410), Some(ErrorKind::Gone)),
        (Answer::new(429).header("retry-after", "7"), Some(ErrorKind::RateLimited)),
        (Answer::new(503), Some(ErrorKind::Unavailable)),
    ] {
        let (outcomes, requests) = sent(json!({}), &messages(3), [answer]).await;
        assert_eq!((kinds(&outcomes), requests.len()), (vec![expected; 3], 1));
        if expected == Some(ErrorKind::RateLimited) {
            assert!(
                outcomes.iter().all(|outcome| outcome.as_ref().is_err_and(|e| e.retry_after() == Some(Duration::from_secs(7))))
            );
        }
    }
}

#[tokio::test]
async fn a_bad_message_costs_no_other() {
    for status in [400, 413, 422] {
        let alone = [Answer::new(200), Answer::new(status), Answer::new(200)];
        let server = FaultServer::start().await;
        server.push(Answer::new(status));
        alone.into_iter().for_each(|answer| server.push(answer));
        let platform = build(table(&server, with_max(json!({}))), &parts()).expect("a webhook");
        let outcomes = platform.send_batch(&messages(3)).await;
        let refused = kinds(&outcomes).into_iter().filter(|kind| *kind == Some(ErrorKind::InvalidMessage)).count();
        assert_eq!((refused, outcomes.iter().filter(|outcome| outcome.is_ok()).count()), (1, 2), "{status}");
        let ids: Vec<_> = server.requests().iter().skip(1).map(|request| request.header("webhook-id").to_owned()).collect();
        assert_eq!((ids.len(), ids.iter().filter(|id| id.starts_with("00000000-0000-0000-0000-00000000000")).count()), (3, 3));
    }
}

#[tokio::test]
async fn each_message_has_its_own_result_where_the_receiver_gives_a_list() {
    let keys = json!({"batch_results": "/results", "receipt_field": "/id", "retry_after_field": {"pointer": "/wait"}});
    let answer = r#"{"results": [200, {"status": 202, "id": "m-2"}, {"status": 422, "error": "no such account"},
        {"status": 429, "wait": 7}, {"status": 500}, "ok", {"id": "m-7"}, null]}"#;
    let (outcomes, requests) = sent(keys, &messages(8), [Answer::json(207, answer)]).await;
    use ErrorKind::{Ambiguous, InvalidMessage, RateLimited, Unavailable};
    assert_eq!(
        kinds(&outcomes),
        [
            None,
            None,
            Some(InvalidMessage),
            Some(RateLimited),
            Some(Unavailable),
            Some(Ambiguous),
            Some(Ambiguous),
            Some(Ambiguous)
        ]
    );
    assert_eq!(outcomes[1].as_ref().expect("accepted").id.as_deref(), Some("m-2"));
    let refused = outcomes[2].as_ref().expect_err("refused");
    assert!(refused.code() == Some("422") && refused.reason().contains("no such account"), "{refused}");
    assert_eq!(outcomes[3].as_ref().expect_err("refused").retry_after(), Some(Duration::from_secs(7)));
    assert_eq!(requests.len(), 1, "a definite result is not asked for again");
}

#[tokio::test]
async fn a_list_of_results_that_does_not_fit_leaves_all_in_doubt() {
    for body in ["", "ok", "{}", r#"{"results":{}}"#, r#"{"results":[]}"#, r#"{"results":[200]}"#, r#"{"results":[200,200,200]}"#]
    {
        let (outcomes, requests) = sent(json!({"batch_results": "/results"}), &messages(2), [Answer::json(200, body)]).await;
        assert_eq!((kinds(&outcomes), requests.len()), (vec![Some(ErrorKind::Ambiguous); 2], 1), "{body}");
    }
    let (outcomes, _) = sent(json!({"batch_results": "/results"}), &messages(2), [Answer::new(503)]).await;
    assert_eq!(kinds(&outcomes), [Some(ErrorKind::Unavailable); 2]);
}

#[tokio::test]
async fn recipients_do_not_share_requests_and_results_keep_their_order() {
    let (one, other) = (FaultServer::start().await, FaultServer::start().await);
    other.otherwise(Answer::new(503));
    let mut batch = messages(5);
    for (index, envelope) in batch.iter_mut().enumerate() {
        let url = match index {
            0 | 3 => one.url("/a"),
            2 => one.url("/b"),
            _ => other.url("/"),
        };
        envelope.recipient = Some(url.into());
    }
    batch[4].recipient = Some("nonsense".into());
    let platform = build(with_max(json!({})), &parts()).expect("a webhook");
    let outcomes = platform.send_batch(&batch).await;
    assert_eq!(kinds(&outcomes), [None, Some(ErrorKind::Unavailable), None, None, Some(ErrorKind::InvalidRecipient)]);
    let mut sizes: Vec<_> = one
        .requests()
        .iter()
        .map(|request| {
            let body: Value = serde_json::from_slice(&request.body).expect("JSON");
            (request.path.clone(), body.as_array().map_or(0, Vec::len))
        })
        .collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [("/a".to_owned(), 2), ("/b".to_owned(), 1)]);
}

#[tokio::test]
async fn a_batching_webhook_keeps_every_promise_of_the_suite() {
    let make = |url: &str, parts: &_| {
        let keys =
            json!({"url": format!("{url}/hook"), "max_batch": 10, "batch_results": "", "signing_secrets": [SIGNING_SECRET]});
        build(keys, parts).expect("a webhook")
    };
    Http::new(make, envelope(Message::text("x")), Answer::json(200, "[200]")).json().run().await;
}
