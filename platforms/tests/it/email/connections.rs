//! Connections that are kept: how long, for how many mails, and when they are asked whether they still work.

use std::time::Duration;

use notifyhub_platforms::{
    contract::{Message, Platform},
    email::Email,
    testkit::{SmtpReaction, SmtpScript},
};

use super::{build, envelope, plain};

async fn send(platform: &Email) {
    platform.send(&envelope("ada@example.com", Message::text("x"))).await.expect("accepted");
}

/// Moves the clock of the adapter; sockets notice nothing of it.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

fn count(server: &SmtpScript, verb: &str) -> usize {
    server.lines().iter().filter(|line| *line == verb).count()
}

#[tokio::test]
async fn a_connection_unused_for_thirty_seconds_is_asked_before_it_carries_a_mail() {
    let server = SmtpScript::start().await;
    let platform = build(plain(&server));
    send(&platform).await;
    pass(Duration::from_secs(25)).await;
    send(&platform).await;
    assert_eq!(count(&server, "NOOP"), 0, "it was used a moment ago");
    pass(Duration::from_secs(31)).await;
    send(&platform).await;
    assert_eq!((count(&server, "NOOP"), server.connections()), (1, 1));
}

#[tokio::test]
async fn a_connection_that_does_not_answer_any_more_is_replaced_without_costing_an_attempt() {
    for reaction in [SmtpReaction::Close, "421 4.4.2 idle for too long".into()] {
        let server = SmtpScript::start().await;
        let platform = build(plain(&server));
        send(&platform).await;
        pass(Duration::from_secs(31)).await;
        server.next("NOOP", reaction);
        send(&platform).await;
        assert_eq!(server.connections(), 2);
    }
}

#[tokio::test]
async fn a_connection_unused_for_longer_than_allowed_is_not_even_asked() {
    let server = SmtpScript::start().await;
    let platform = build(plain(&server));
    send(&platform).await;
    pass(Duration::from_secs(61)).await;
    send(&platform).await;
    assert_eq!((count(&server, "NOOP"), server.connections()), (0, 2));
}

#[tokio::test]
async fn no_connection_carries_more_mails_than_allowed_and_each_ends_with_a_good_bye() {
    let server = SmtpScript::start().await;
    let mut config = plain(&server);
    config.max_messages_per_connection = 2;
    let platform = build(config);
    for _ in 0..4 {
        send(&platform).await;
    }
    let batch: Vec<_> = (0..5).map(|_| envelope("ada@example.com", Message::text("x"))).collect();
    assert!(platform.send_batch(&batch).await.iter().all(Result::is_ok));
    assert_eq!((server.connections(), count(&server, "QUIT")), (5, 4));
}

#[tokio::test]
async fn the_name_of_this_machine_is_told_as_configured() {
    let server = SmtpScript::start().await;
    let mut config = plain(&server);
    config.helo_name = Some("app.example.org".into());
    send(&build(config)).await;
    assert!(server.lines().iter().filter(|line| line.starts_with("EHLO")).all(|line| line == "EHLO app.example.org"));
}
