//! The tools for tests, tested: a script that is not followed or a suite that notices nothing would prove nothing.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use notifyhub_platforms::{
    Platform,
    contract::{
        Capabilities, Clock, Envelope, EnvelopeId, ErrorKind, HttpRequest, Message, NetworkPolicy, Parts, Receipt, SendError,
    },
    testkit::{self, Answer, FakePlatform, Reaction, TokioClock, conformance::Http},
};

fn envelope(id: u128) -> Envelope {
    Envelope { id: EnvelopeId::new(id), ..testkit::envelope(None, Message::text("x")) }
}

#[tokio::test]
async fn a_fake_platform_follows_its_script_and_then_its_default() {
    let platform = FakePlatform::new();
    platform.push(Ok(Receipt::with_id("m-1")));
    platform.push(SendError::unavailable("down"));
    assert_eq!(platform.send(&envelope(1)).await.expect("scripted").id.as_deref(), Some("m-1"));
    assert_eq!(platform.send(&envelope(2)).await.expect_err("scripted").kind(), ErrorKind::Unavailable);
    assert!(platform.send(&envelope(3)).await.is_ok());
    platform.otherwise(SendError::unauthorized("no"));
    assert!(platform.send(&envelope(4)).await.is_err());
    let ids: Vec<_> = platform.sent().iter().map(|envelope| envelope.id.bits()).collect();
    assert_eq!((ids, platform.count(), platform.finished()), (vec![1, 2, 3, 4], 4, 4));
}

#[tokio::test(start_paused = true)]
async fn a_fake_platform_delays_hangs_and_panics_as_told() {
    let platform = FakePlatform::new();
    platform.push(Reaction::Delay(Duration::from_secs(3600), Ok(Receipt::accepted())));
    platform.push(Reaction::Hang);
    platform.push(Reaction::Panic);
    let began = TokioClock.now();
    platform.send(&envelope(1)).await.expect("accepted, late");
    assert_eq!(TokioClock.now() - began, Duration::from_secs(3600));
    assert!(tokio::time::timeout(Duration::from_secs(3600), platform.send(&envelope(2))).await.is_err());
    let told = platform.clone();
    let mut panicking = tokio::task::JoinSet::new();
    panicking.spawn(async move { told.send(&envelope(3)).await });
    assert!(panicking.join_next().await.expect("one task").expect_err("a panic").is_panic());
    assert_eq!((platform.count(), platform.finished()), (3, 1));
}

#[tokio::test]
async fn a_send_can_be_waited_for() {
    let platform = FakePlatform::new();
    let handle = platform.clone();
    let (first, second) = (envelope(1), envelope(2));
    let sending = async {
        handle.send(&first).await.and(handle.send(&second).await).expect("accepted");
    };
    let (sent, (), ()) = tokio::join!(platform.wait_for(2), platform.wait_for_finished(2), sending);
    assert_eq!(sent.len(), 2);
}

#[tokio::test]
async fn batches_lanes_capabilities_and_checks_are_as_set() {
    let capabilities = Capabilities { batch_max: 10, ..Capabilities::default() };
    let platform = FakePlatform::new().with_capabilities(capabilities).with_lane(|recipient| recipient.map(str::to_uppercase));
    platform.push(SendError::rate_limited("slow down"));
    let results = platform.send_batch(&[envelope(1), envelope(2)]).await;
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [false, true]);
    assert_eq!((platform.batches(), platform.capabilities()), (vec![2], capabilities));
    assert_eq!(platform.lane(Some("a")).as_deref(), Some("A"));
    assert!(platform.check().await.is_ok());
    platform.on_check(Err(SendError::unauthorized("no")));
    assert!(platform.check().await.is_err());
}

/// An adapter with one fault, which the suite must find.
struct Flawed {
    url: String,
    parts: Parts,
    verdict: fn(Result<u16, SendError>) -> Result<Receipt, SendError>,
}

#[async_trait]
impl Platform for Flawed {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn send(&self, _: &Envelope) -> Result<Receipt, SendError> {
        let mut request = HttpRequest::new(http::Method::POST, notifyhub_platforms::contract::Endpoint::new(&*self.url));
        request.network = NetworkPolicy::AllowPrivate;
        let answer = self.parts.transport.exchange(request).await;
        (self.verdict)(answer.map(|answer| answer.status.as_u16()).map_err(SendError::from))
    }

    async fn check(&self) -> Result<(), SendError> {
        Ok(())
    }
}

async fn examine(verdict: fn(Result<u16, SendError>) -> Result<Receipt, SendError>) {
    let make = move |url: &str, parts: &Parts| -> Arc<dyn Platform> {
        Arc::new(Flawed { url: format!("{url}/t0ken"), parts: parts.clone(), verdict })
    };
    Http::new(make, envelope(1), Answer::new(200)).secrets(["t0ken"]).run().await;
}

#[tokio::test]
#[should_panic(expected = "too_many_requests_waits")]
async fn the_suite_finds_an_adapter_that_believes_every_answer() {
    examine(|answer| answer.map(|_| Receipt::accepted())).await;
}

#[tokio::test]
#[should_panic(expected = "too_many_requests_waits: `retry-after: 7`")]
async fn the_suite_finds_an_adapter_that_forgets_the_wait() {
    examine(|answer| match answer? {
        200 => Ok(Receipt::accepted()),
        _ => Err(SendError::rate_limited("slow down")),
    })
    .await;
}

#[tokio::test]
#[should_panic(expected = "secrets_stay_secret")]
async fn the_suite_finds_an_adapter_that_tells_secrets() {
    examine(|answer| match answer? {
        200 => Ok(Receipt::accepted()),
        status => Err(SendError::unavailable(format!("POST /t0ken answered {status}"))),
    })
    .await;
}

#[test]
#[should_panic(expected = "there is no promise `x`")]
fn an_exception_must_name_a_promise() {
    let _ = Http::new(|_, _| Arc::new(FakePlatform::new()), envelope(1), Answer::new(200)).except("x");
}
