//! Servers that misbehave: what was certainly not accepted is told apart from what may have been.

use std::time::Duration;

use notifyhub_platforms::{
    contract::{ErrorKind, Message, Platform, Receipt, Secret, SendError},
    email::{Email, EmailConfig, Security},
    testkit::{SmtpReaction, SmtpScript},
};

use super::{build, envelope, plain};

async fn send(platform: &Email) -> Result<Receipt, SendError> {
    platform.send(&envelope("ada@example.com", Message::text("hello"))).await
}

async fn fails(point: &str, reaction: impl Into<SmtpReaction>) -> SendError {
    let server = SmtpScript::start().await;
    server.always(point, reaction);
    let mut config = plain(&server);
    config.command_timeout = Duration::from_millis(300);
    send(&build(config)).await.expect_err("the script says so")
}

#[tokio::test]
async fn a_connection_lost_behind_the_end_of_the_mail_is_ambiguous() {
    for reaction in [SmtpReaction::Close, SmtpReaction::Silence, "not SMTP at all".into(), SmtpReaction::Raw(vec![0xff; 3000])] {
        let error = fails(".", reaction.clone()).await;
        assert_eq!(error.kind(), ErrorKind::Ambiguous, "{reaction:?}: {error}");
    }
}

#[tokio::test]
async fn a_connection_lost_before_the_end_of_the_mail_is_unavailable() {
    for point in ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA"] {
        for reaction in
            [SmtpReaction::Close, SmtpReaction::Silence, "not SMTP at all".into(), SmtpReaction::Raw(vec![0xff; 3000])]
        {
            let error = fails(point, reaction.clone()).await;
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{point} {reaction:?}: {error}");
        }
    }
}

#[tokio::test]
async fn a_connection_lost_in_the_middle_of_a_large_mail_is_unavailable() {
    let server = SmtpScript::start().await;
    server.next("CONTENT", SmtpReaction::Close);
    let line = "a line of a mail that is far larger than any buffer between us\n";
    let big = envelope("ada@example.com", Message::text(line.repeat(250_000)));
    let error = build(plain(&server)).send(&big).await.expect_err("cut off");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}

#[tokio::test]
async fn a_server_that_is_shutting_down_is_unavailable_wherever_it_says_so() {
    for point in ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."] {
        let error = fails(point, "421 4.3.2 shutting down").await;
        assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, Some("421 4.3.2")), "{point}: {error}");
    }
}

#[tokio::test]
async fn nobody_listening_and_no_such_name_are_unavailable() {
    let mut config = EmailConfig::new("127.0.0.1", "alerts@example.org");
    let server = SmtpScript::start().await;
    config.port = Some(server.address().port());
    drop(server);
    assert_eq!(send(&build(config.clone())).await.expect_err("refused").kind(), ErrorKind::Unavailable);
    config.host = "no-such-host.invalid".into();
    assert_eq!(send(&build(config)).await.expect_err("no such name").kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_stripped_starttls_never_falls_back_to_plaintext() {
    let server = SmtpScript::start().await;
    let mut config = plain(&server);
    config.security = Security::StartTls;
    config.username = Some("ada".into());
    config.password = Some(Secret::new("hunter2"));
    let error = send(&build(config)).await.expect_err("no STARTTLS");
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(error.reason().contains("STARTTLS"), "{error}");
    let said = server.lines();
    assert!(said.iter().all(|line| line.starts_with("EHLO") || line == "QUIT"), "{said:?}");
}

#[tokio::test]
async fn replies_injected_before_the_handshake_break_it() {
    let server = SmtpScript::start().await;
    server.always("EHLO", "250-script.example.test\r\n250 STARTTLS");
    server.always("STARTTLS", SmtpReaction::Raw(b"220 go on\r\n250-script\r\n250 AUTH PLAIN\r\n235 ok\r\n250 ok\r\n".to_vec()));
    let mut config = plain(&server);
    config.security = Security::StartTls;
    let error = send(&build(config)).await.expect_err("not TLS");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(!server.lines().iter().any(|line| line.starts_with("MAIL")), "{:?}", server.lines());
}

#[tokio::test]
async fn a_kept_connection_that_died_costs_no_attempt() {
    let server = SmtpScript::start().await;
    let platform = build(plain(&server));
    send(&platform).await.expect("accepted");
    for reaction in [SmtpReaction::Close, "421 4.4.2 idle for too long".into()] {
        let before = server.connections();
        server.next("MAIL", reaction);
        send(&platform).await.expect("accepted over a new connection");
        assert_eq!(server.connections(), before + 1);
    }
}

#[tokio::test]
async fn a_new_connection_that_dies_is_not_tried_again() {
    let server = SmtpScript::start().await;
    server.always("MAIL", SmtpReaction::Close);
    send(&build(plain(&server))).await.expect_err("lost");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_refusal_leaves_the_connection_usable_and_a_loss_does_not() {
    let server = SmtpScript::start().await;
    let platform = build(plain(&server));
    server.next("RCPT", "550 5.1.1 unknown");
    send(&platform).await.expect_err("unknown");
    server.next(".", "554 5.7.1 spam");
    send(&platform).await.expect_err("spam");
    send(&platform).await.expect("accepted");
    assert_eq!(server.connections(), 1, "one connection for all three");
    server.next(".", SmtpReaction::Close);
    assert!(send(&platform).await.expect_err("lost").is_ambiguous());
    send(&platform).await.expect("accepted");
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn an_idle_connection_is_tested_and_a_stale_one_is_not_used() {
    let server = SmtpScript::start().await;
    let mut config = plain(&server);
    config.idle_timeout = Duration::from_millis(1);
    let platform = build(config);
    send(&platform).await.expect("accepted");
    tokio::time::sleep(Duration::from_millis(5)).await;
    send(&platform).await.expect("accepted");
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn one_lost_mail_of_a_batch_is_ambiguous_and_the_rest_goes_on() {
    let server = SmtpScript::start().await;
    server.next(".", "250 2.0.0 queued");
    server.next(".", SmtpReaction::Close);
    let batch: Vec<_> = (0..3).map(|_| envelope("ada@example.com", Message::text("x"))).collect();
    let results = build(plain(&server)).send_batch(&batch).await;
    assert_eq!(results.len(), 3);
    assert!(results[0].is_ok() && results[2].is_ok(), "{results:?}");
    assert!(results[1].as_ref().expect_err("lost").is_ambiguous());
}

#[tokio::test]
async fn a_server_that_is_gone_fails_the_rest_of_a_batch_at_once() {
    let server = SmtpScript::start().await;
    server.always("CONNECT", "421 4.3.2 not now");
    let batch: Vec<_> = (0..5).map(|_| envelope("ada@example.com", Message::text("x"))).collect();
    let results = build(plain(&server)).send_batch(&batch).await;
    assert!(
        results.iter().all(|result| result.as_ref().is_err_and(|error| error.kind() == ErrorKind::Unavailable)),
        "{results:?}"
    );
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_password_the_server_quotes_back_is_redacted() {
    let server = SmtpScript::start().await;
    server.always("EHLO", "250-script.example.test\r\n250 AUTH PLAIN");
    server.always("AUTH", "535 5.7.8 hunter2-long AGFkYQBodW50ZXIyLWxvbmc= is wrong");
    let mut config = plain(&server);
    config.allow_insecure_auth = true;
    config.username = Some("ada".into());
    config.password = Some(Secret::new("hunter2-long"));
    let error = send(&build(config)).await.expect_err("wrong");
    assert_eq!(error.to_string(), "unauthorized (535 5.7.8): [redacted] [redacted] is wrong");
}

#[tokio::test]
async fn an_access_token_is_sent_as_xoauth2() {
    let server = SmtpScript::start().await;
    server.always("EHLO", "250-script.example.test\r\n250 AUTH PLAIN XOAUTH2");
    let mut config = plain(&server);
    config.allow_insecure_auth = true;
    config.username = Some("ada@example.org".into());
    config.access_token = Some(Secret::new("ya29.token"));
    send(&build(config)).await.expect("accepted");
    let auth = server.lines().into_iter().find(|line| line.starts_with("AUTH XOAUTH2 ")).expect("a login");
    use base64::{Engine, engine::general_purpose::STANDARD};
    let token = STANDARD.decode(auth.trim_start_matches("AUTH XOAUTH2 ")).expect("base64");
    assert_eq!(token, b"user=ada@example.org\x01auth=Bearer ya29.token\x01\x01");
}
