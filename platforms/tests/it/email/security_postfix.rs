//! TLS and login against a real server.

use notifyhub_platforms::{
    contract::{ErrorKind, Message, Platform, Secret},
    email::{AuthMechanism, EmailConfig, Security},
};

use super::{build, envelope, postfix::Postfix};

async fn refusal(config: EmailConfig) -> (ErrorKind, String) {
    let platform = build(config);
    let error = platform.send(&envelope("bob@example.test", Message::text("x"))).await.expect_err("refused");
    let check = platform.check().await.expect_err("refused");
    assert_eq!(check.kind(), error.kind(), "check fails as a send does");
    (error.kind(), error.to_string())
}

#[tokio::test]
async fn mail_goes_over_tls_from_the_first_byte_and_over_starttls() {
    let postfix = Postfix::get();
    for config in [
        postfix.config_with_login("tls", Security::Tls),
        postfix.config_with_login("submission", Security::StartTls),
        postfix.config_with_login("submission", Security::Opportunistic),
        postfix.config("plain", Security::StartTls),
        postfix.config("plain", Security::Opportunistic),
    ] {
        let security = config.security;
        let platform = build(config);
        platform.check().await.expect("all is well");
        let envelope = envelope("bob@example.test", Message::text("x"));
        platform.send(&envelope).await.unwrap_or_else(|error| panic!("{security:?}: {error}"));
        let mail = postfix.mail("bob", envelope.id).await;
        assert!(mail.contains("using TLSv1.3"), "{security:?}: {mail}");
    }
}

#[tokio::test]
async fn both_ways_to_log_in_work_one_by_one() {
    for mechanism in [AuthMechanism::Plain, AuthMechanism::Login] {
        let mut config = Postfix::get().config_with_login("submission", Security::StartTls);
        config.auth_mechanisms = vec![mechanism];
        build(config).check().await.unwrap_or_else(|error| panic!("{mechanism:?}: {error}"));
    }
}

#[tokio::test]
async fn a_wrong_password_is_unauthorized_and_never_shown() {
    let mut config = Postfix::get().config_with_login("submission", Security::StartTls);
    config.password = Some(Secret::new("not-the-password"));
    let (kind, text) = refusal(config).await;
    assert_eq!(kind, ErrorKind::Unauthorized);
    assert!(text.contains("535 5.7.8") && !text.contains("not-the-password"), "{text}");
}

#[tokio::test]
async fn a_server_that_wants_a_login_refuses_without_one() {
    let postfix = Postfix::get();
    let (kind, text) = refusal_of_send(postfix.config("submission", Security::StartTls)).await;
    assert_eq!(kind, ErrorKind::Unauthorized, "{text}");
    let (kind, text) = refusal_of_send(postfix.config("submission", Security::None)).await;
    assert_eq!(kind, ErrorKind::Unauthorized, "{text}");
    assert!(text.contains("530 5.7.0"), "{text}");
}

async fn refusal_of_send(config: EmailConfig) -> (ErrorKind, String) {
    let error = build(config).send(&envelope("bob@example.test", Message::text("x"))).await.expect_err("refused");
    (error.kind(), error.to_string())
}

#[tokio::test]
async fn no_password_leaves_over_an_unencrypted_connection() {
    let (kind, text) = refusal(Postfix::get().config_with_login("plain", Security::None)).await;
    assert_eq!(kind, ErrorKind::Unauthorized);
    assert!(text.contains("not encrypted") && text.contains("allow_insecure_auth"), "{text}");
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused_with_the_way_out() {
    let postfix = Postfix::get();
    for (port, security) in [("tls", Security::Tls), ("plain", Security::StartTls)] {
        let mut config = postfix.config(port, security);
        config.ca_file = None;
        let (kind, text) = refusal(config).await;
        assert_eq!(kind, ErrorKind::Unauthorized, "{text}");
        assert!(text.contains("ca_file"), "{text}");
    }
}
