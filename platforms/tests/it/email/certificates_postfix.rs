//! Certificates of clients, and versions of TLS, against a real server.

use std::fs;

use notifyhub_platforms::{
    contract::{Adapter, ErrorKind, Message, Platform, Secret},
    email::{Email, EmailConfig, Security, TlsVersion},
};

use super::{
    build, envelope, parts,
    postfix::{Postfix, field},
};

fn with_certificate(postfix: &Postfix) -> EmailConfig {
    let mut config = postfix.config_with_login("tls", Security::Tls);
    let (certificate, key) = postfix.client_certificate();
    config.client_cert_file = Some(certificate);
    config.client_key = Some(Secret::new(fs::read_to_string(key).expect("the client's key")));
    config
}

#[tokio::test]
async fn a_certificate_is_shown_to_a_server_that_asks_for_one() {
    let postfix = Postfix::get();
    for (config, shown) in [
        (with_certificate(&postfix), "Client CN \"notifyhub-client\", Issuer \"notifyhub test CA\" (verified OK)"),
        (postfix.config_with_login("tls", Security::Tls), "No client certificate requested"),
    ] {
        let envelope = envelope("bob@example.test", Message::text("x"));
        build(config).send(&envelope).await.expect("accepted");
        let received = field(&postfix.mail("bob", envelope.id).await, "Received").unwrap_or_default();
        assert_eq!(received.contains(shown), shown.starts_with("Client"), "{received}");
    }
}

#[test]
fn a_key_that_is_not_that_of_the_certificate_is_refused() {
    let postfix = Postfix::get();
    for key in [super::signatures::ED25519, "s3cret", "-----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY-----\n"] {
        let mut config = with_certificate(&postfix);
        config.client_key = Some(Secret::new(key));
        let error = Email::build(config, &parts()).expect_err("another key");
        assert_eq!(error.key.as_deref(), Some("client_key"), "{error}");
        assert!(!error.reason.contains("s3cret"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_knows_only_an_older_version_than_allowed_is_not_used() {
    let postfix = Postfix::get();
    let mut config = postfix.config("old", Security::Tls);
    build(config.clone()).check().await.expect("TLS 1.2 is spoken by default");
    config.tls_min_version = TlsVersion::V1_3;
    let error = build(config).check().await.expect_err("too old");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    let mut config = postfix.config("tls", Security::Tls);
    config.tls_min_version = TlsVersion::V1_3;
    build(config).check().await.expect("TLS 1.3 on both sides");
}
