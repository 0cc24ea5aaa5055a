//! Thread keys in forums: one thread per key.

use async_trait::async_trait;

use super::*;
use crate::{
    Platform,
    contract::{ErrorKind, HttpRequest, HttpResponse, Transport, TransportError},
};

fn forum() -> DiscordConfig {
    DiscordConfig { thread_name: Some("alerts".into()), ..hook() }
}

fn keyed(key: &str) -> Envelope {
    let mut message = Message::text("b");
    message.extras_mut().thread_key = Some(key.into());
    envelope(None, message)
}

fn posted_in(thread: &str) -> String {
    json!({"id": "1180000000000000007", "channel_id": thread}).to_string()
}

/// Where each request went: the id of a thread, or the name of a new one in quotes.
fn places(transport: &ScriptedTransport) -> Vec<String> {
    let place = |request: &HttpRequest| match request.url.expose().split_once("&thread_id=") {
        Some((_, id)) => id.to_owned(),
        None => serde_json::from_slice::<Value>(&request.body).expect("JSON")["thread_name"].to_string(),
    };
    transport.requests().iter().map(place).collect()
}

#[tokio::test]
async fn a_key_opens_one_thread_and_later_messages_follow_it() {
    let transport = ScriptedTransport::new()
        .answering(200, posted_in("91"))
        .answering(200, posted_in("91"))
        .answering(200, posted_in("92"))
        .answering(200, posted_in("91"));
    let discord = Discord::build(forum(), &parts(&transport)).expect("a valid configuration");
    for key in ["disk\n db1", " disk db1", "disk db2", "disk db1"] {
        let receipt = discord.send(&keyed(key)).await.expect("accepted");
        assert!(receipt.detail.is_some_and(|detail| detail.starts_with("channel 9")));
    }
    assert_eq!(places(&transport), [r#""disk db1""#, "91", r#""disk db2""#, "91"]);
}

#[tokio::test]
async fn a_long_key_is_cut_for_the_name() {
    let transport = ScriptedTransport::new().answering(200, posted_in("91"));
    let discord = Discord::build(forum(), &parts(&transport)).expect("a valid configuration");
    discord.send(&keyed(&"ä".repeat(101))).await.expect("accepted");
    assert_eq!(places(&transport), [format!("\"{}…\"", "ä".repeat(99))]);
}

#[tokio::test]
async fn a_thread_that_is_gone_or_locked_is_opened_anew() {
    for (status, code) in [(404, 10003), (403, 160_005)] {
        let transport = ScriptedTransport::new()
            .answering(200, posted_in("91"))
            .answering(status, json!({"code": code}).to_string())
            .answering(200, posted_in("92"))
            .answering(200, posted_in("92"));
        let discord = Discord::build(forum(), &parts(&transport)).expect("a valid configuration");
        for _ in 0..3 {
            discord.send(&keyed("k")).await.expect("accepted");
        }
        assert_eq!(places(&transport), [r#""k""#, "91", r#""k""#, "92"]);
    }
}

#[tokio::test]
async fn a_thread_that_could_not_be_opened_is_tried_again() {
    let transport = ScriptedTransport::new().answering(500, "").answering(200, posted_in("91")).answering(500, "");
    let discord = Discord::build(forum(), &parts(&transport)).expect("a valid configuration");
    assert_eq!(discord.send(&keyed("k")).await.expect_err("500").kind(), ErrorKind::Unavailable);
    discord.send(&keyed("k")).await.expect("accepted");
    assert_eq!(discord.send(&keyed("k")).await.expect_err("500").kind(), ErrorKind::Unavailable);
    assert_eq!(places(&transport), [r#""k""#, r#""k""#, "91"]);
}

#[tokio::test]
async fn a_key_opens_nothing_outside_of_forums_or_where_a_thread_is_named() {
    let ok = posted_in("91");
    let transport = ScriptedTransport::new().answering(200, ok.clone()).answering(200, ok.clone()).answering(200, ok);
    for (config, recipient) in
        [(hook(), None), (DiscordConfig { thread_id: Some(USER.into()), ..forum() }, None), (forum(), Some(THREAD))]
    {
        let discord = Discord::build(config, &parts(&transport)).expect("a valid configuration");
        let envelope = Envelope { recipient: recipient.map(Into::into), ..keyed("k") };
        discord.send(&envelope).await.expect("accepted");
    }
    assert_eq!(places(&transport), ["null", USER, THREAD]);
}

/// Lets others run between a request and its answer.
struct Unhurried(ScriptedTransport);

#[async_trait]
impl Transport for Unhurried {
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let answer = self.0.exchange(request).await;
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        answer
    }
}

#[tokio::test]
async fn two_messages_of_one_key_at_once_open_one_thread() {
    let script = ScriptedTransport::new().answering(200, posted_in("91")).answering(200, posted_in("91"));
    let parts = Parts { transport: Arc::new(Unhurried(script.clone())), ..parts(&script) };
    let discord = Discord::build(forum(), &parts).expect("a valid configuration");
    let (first, second) = (keyed("k"), keyed("k"));
    let (first, second) = tokio::join!(discord.send(&first), discord.send(&second));
    first.and(second).expect("accepted");
    assert_eq!(places(&script), [r#""k""#, "91"]);
}
