//! What a bot sends, and to whom.

use super::*;
use crate::{
    Platform,
    contract::{ErrorKind, Idempotency, RecipientRule},
};

const CHANNEL: &str = "1180000000000000005";

fn bot() -> DiscordConfig {
    DiscordConfig { token: Some(Secret::new("s3cret.t0ken")), ..DiscordConfig::default() }
}

#[test]
fn a_bot_posts_exactly_this_request() {
    let request = discord(bot()).request(&envelope(Some(CHANNEL), Message::text("full"))).expect("a request");
    assert_eq!(
        (request.method.as_str(), request.url.expose()),
        ("POST", "https://discord.com/api/v10/channels/1180000000000000005/messages")
    );
    assert_eq!(request.headers["authorization"], "Bot s3cret.t0ken");
    assert!(request.headers["authorization"].is_sensitive());
    assert_eq!(
        std::str::from_utf8(&request.body),
        Ok(r#"{"allowed_mentions":{"parse":[]},"content":"full","enforce_nonce":true,"nonce":"AAAAAAAAAAAAAAAAAAAABw"}"#)
    );
}

#[test]
fn every_attempt_has_the_same_nonce_and_every_envelope_its_own() {
    let nonce = |envelope: &Envelope| {
        let request = discord(bot()).request(envelope).expect("a request");
        let payload: Value = serde_json::from_slice(&request.body).expect("JSON");
        payload["nonce"].as_str().expect("a nonce").to_owned()
    };
    let first = envelope(Some(CHANNEL), Message::text("b"));
    let second = Envelope { attempt: 2, ..first.clone() };
    let other = Envelope { id: EnvelopeId::new(u128::MAX), ..first.clone() };
    assert_eq!(nonce(&first), nonce(&second));
    assert_ne!(nonce(&first), nonce(&other));
    assert!(nonce(&other).len() <= 25);
    assert_eq!(discord(bot()).capabilities().idempotency, Idempotency::Platform);
    assert_eq!(discord(hook()).capabilities().idempotency, Idempotency::None);
}

#[test]
fn a_bot_needs_the_id_of_a_channel_and_a_thread_key_leads_into_a_thread_of_it() {
    let discord = discord(bot());
    assert_eq!(discord.capabilities().recipient, RecipientRule::Required);
    for recipient in [None, Some(""), Some("#general"), Some("../../users")] {
        let error = discord.request(&envelope(recipient, Message::text("b"))).expect_err("refused");
        assert!(error.kind() == ErrorKind::InvalidRecipient && error.reason().contains("15 to 20 digits"), "{error}");
    }
    let mut message = Message::text("b");
    message.extras_mut().thread_key = Some("order 7".into());
    let url = |message: &Message| discord.request(&envelope(Some(CHANNEL), message.clone())).expect("a request").url;
    assert!(url(&message).expose().ends_with("/channels/1180000000000000005/messages"));
    message.extras_mut().thread_key = Some(THREAD.into());
    assert!(url(&message).expose().ends_with("/channels/1180000000000000009/messages"));
}

#[test]
fn another_address_of_the_api_can_be_given() {
    let config = DiscordConfig { base_url: Some("https://proxy.example/api/v10/".into()), ..bot() };
    let request = discord(config).request(&envelope(Some(CHANNEL), Message::text("b"))).expect("a request");
    assert_eq!(request.url.expose(), "https://proxy.example/api/v10/channels/1180000000000000005/messages");
}

#[tokio::test]
async fn a_check_of_a_bot_asks_who_it_is() {
    let transport = ScriptedTransport::new()
        .answering(200, r#"{"id":"1180","username":"hub"}"#)
        .answering(401, r#"{"message":"401: Unauthorized s3cret.t0ken","code":0}"#);
    let discord = Discord::build(bot(), &parts(&transport)).expect("a valid configuration");
    discord.check().await.expect("a good token");
    let error = discord.check().await.expect_err("a bad token");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unauthorized, Some("401")));
    assert!(!error.to_string().contains("s3cret"), "{error}");
    let request = &transport.requests()[0];
    assert_eq!((request.method.as_str(), request.url.expose()), ("GET", "https://discord.com/api/v10/users/@me"));
    assert_eq!(request.headers["authorization"], "Bot s3cret.t0ken");
}
