//! DKIM signatures: what is signed, and which keys there are.

use notifyhub_platforms::{
    contract::{Adapter, Message, Platform, Secret},
    email::{Dkim, DkimAlgorithm, Email, EmailConfig},
    testkit::SmtpScript,
};

use super::{build, envelope, parts, plain};

pub(super) const RSA: &str = include_str!("keys/rsa.pem");
pub(super) const RSA_PKCS1: &str = include_str!("keys/rsa-pkcs1.pem");
pub(super) const ED25519: &str = include_str!("keys/ed25519.pem");
/// The same key as its 32 bytes.
pub(super) const ED25519_SEED: &str = "nzKnYVzEq3vXwx60p54j/q53SaybpxHHFi2NeqaIXx4=";

pub(super) fn dkim(algorithm: DkimAlgorithm, key: &str) -> Dkim {
    Dkim { selector: "s1".into(), private_key: Secret::new(key), algorithm, domain: None }
}

/// The lines of the mail for one message, signed.
async fn signed(dkim: Dkim, attempt: u32) -> Vec<String> {
    let server = SmtpScript::start().await;
    let mut config = plain(&server);
    config.dkim = Some(dkim);
    let mut envelope = envelope("ada@example.com", Message::markdown("**x**  \n\n\n").title("A  title"));
    envelope.id = notifyhub_platforms::contract::EnvelopeId::new(7);
    envelope.attempt = attempt;
    build(config).send(&envelope).await.expect("accepted");
    let lines = server.lines();
    lines.into_iter().skip_while(|line| line != "DATA").skip(1).take_while(|line| line != ".").collect()
}

#[tokio::test]
async fn a_signature_comes_first_and_covers_what_matters() {
    let lines = signed(dkim(DkimAlgorithm::Rsa, RSA), 1).await;
    assert_eq!(lines[0], "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org;");
    assert_eq!(lines[1], " s=s1; t=1790000000;");
    assert_eq!(lines[2], " h=from:to:subject:date:message-id:reply-to:cc:");
    assert_eq!(lines[3], " mime-version:content-type:list-unsubscribe:list-unsubscribe-post;");
    assert!(lines[4].starts_with(" bh=") && lines[5].starts_with(" b="), "{lines:?}");
    let lines = signed(dkim(DkimAlgorithm::Ed25519, ED25519), 1).await;
    assert_eq!(lines[0], "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org;");
}

#[tokio::test]
async fn every_attempt_is_signed_the_same_whatever_form_the_key_has() {
    for (algorithm, one, other) in [(DkimAlgorithm::Rsa, RSA, RSA_PKCS1), (DkimAlgorithm::Ed25519, ED25519, ED25519_SEED)] {
        assert_eq!(signed(dkim(algorithm, one), 1).await, signed(dkim(algorithm, other), 2).await);
    }
}

#[test]
fn a_key_that_cannot_sign_is_refused_by_its_name_and_never_shown() {
    let small = include_str!("keys/rsa-1024.pem");
    let good = || dkim(DkimAlgorithm::Rsa, RSA);
    for (dkim, key) in [
        (dkim(DkimAlgorithm::Rsa, "s3cret"), "dkim.private_key"),
        (dkim(DkimAlgorithm::Rsa, small), "dkim.private_key"),
        (dkim(DkimAlgorithm::Rsa, ED25519), "dkim.private_key"),
        (dkim(DkimAlgorithm::Ed25519, RSA), "dkim.private_key"),
        (dkim(DkimAlgorithm::Ed25519, RSA_PKCS1), "dkim.private_key"),
        (dkim(DkimAlgorithm::Ed25519, "c2hvcnQ="), "dkim.private_key"),
        (dkim(DkimAlgorithm::Ed25519, "s3cret"), "dkim.private_key"),
        (Dkim { selector: "a b".into(), ..good() }, "dkim.selector"),
        (Dkim { selector: "s1; d=eve.example".into(), ..good() }, "dkim.selector"),
        (Dkim { domain: Some("example..org".into()), ..good() }, "dkim.domain"),
    ] {
        let mut config = EmailConfig::new("smtp.example.org", "alerts@example.org");
        assert!(!format!("{dkim:?}").contains("PRIVATE KEY"));
        config.dkim = Some(dkim);
        let error = Email::build(config, &parts()).expect_err(key);
        assert_eq!(error.key.as_deref(), Some(key), "{error}");
        assert!(error.reason.contains("expected") && !error.reason.contains("s3cret"), "{error}");
    }
}
